"""Primitive -> the same with each vertex stored once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive
from assetpipe.rows import first_equal as first_equal
from assetpipe.rows import used_rows


def weld(primitive: Primitive) -> Primitive:
    """Vertices that equal another in all attributes and morph targets are stored once, unused ones not at all."""
    primitive = used_vertices(primitive)
    first = first_equal(
        [*primitive.attributes.values(), *(array for each in primitive.targets for array in each.values())]
    )
    kept = first == np.arange(len(first))
    if kept.all():
        return primitive
    return select_vertices(replace(primitive, indices=first[primitive.indices].astype(np.uint32)), kept)


def used_vertices(primitive: Primitive) -> Primitive:
    """Only the vertices that an index names."""
    used = used_rows(primitive.indices, len(primitive.positions))
    return primitive if used.all() else select_vertices(primitive, used)


def select_triangles(primitive: Primitive, kept: NDArray[np.bool_]) -> Primitive:
    """Only the triangles where `kept` (f,), and the vertices that they use."""
    if kept.all():
        return primitive
    indices = np.ascontiguousarray(primitive.indices.reshape(-1, 3)[kept].reshape(-1))
    return used_vertices(replace(primitive, indices=indices))


def select_vertices(primitive: Primitive, kept: NDArray[np.bool_]) -> Primitive:
    """Only the vertices where `kept` (n,); no index may name another."""
    number = np.cumsum(kept, dtype=np.uint32) - np.uint32(1)
    return replace(map_vertices(primitive, lambda array: array[kept]), indices=number[primitive.indices])


def map_vertices(primitive: Primitive, change: Callable[[Array], Array]) -> Primitive:
    """`change` applied to every per-vertex array."""

    def changed(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {name: change(array) for name, array in arrays.items()}

    targets = tuple(changed(target) for target in primitive.targets)
    return replace(primitive, attributes=changed(primitive.attributes), targets=targets)
