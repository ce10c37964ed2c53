"""What is asked for of ambient occlusion -> the kernels' Sky: rays over the hemisphere, and how far they look."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import warp as wp

from assetpipe.asset import Floats
from assetpipe.baking.kernels.sky import Sky
from assetpipe.baking.staging import Staged
from assetpipe.baking.surface import Occlusion

GOLDEN_ANGLE = math.radians(137.50776405003785)
TURNS = 16
STEP = 2e-5
"""Of the source's largest extent: what rays start off a surface."""
FAR = 2.0
"""Extents: more than any box's diagonal."""


def make_sky(asked: Occlusion, source: Staged) -> Any:
    sky = Sky()
    sky.mesh = source.mesh.id
    sky.towards = wp.array(_hemisphere(asked.rays), dtype=wp.vec3, device=source.device)
    angles = [2 * math.pi * (at * 7 % TURNS) / TURNS for at in range(TURNS)]
    turns = np.array([(math.cos(angle), math.sin(angle)) for angle in angles], np.float32)
    sky.turns = wp.array(turns, dtype=wp.vec2, device=source.device)
    sky.reach, sky.step, sky.far = asked.reach * source.size, STEP * source.size, FAR * source.size
    return sky


def _hemisphere(count: int) -> Floats:
    """(count, 3) cosine-weighted about +Z: sunflower seeds on a disc, lifted to the sphere."""
    radius = [math.sqrt((at + 0.5) / count) for at in range(count)]
    seeds = [
        (r * math.cos(at * GOLDEN_ANGLE), r * math.sin(at * GOLDEN_ANGLE), math.sqrt(1 - r * r))
        for at, r in enumerate(radius)
    ]
    return np.array(seeds, np.float32)
