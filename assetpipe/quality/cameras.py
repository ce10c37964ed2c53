"""Where a picture is taken from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array
from assetpipe.quality.drawables import Box, Drawable

UP = np.array([0.0, 1.0, 0.0])
# Front is +Z in glTF.
SIX = ((0.0, 0.0), (90.0, 0.0), (180.0, 0.0), (270.0, 0.0), (0.0, 90.0), (0.0, -90.0))
GOLDEN_ANGLE = 137.50776405003785


@dataclass(frozen=True, eq=False)
class Camera:
    """The picture is square. Lengths are metres."""

    eye: Array
    """(3,)"""
    right: Array
    """(3,) from the middle of the picture to its right edge: at one metre's distance (perspective) or anywhere (not)"""
    up: Array
    """(3,) likewise, to its upper edge"""
    forward: Array
    """(3,) unit vector"""
    parallel: bool = False
    shift: tuple[float, float] = (0.0, 0.0)
    """of the picture's middle, in halves of the picture, right and up"""


def views(box: Box, count: int = 6) -> list[Camera]:
    """`count` parallel cameras about the box, each seeing all of it: front, right, back, left, top and bottom first;
    more than six are spread evenly over the sphere instead."""
    angles = SIX[:count] if count <= 6 else [_fibonacci(i, count) for i in range(count)]
    return [_parallel(box, math.radians(turn), math.radians(rise)) for turn, rise in angles]


def three_quarter(drawables: Sequence[Drawable], box: Box, margin: float) -> Camera:
    """From the right, a little above (the flatter, the higher), through a long lens, with `margin` (0..1) about it."""
    width, height, length = box.high - box.low
    flat = 1.0 - min(float(height / (max(width, length) or 1.0)), 1.0)
    right, up, forward = _axes(math.radians(32.0), math.radians(16.0 + 22.0 * flat * flat))
    half = math.tan(math.radians(12.0))
    corners = np.concatenate([(item.positions[item.indices] - box.centre) for item in drawables if len(item.indices)])
    x, y, z = corners @ right, corners @ up, corners @ forward
    zoom = half * (1.0 - margin)
    least = max(-1.05 * float(z.min()), box.size / 2.0)
    away = float(max((np.abs(x) / zoom - z).max(), (np.abs(y) / zoom - z).max(), least))
    shift = (0.0, 0.0)
    for _ in range(4):  # nearer parts look larger: where the middle is depends on the distance, and the other way round
        across, upward = x / (away + z), y / (away + z)
        middle = (across.max() + across.min()) / 2.0, (upward.max() + upward.min()) / 2.0
        extent = max(across.max() - across.min(), upward.max() - upward.min()) / 2.0
        shift = (float(middle[0] / half), float(middle[1] / half))
        away = max(float(away * extent / zoom), least)
    return Camera(box.centre - forward * away, right * half, up * half, forward, shift=shift)


def _parallel(box: Box, turn: float, rise: float) -> Camera:
    right, up, forward = _axes(turn, rise)
    reach = float(np.linalg.norm(box.high - box.low)) / 2.0 or 0.5
    extent = (box.high - box.low) / 2.0
    half = max(float(np.abs(right) @ extent), float(np.abs(up) @ extent), reach * 1e-3) * 1.02
    return Camera(box.centre - forward * (reach * 1.5), right * half, up * half, forward, parallel=True)


def _axes(turn: float, rise: float) -> tuple[Array, Array, Array]:
    """Right, up and forward of a camera that stands `turn` to the right of the front and `rise` above, radians."""
    out = np.array([math.sin(turn) * math.cos(rise), math.sin(rise), math.cos(turn) * math.cos(rise)])
    right = np.array([math.cos(turn), 0.0, -math.sin(turn)])
    return right, np.cross(out, right), -out


def _fibonacci(i: int, count: int) -> tuple[float, float]:
    return (i * GOLDEN_ANGLE) % 360.0, math.degrees(math.asin(1.0 - (2.0 * i + 1.0) / count))
