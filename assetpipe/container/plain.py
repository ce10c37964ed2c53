"""Columns -> accessors over plain buffer views.

One view per attribute, not interleaved: attributes that several primitives share are stored once, morph targets and
meshopt need their own views anyway, and a CDN's Brotli finds more in a run of like values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assetpipe.asset import Array, Indices, Primitive
from assetpipe.container.columns import Column, Columns
from assetpipe.container.encoded import (
    ARRAY_BUFFER,
    COMPONENT_TYPES,
    ELEMENT_ARRAY_BUFFER,
    Accessor,
    EncodedPrimitive,
    Sparse,
    View,
    bounds,
    describe,
)


def store(primitive: Primitive, columns: Columns) -> EncodedPrimitive:
    """Every value as it is."""
    attributes = {semantic: store_column(semantic, column) for semantic, column in columns.items()}
    indices = store_indices(primitive.indices, len(primitive.positions))
    # A target may not be empty, nor may it go: weights are counted by it.
    still = {"POSITION": np.zeros_like(primitive.positions)}
    return EncodedPrimitive(attributes, indices, tuple(store_target(target or still) for target in primitive.targets))


def store_column(semantic: str, column: Column) -> Accessor:
    json = describe(column.values, normalized=column.normalized)
    if semantic == "POSITION":
        json |= bounds(column.values)
    rows = pad_rows(column.values)
    # Always with a stride: two attributes of different types may have the same bytes, hence the same view.
    view = {"byteStride": rows.shape[1] * rows.itemsize, "target": ARRAY_BUFFER}
    return Accessor(json, View(rows.tobytes(), view))


def store_target(target: Mapping[str, Array]) -> dict[str, Accessor]:
    """A morph target: a smile moves a tenth of a face, so only what moves is stored when that is smaller."""
    columns = {semantic: Column(np.asarray(values, np.float32)) for semantic, values in target.items()}
    return {semantic: _store_differences(semantic, column) for semantic, column in columns.items()}


def _store_differences(semantic: str, column: Column) -> Accessor:
    # Rows of negative zeros count as moved: what is read must be what was written, bit for bit.
    moved = np.flatnonzero(column.values.view(np.uint32).any(axis=1))
    narrow = moved.astype(np.uint16 if len(column.values) <= 65536 else np.uint32)
    plain = store_column(semantic, column)
    values = np.ascontiguousarray(column.values[moved])
    if narrow.nbytes + values.nbytes >= column.values.nbytes:
        return plain
    if not len(moved):
        return Accessor(plain.json)
    kind = COMPONENT_TYPES[narrow.dtype]
    return Accessor(plain.json, sparse=Sparse(len(moved), kind, View(narrow.tobytes()), View(values.tobytes())))


def store_indices(indices: Indices, vertices: int) -> Accessor | None:
    """Shorts where they reach; nothing when the vertices are drawn in their own order."""
    if len(indices) == vertices and np.array_equal(indices, np.arange(vertices, dtype=np.uint32)):
        return None
    # 65535 restarts a strip in most graphics APIs, so it may not name a vertex.
    narrow = np.ascontiguousarray(indices, np.uint16 if vertices <= 65535 else np.uint32)
    return Accessor(describe(narrow), View(narrow.tobytes(), {"target": ELEMENT_ARRAY_BUFFER}))


def store_array(array: Array, *, with_bounds: bool) -> Accessor:
    """Of a skin, an animation or an instancing extension."""
    values = np.ascontiguousarray(array, np.float32)
    return Accessor(describe(values) | (bounds(values) if with_bounds else {}), View(values.tobytes()))


def pad_rows(values: Array) -> Array:
    """Rows of a multiple of four bytes, as vertex attributes need."""
    missing = -(values.shape[1] * values.itemsize) % 4 // values.itemsize
    return np.pad(values, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(values)
