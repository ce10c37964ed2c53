"""Polygons -> triangles, winding kept: convex ones as a fan, concave ones by cutting ears."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Array

MAX_EARS = 1_024
"""A concave polygon with more corners becomes a fan: cutting ears takes time that grows with the cube."""


def triangulate(counts: Array, vertices: Array, positions: Array) -> tuple[Array, Array]:
    """`counts`: (p,) corners per polygon; `vertices`: (corners,) rows of `positions`, (n, 3) float64.

    Gives (t, 3) triangles as numbers of corners, and (t,) the polygon of each, rising. Fewer than 3 corners give none.
    """
    starts = np.cumsum(counts) - counts
    triangles, owners = [np.empty((0, 3), np.int64)], [np.empty(0, np.int64)]
    for count in np.unique(counts[counts >= 3]).tolist():
        polygons = np.flatnonzero(counts == count)
        corners = starts[polygons][:, None] + np.arange(count)
        turned = corners if count == 3 else _turn(corners, positions[vertices[corners]])
        local = _fans(turned) if turned is not None else _cut_each(corners, positions[vertices[corners]])
        triangles.append(local.reshape(-1, 3))
        owners.append(np.repeat(polygons, count - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(triangles)[order], owner[order]


def _fans(corners: Array) -> Array:
    """(p, n) -> (p, n - 2, 3), all triangles share the first corner."""
    rest = np.stack([corners[:, 1:-1], corners[:, 2:]], axis=-1)
    return np.concatenate([np.broadcast_to(corners[:, :1, None], (*rest.shape[:2], 1)), rest], axis=-1)


def _turn(corners: Array, points: Array) -> Array | None:
    """Corners turned so that a fan is right, or None. A concave quad is right from its one reflex corner."""
    turns = _turns(points)
    concave = (turns < 0).any(axis=1)
    if not concave.any():
        return corners
    if corners.shape[1] > 4:
        return None
    shift = np.where(concave, turns.argmin(axis=1), 0)
    return np.take_along_axis(corners, (np.arange(4) + shift[:, None]) % 4, axis=1)


def _turns(points: Array) -> Array:
    """(p, n, 3) -> (p, n): positive where the outline turns the way that the polygon winds."""
    edges = np.roll(points, -1, axis=1) - points
    normal = np.cross(points - points[:, :1], edges).sum(axis=1)  # Newell
    turns = np.einsum("pnk,pk->pn", np.cross(np.roll(edges, 1, axis=1), edges), normal)
    # A straight corner rounds to either sign.
    return np.where(np.abs(turns) > 1e-9 * np.abs(turns).max(axis=1, keepdims=True), turns, 0.0)


def _cut_each(corners: Array, points: Array) -> Array:
    """(p, n) corners of which some polygons are concave -> (p, n - 2, 3)."""
    concave = (_turns(points) < 0).any(axis=1)
    triangles = np.ascontiguousarray(_fans(corners))
    if corners.shape[1] <= MAX_EARS:
        for polygon in np.flatnonzero(concave).tolist():
            triangles[polygon] = corners[polygon][_cut_ears(points[polygon])]
    return triangles


def _cut_ears(points: Array) -> Array:
    """(n, 3) -> (n - 2, 3) corners. Meisters 1975: every simple polygon has an ear; a broken outline ends as a fan."""
    normal = np.cross(points - points[0], np.roll(points, -1, axis=0) - points).sum(axis=0)
    drop = int(np.abs(normal).argmax())
    flat = points[:, [(drop + 1) % 3, (drop + 2) % 3]] * np.array([1.0, np.sign(normal[drop]) or 1.0])
    left, triangles = list(range(len(points))), []
    while len(left) > 3:
        at = next((i for i in range(len(left)) if _is_ear(flat[left], i)), 0)
        triangles.append((left[at - 1], left[at], left[(at + 1) % len(left)]))
        del left[at]
    return np.array([*triangles, left], np.int64)


def _is_ear(outline: Array, at: int) -> bool:
    """Convex, and no other corner inside."""
    a, b, c = outline[at - 1], outline[at], outline[(at + 1) % len(outline)]
    if _side(a, b, c) <= 0:
        return False
    others = outline[~((outline == a).all(axis=1) | (outline == b).all(axis=1) | (outline == c).all(axis=1))]
    return not bool(((_side(a, b, others) >= 0) & (_side(b, c, others) >= 0) & (_side(c, a, others) >= 0)).any())


def _side(a: Array, b: Array, p: Array) -> Array:
    """Positive where p lies left of a -> b."""
    edge, way = b - a, p - a
    return np.asarray(edge[0] * way[..., 1] - edge[1] * way[..., 0])
