"""Shapes for the decimator, and a level of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Primitive, Scene
from assetpipe.config import Geometry
from assetpipe.geometry import Decimated, decimate
from assetpipe.geometry.surface import Target

PLAIN = Geometry(max_error_px=0.5, weld_m=0.0, hidden="keep")


def level(scene: Scene, triangles: int, error: float = 0.0) -> Decimated:
    return decimate(scene, [Target(triangles, error)])[0]


def rounded(primitive: Primitive) -> Primitive:
    """Without the noise of sin(2 π), which would make a hard edge of a seam."""
    return replace(primitive, attributes={**primitive.attributes, "NORMAL": primitive.attributes["NORMAL"].round(5)})


def moved(primitive: Primitive, by: object) -> Primitive:
    positions = (primitive.positions + np.array(by)).astype(np.float32)
    return replace(primitive, attributes={**primitive.attributes, "POSITION": positions})


def many(primitive: Primitive, count: int) -> Primitive:
    """Copies in one primitive, in a row of rows."""
    at = np.arange(count)
    by = np.stack([1 + at % 40, at // 40, 0 * at], axis=1) * 0.02
    positions = (primitive.positions[None] + by[:, None]).reshape(-1, 3).astype(np.float32)
    indices = (primitive.indices[None] + at[:, None] * len(primitive.positions)).reshape(-1).astype(np.uint32)
    attributes = {name: np.tile(values, (count, 1)) for name, values in primitive.attributes.items()}
    return Primitive(4, indices, {**attributes, "POSITION": positions})
