"""Primitive -> the same with each vertex stored once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive
from assetpipe.rows import first_equal as first_equal


def weld(primitive: Primitive) -> Primitive:
    """Vertices that equal another in all attributes and morph targets are stored once, unused ones not at all."""
    used = np.zeros(len(primitive.positions), bool)
    used[primitive.indices] = True
    if not used.all():
        primitive = select_vertices(primitive, used)
    first = first_equal(
        [*primitive.attributes.values(), *(array for each in primitive.targets for array in each.values())]
    )
    kept = first == np.arange(len(first))
    if kept.all():
        return primitive
    return select_vertices(replace(primitive, indices=first[primitive.indices].astype(np.uint32)), kept)


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
