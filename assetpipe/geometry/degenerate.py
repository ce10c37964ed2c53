"""Primitive of TRIANGLES -> the same without triangles that nobody can see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.directions import crosses
from assetpipe.geometry.welding import first_equal, select_triangles

Bools = NDArray[np.bool_]
FLAT = 1e-7  # height over longest side, below which three points of float32 are one line


def drop_degenerate(primitive: Primitive) -> Primitive:
    """No triangle with two corners in one place, and none whose corners lie on a line; but such a line stays where it
    closes a T-junction between its neighbours: without it the edge would tear open when one side is decimated."""
    places = first_equal([primitive.positions])
    triangles = places[primitive.indices].reshape(-1, 3)
    a, b, c = triangles.T
    point = (a == b) | (b == c) | (c == a)
    line = _on_a_line(primitive.positions, triangles) & ~point
    if line.any():
        line[line] = ~_closing(triangles[~point], triangles[line])
    return select_triangles(primitive, ~(point | line))


def drop_duplicates(primitive: Primitive) -> Primitive:
    """No triangle twice with the same vertices in the same turn; the back of a two-sided sheet is no duplicate."""
    triangles = primitive.indices.reshape(-1, 3)
    lowest = triangles.argmin(axis=1)[:, None]
    turned = np.take_along_axis(triangles, (lowest + np.arange(3)) % 3, axis=1)
    return select_triangles(primitive, first_equal([turned]) == np.arange(len(turned)))


def _on_a_line(positions: Array, triangles: Array) -> Bools:
    a, b, c = (positions[triangles[:, corner]].astype(np.float64) for corner in range(3))
    longest = np.maximum(((b - a) ** 2).sum(axis=1), ((c - a) ** 2).sum(axis=1))
    flat: Bools = np.linalg.norm(crosses(positions, triangles), axis=1) <= FLAT * longest
    return flat


def _closing(triangles: Array, lines: Array) -> Bools:
    """(lines,) whether two or more of its edges are those of other triangles too."""
    edges = _edges(lines)
    every = _edges(triangles).reshape(-1)
    near = np.sort(every[np.isin(every, edges)])
    uses = np.searchsorted(near, edges, side="right") - np.searchsorted(near, edges)
    closing: Bools = (uses > 1).sum(axis=1) >= 2
    return closing


def _edges(triangles: Array) -> NDArray[np.int64]:
    """(f, 3), one number for each edge, whichever way it runs."""
    ends = np.stack([triangles, np.roll(triangles, -1, axis=1)])
    edges: NDArray[np.int64] = (ends.min(axis=0).astype(np.int64) << 32) | ends.max(axis=0).astype(np.int64)
    return edges
