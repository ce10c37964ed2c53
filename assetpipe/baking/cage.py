"""A level's triangles -> the directions in which rays leave them: a smooth cage without cracks, upright off hard edges.

Two means of the faces' normals, by the angle at the corner, are kept per corner: over all corners at one position
(`smooth`: what closes the cage over hard edges), and over those that share a shading normal too (`sharp`: what stands
upright on a box's sides). The kernel blends between them by the distance from the nearest hard edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Floats
from assetpipe.baking.surface import Surface
from assetpipe.rows import first_equal

BREAKS = 0.996  # cosine, 5 degrees: where the two means differ by less, leaning does not matter


@dataclass(frozen=True, eq=False)
class Cage:
    smooth: Floats
    """(3 f, 3) unit; zero where faces cancel out"""
    sharp: Floats
    """(3 f, 3)"""
    hard: Array
    """(f,) int32: bits 0..2 edges at which shading breaks, 3..5 such corners"""


def build_cage(level: Surface) -> Cage:
    corners = level.indices.astype(np.int64)
    weighted = _weighted_normals(level.positions[corners].reshape(-1, 3, 3).astype(np.float64))
    place = first_equal([level.positions])[corners]
    if level.normals is None:
        shade = len(level.positions) + np.arange(len(corners)) // 3  # flat: each face by itself
    else:
        shade = first_equal([level.positions, level.normals])[corners]
    smooth, sharp = _mean(weighted, place), _mean(weighted, shade)
    broken = ((smooth * sharp).sum(axis=1) < BREAKS).reshape(-1, 3)
    edges = _hard_edges(place.reshape(-1, 3), shade.reshape(-1, 3))
    flags = np.concatenate([edges, broken & edges.any()], axis=1)
    hard = (flags << np.arange(6)).sum(axis=1).astype(np.int32)
    return Cage(smooth.astype(np.float32), sharp.astype(np.float32), hard)


def _weighted_normals(triangles: Array) -> Array:
    """(f, 3, 3) -> (3 f, 3): each corner's face normal times its angle; zero for a face without area."""
    ahead = np.roll(triangles, -1, axis=1) - triangles
    back = np.roll(triangles, 1, axis=1) - triangles
    across = np.cross(ahead, back)
    length = np.linalg.norm(across, axis=2, keepdims=True)
    angle = np.arctan2(length, (ahead * back).sum(axis=2, keepdims=True))
    unit = np.divide(across, length, out=np.zeros_like(across), where=length > 0)
    weighted: Array = (unit * angle).reshape(-1, 3)
    return weighted


def _mean(weighted: Array, group: Array) -> Array:
    count = int(group.max(initial=-1)) + 1
    sums = [np.bincount(group, weighted[:, axis], count) for axis in range(3)]
    total = np.stack(sums, axis=1).astype(np.float64)  # without triangles bincount gives integers
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.divide(total, length, out=np.zeros_like(total), where=length > 1e-9)
    mean: Array = unit[group]
    return mean


def _hard_edges(place: Array, shade: Array) -> Array:
    """(f, 3) whether the edge from each corner to the next has a neighbour that is shaded otherwise."""
    mixed = np.zeros(int(max(place.max(initial=0), shade.max(initial=0))) + 1, bool)
    mixed[place[place != shade]] = True
    faces, corners = np.nonzero(mixed[place] | mixed[np.roll(place, -1, axis=1)])

    def keys(ends: Array) -> tuple[Array, Array]:
        """Of those edges alone, there and back: most models have few."""
        start, end = ends[faces, corners].astype(np.int64), ends[faces, (corners + 1) % 3].astype(np.int64)
        return start << 32 | end, end << 32 | start

    met, same = (np.isin(*keys(ends)) for ends in (place, shade))
    hard = np.zeros(place.shape, bool)
    hard[faces, corners] = met & ~same
    return hard
