"""Triangles -> which meet at an edge and at what angle; normals that are smooth but for creases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.geometry.directions import crosses, unit
from assetpipe.groups import label_groups

Longs = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Hinges:
    """Edges that exactly two triangles share."""

    first: Longs
    """(h, 2) the corners, 3 * triangle + number, at both ends of the edge in one triangle."""
    second: Longs
    """(h, 2) the corners at the same ends in the other."""
    cosines: NDArray[np.float64]
    """(h,) of the angle between the two triangles' normals."""


def find_hinges(positions: Array, triangles: Array) -> Hinges:
    """(v, 3) and (f, 3), triangles that touch share vertices."""
    starts = np.arange(triangles.size)
    ends = starts - starts % 3 + (starts + 1) % 3
    flat = triangles.reshape(-1).astype(np.int64)
    a, b = flat[starts], flat[ends]
    key = np.minimum(a, b) << 32 | np.maximum(a, b)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    begin = np.flatnonzero(np.diff(ordered, prepend=-1))
    pairs = begin[np.diff(begin, append=len(ordered)) == 2]
    one, other = order[pairs], order[pairs + 1]
    along = unit(crosses(positions, triangles))
    cosines = (along[one // 3] * along[other // 3]).sum(axis=1)
    same_way = a[one] == a[other]
    second = np.where(same_way[:, None], np.stack([other, ends[other]], 1), np.stack([ends[other], other], 1))
    return Hinges(np.stack([one, ends[one]], 1), second, cosines)


def creased_normals(positions: Array, triangles: Array, crease: float) -> NDArray[np.float64]:
    """(f, 3, 3) unit normals of each corner: the mean, by angle, of the triangles around the vertex that can be reached
    over edges bent by less than `crease` radians."""
    hinges = find_hinges(positions, triangles)
    smooth = hinges.cosines > np.cos(crease)
    pairs = np.concatenate([np.stack([hinges.first[smooth, end], hinges.second[smooth, end]], 1) for end in range(2)])
    fan = label_groups(pairs.astype(np.int32), triangles.size)
    along = np.repeat(unit(crosses(positions, triangles)), 3, axis=0) * _angles(positions, triangles)[:, None]
    total = np.stack([np.bincount(fan, along[:, axis], triangles.size) for axis in range(3)], axis=1)
    normals: NDArray[np.float64] = unit(total)[fan].reshape(-1, 3, 3)
    return normals


def _angles(positions: Array, triangles: Array) -> NDArray[np.float64]:
    """(3 f,) of each corner."""
    corners = positions[triangles].astype(np.float64)
    ahead = unit((np.roll(corners, -1, axis=1) - corners).reshape(-1, 3))
    back = unit((np.roll(corners, 1, axis=1) - corners).reshape(-1, 3))
    angles: NDArray[np.float64] = np.arccos(np.clip((ahead * back).sum(axis=1), -1, 1))
    return angles
