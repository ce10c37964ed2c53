"""Source, level -> how far the level's shading is off: the angle between its normals and those of the source's shape.

Asked before anything is unwrapped: points all over the level look for the source as baking does, each on a triangle
that has a cell of a small picture to itself, so that no UVs are needed. A level of 10,000 triangles takes 0.1 s.
"""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Array, Floats
from assetpipe.baking import BakeRequest, Coat, Layer, Staged, Surface, bake

SHAPE = "shape"
LAYER = Layer(SHAPE, "normal", "rgb", [Coat()])
"""Normals without what the source's normal map adds."""
CELLS = 48
"""per side of the picture"""
TEXELS = 8
"""per side of a cell"""


def normals_off(source: Staged, level: Surface, reach: float) -> float:
    """Degrees, the mean over the level's surface."""
    picked = _picked(level)
    if level.normals is None or not len(picked):
        return 0.0
    corners = level.indices.reshape(-1, 3)[picked].reshape(-1)
    normals = level.normals[corners]
    request = BakeRequest(CELLS * TEXELS, reach, maps=(SHAPE,), samples=1, gutter=0)
    apart = Surface(
        positions=level.positions[corners],
        indices=np.arange(len(corners), dtype=np.uint32),
        normals=normals,
        tangents=_some_tangents(normals),
        uvs={0: _cells(len(picked))},
        parts=None if level.parts is None else level.parts[picked],
    )
    baked = bake(source, apart, request)
    seen = baked.maps[SHAPE][_inside() & (baked.coverage > 0)].astype(np.float64) / 127.5 - 1.0
    cosines = np.clip(seen[:, 2] / np.maximum(np.linalg.norm(seen, axis=1), 1e-9), -1.0, 1.0)
    return float(np.degrees(np.arccos(cosines)).mean()) if len(seen) else 0.0


def _picked(level: Surface) -> Array:
    """Triangles, as often as their share of the area has cells."""
    a, b, c = (level.positions[level.indices[at::3]].astype(np.float64) for at in range(3))
    ends = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    if not len(ends) or not ends[-1] > 0:
        return np.zeros(0, np.int64)
    steps = (np.arange(CELLS * CELLS) + 0.5) / (CELLS * CELLS) * ends[-1]
    picked: Array = np.minimum(np.searchsorted(ends, steps, side="right"), len(ends) - 1)
    return picked


def _cells(count: int) -> Floats:
    """(3 n, 2) half of a cell each, a texel away from its neighbours."""
    corner = np.array([(1.0, 1.0), (TEXELS - 1.0, 1.0), (1.0, TEXELS - 1.0)])
    at = np.arange(count)
    origin = np.stack([at % CELLS, at // CELLS], axis=1) * TEXELS
    cells: Floats = ((origin[:, None] + corner) / (CELLS * TEXELS)).reshape(-1, 2).astype(np.float32)
    return cells


def _inside() -> Array:
    """(px, px) texels whose middle lies on a triangle: those about it show its edges, where another face of the source
    is as near (the sofa's oak, compared with itself: 8.1 degrees with them, 0.3 without, which is what 8 bits cost)."""
    x, y = np.meshgrid(np.arange(TEXELS), np.arange(TEXELS))
    return np.tile((x >= 1) & (y >= 1) & (x + y <= TEXELS - 2), (CELLS, CELLS))


def _some_tangents(normals: Floats) -> Floats:
    """(n, 4) square to the normals, whichever way: an angle does not ask for more."""
    across = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    along = np.cross(normals, across)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return np.concatenate([along, np.ones((len(along), 1))], axis=1).astype(np.float32)
