"""Triangles that lie on one another -> each layer with vertices of its own.

Leaves, cloth and labels are often modelled twice, front and back. Every edge then has four triangles, and no collapse
is legal. Apart, each layer is a surface like any other; nothing tears, because the layers only touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assetpipe.geometry.surface import Ints

Longs = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layers:
    corners: Ints
    """(f, 3) wedges."""
    wedges: Longs
    """(w,) the wedge that each is a copy of."""
    vertices: Longs
    """(v,) the vertex that each is a copy of."""
    wedge_vertex: Ints
    """(w,)"""


def separate_layers(layer: Longs | None, corners: Ints, wedge_vertex: Ints, vertices: int) -> Layers:
    """Triangles of the lowest `layer` (f,) stay; those above, whichever way they turn, get vertices of their own."""
    wedges = np.arange(len(wedge_vertex))
    if layer is None:
        return Layers(corners, wedges, np.arange(vertices), wedge_vertex)
    above, count = np.flatnonzero(layer), int(layer.max())
    wedge_keys, wedge_number = np.unique(corners[above] * count + layer[above, None] - 1, return_inverse=True)
    place_keys = wedge_vertex[wedge_keys // count].astype(np.int64) * count + wedge_keys % count
    vertex_keys, vertex_number = np.unique(place_keys, return_inverse=True)
    moved = corners.copy()
    moved[above] = len(wedges) + wedge_number.reshape(-1, 3)
    return Layers(
        moved,
        np.concatenate([wedges, wedge_keys // count]),
        np.concatenate([np.arange(vertices), vertex_keys // count]),
        np.concatenate([wedge_vertex, (vertices + vertex_number.reshape(-1)).astype(np.int32)]),
    )


def find_layers(first: Ints) -> Longs | None:
    """(f,) how many earlier triangles have the same three vertices, from the `first` (f,) that has them; None where all
    are 0."""
    later = np.flatnonzero(first != np.arange(len(first), dtype=first.dtype))
    if not len(later):
        return None
    layer = np.zeros(len(first), np.int64)
    ordered = later[np.argsort(first[later], kind="stable")]
    group = first[ordered]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    layer[ordered] = 1 + np.arange(len(ordered)) - np.repeat(starts, np.diff(starts, append=len(ordered)))
    return layer
