"""Primitives -> one skin to unwrap: triangles with an area, cut where they are not manifold and at creases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Floats, Primitive
from assetpipe.geometry.directions import crosses, unit
from assetpipe.groups import label_groups
from assetpipe.rows import first_equal

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]
FLAT = 1e-7  # height over longest side, below which three points of float32 are one line
FEW = 256  # pieces that creases may cut an asset into, whatever its size
LEAST = 8  # triangles that a piece between creases should have on average


@dataclass(frozen=True, eq=False)
class Skin:
    """What engines and charts are made from."""

    points: Floats
    """(v, 3), a vertex for each fan of triangles; in a box of side 1 about the origin."""
    corners: Ints
    """(f, 3) vertices; an edge belongs to two triangles at most, which run along it in opposite ways."""
    across: Ints
    """(f, 3) the triangle over the edge from each corner to the next, or -1."""
    normals: Doubles
    """(f, 3) unit"""
    areas: Doubles
    """(f,)"""
    faces: Longs
    """(f,) which of the primitives' triangles, counted through."""
    total: int
    """Of the primitives' triangles, those without an area included."""


def make_skin(primitives: Sequence[Primitive], scales: Sequence[float]) -> Skin:
    """TRIANGLES, and metres per unit of each, so that all are given texels by their size in the world."""
    points = np.concatenate([one.positions * np.float32(by) for one, by in zip(primitives, scales, strict=True)])
    starts = np.cumsum([0, *(len(one.positions) for one in primitives)])
    flat = np.concatenate([one.indices.astype(np.int64) + at for one, at in zip(primitives, starts, strict=False)])
    points, places = _boxed(points), first_equal([points])
    triangles = places[flat].reshape(-1, 3)
    faces = _solid(points, triangles)
    triangles = triangles[faces]
    across, pairs = _neighbours(triangles)
    soft = _soft(_normal_ids(primitives, places)[flat].reshape(-1, 3)[faces], pairs)
    if not soft.all() and _pieces(across, pairs[soft]) <= max(FEW, len(faces) // LEAST, _pieces(across, pairs)):
        across, pairs = _cut(across, pairs[~soft]), pairs[soft]
    fans = _fans(pairs, len(faces))
    used, corners = np.unique(fans, return_inverse=True)
    along = crosses(points, triangles)
    return Skin(
        points=np.ascontiguousarray(points[triangles.reshape(-1)[used]]),
        corners=corners.reshape(-1, 3).astype(np.int32),
        across=across,
        normals=unit(along),
        areas=np.linalg.norm(along, axis=1) / 2,
        faces=faces,
        total=len(flat) // 3,
    )


def _boxed(points: Array) -> Floats:
    """Side 1 about the origin: engines have tolerances of their own."""
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        return np.full(points.shape, np.nan, np.float32)
    low, high = (find(points[finite].astype(np.float64), axis=0) for find in (np.min, np.max))
    side = max(float((high - low).max()), 1e-300)
    boxed: Floats = ((points - (low + high) / 2) / side).astype(np.float32)
    return boxed


def _solid(points: Floats, triangles: Longs) -> Longs:
    """Triangles with an area."""
    finite = np.flatnonzero(np.isfinite(points[triangles]).all(axis=(1, 2)))
    a, b, c = (points[triangles[finite, at]].astype(np.float64) for at in range(3))
    longest = np.maximum.reduce([((p - q) ** 2).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))])
    twice = np.linalg.norm(crosses(points, triangles[finite]), axis=1)
    solid: Longs = finite[(twice > FLAT * longest) & (twice > 1e-14)]
    return solid


def _neighbours(triangles: Longs) -> tuple[Ints, Longs]:
    """(f, 3) across, and (p, 2) the corners, 3 * triangle + number, where both triangles of an edge start it. An edge
    of three triangles or more, or of two that run the same way, joins nobody."""
    ahead = np.roll(triangles, -1, axis=1)
    key = ((np.minimum(triangles, ahead) << 32) | np.maximum(triangles, ahead)).reshape(-1)
    order = np.argsort(key, kind="stable")
    begin = np.flatnonzero(np.diff(key[order], prepend=-1))
    two = begin[np.diff(begin, append=len(order)) == 2]
    pairs = np.stack([order[two], order[two + 1]], axis=1)
    pairs = pairs[triangles.reshape(-1)[pairs[:, 0]] != triangles.reshape(-1)[pairs[:, 1]]]
    across = np.full(triangles.size, -1, np.int32)
    across[pairs[:, 0]], across[pairs[:, 1]] = pairs[:, 1] // 3, pairs[:, 0] // 3
    return across.reshape(-1, 3), pairs


def _cut(across: Ints, pairs: Longs) -> Ints:
    flat = across.reshape(-1).copy()
    flat[pairs.reshape(-1)] = -1
    return flat.reshape(-1, 3)


def _next(corners: Longs) -> Longs:
    following: Longs = corners - corners % 3 + (corners + 1) % 3
    return following


def _fans(pairs: Longs, triangles: int) -> Ints:
    """(3 f,) the lowest corner of those that are one vertex."""
    one, other = pairs[:, 0], pairs[:, 1]
    ends = np.concatenate([np.stack([one, _next(other)], axis=1), np.stack([_next(one), other], axis=1)])
    return label_groups(ends.astype(np.int32), 3 * triangles)


def _normal_ids(primitives: Sequence[Primitive], places: Longs) -> Longs:
    """(v,) equal where place and normal are; where a primitive has none its triangles are flat, and not creased."""
    normals = [one.attributes.get("NORMAL", np.zeros_like(one.positions)) for one in primitives]
    return first_equal([places, np.concatenate(normals)])


def _soft(ids: Longs, pairs: Longs) -> NDArray[np.bool_]:
    """(p,) whether the normals are the same on both sides of the edge."""
    flat, one, other = ids.reshape(-1), pairs[:, 0], pairs[:, 1]
    soft: NDArray[np.bool_] = (flat[one] == flat[_next(other)]) & (flat[_next(one)] == flat[other])
    return soft


def _pieces(across: Ints, pairs: Longs) -> int:
    return len(np.unique(label_groups((pairs // 3).astype(np.int32), len(across))))
