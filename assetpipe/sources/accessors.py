"""Document -> its accessors as arrays: bounds first, then a view of the source's memory where no value must change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assetpipe.asset import Array, Json
from assetpipe.sources.buffers import Buffers, View
from assetpipe.sources.document import Document
from assetpipe.sources.schema import COMPONENT_TYPES

SHAPES = {
    "SCALAR": (1, 1),
    "VEC2": (1, 2),
    "VEC3": (1, 3),
    "VEC4": (1, 4),
    "MAT2": (2, 2),
    "MAT3": (3, 3),
    "MAT4": (4, 4),
}


@dataclass(frozen=True)
class Layout:
    """How one element lies in memory: `columns` of `rows` components, each column on a multiple of 4 in a matrix."""

    dtype: np.dtype[Any]
    columns: int
    rows: int

    @property
    def column_bytes(self) -> int:
        size = self.rows * self.dtype.itemsize
        return size if self.columns == 1 else -(-size // 4) * 4

    @property
    def bytes(self) -> int:
        """From the first component to the end of the last one."""
        return self.column_bytes * (self.columns - 1) + self.rows * self.dtype.itemsize

    @property
    def packed(self) -> int:
        return self.column_bytes * self.columns


@dataclass(frozen=True, eq=False)
class Accessors:
    """Reads each accessor once; primitives that share one share its array."""

    document: Document
    buffers: Buffers
    mended: dict[tuple[int, str], Array] = field(default_factory=dict)
    """Accessor and semantic -> the attribute as it was found fit for use."""
    _read: dict[int, Array] = field(default_factory=dict)
    _floats: dict[int, Array] = field(default_factory=dict)

    def entry(self, index: int) -> Json:
        return self.document.items("accessors")[index]

    def array(self, index: int) -> Array:
        """(count, k) in the component type of the source; matrices have k = columns * rows, column after column."""
        if index not in self._read:
            self._read[index] = self._load(index, f"/accessors/{index}")
        return self._read[index]

    def floats(self, index: int) -> Array:
        """(count, k) float32: normalised integers as -1..1 or 0..1, other integers by their value."""
        if index not in self._floats:
            self._floats[index] = as_floats(self.array(index), normalised=bool(self.entry(index).get("normalized")))
        return self._floats[index]

    def _load(self, index: int, place: str) -> Array:
        entry = self.entry(index)
        layout, count = self.layout(entry, place), entry["count"]
        if "bufferView" in entry:
            view = self.buffers.view(entry["bufferView"])
            base = self._strided(view, layout, (entry.get("byteOffset", 0), count), place)
        else:
            limit = self.document.limits.vertices
            if count > limit:
                raise self.document.exceeds(
                    "E_LIMIT_VERTICES", f"{place}: {count:,} elements, limit {limit:,}", "vertices"
                )
            base = np.zeros((count, layout.columns * layout.rows), layout.dtype)
        if "sparse" in entry:
            base = self._overlay(base, entry["sparse"], layout, f"{place}/sparse")
        return base

    def layout(self, entry: Json, place: str) -> Layout:
        if entry["componentType"] not in COMPONENT_TYPES:
            fault = f"{entry['componentType']} is no component type of glTF"
            raise self.document.refuse("E_COMPONENT_TYPE", f"{place}/componentType", fault)
        if entry["type"] not in SHAPES:
            raise self.document.refuse("E_SCHEMA", f"{place}/type", f"{entry['type']!r} is none of {', '.join(SHAPES)}")
        if entry.get("normalized") and entry["componentType"] in (5125, 5126):
            raise self.document.refuse(
                "E_SCHEMA", f"{place}/normalized", "only 8 and 16 bit integers can be normalised"
            )
        columns, rows = SHAPES[entry["type"]]
        return Layout(np.dtype(COMPONENT_TYPES[entry["componentType"]]).newbyteorder("<"), columns, rows)

    def _strided(self, view: View, layout: Layout, span: tuple[int, int], place: str) -> Array:
        """`span`: byte offset in the view, number of elements."""
        (offset, count), stride = span, view.stride or layout.packed
        if stride < layout.bytes:
            fault = f"byteStride {stride} is less than one element ({layout.bytes} bytes)"
            raise self.document.refuse("E_ACCESSOR_BOUNDS", place, fault)
        end = offset + (count - 1) * stride + layout.bytes
        if end > len(view.data):
            fault = f"{count:,} elements need {end:,} bytes, its buffer view has {len(view.data):,}"
            raise self.document.refuse("E_ACCESSOR_BOUNDS", place, fault)
        shape = (count, layout.columns, layout.rows)
        strides = (stride, layout.column_bytes, layout.dtype.itemsize)
        found: Array = np.ndarray(shape, layout.dtype, buffer=view.data, offset=offset, strides=strides)
        if not (found.flags.c_contiguous and found.flags.aligned):
            found = found.copy(order="C")
        return _frozen(found.reshape(count, -1))

    def _overlay(self, base: Array, sparse: Json, layout: Layout, place: str) -> Array:
        count, indices, values = sparse["count"], sparse["indices"], sparse["values"]
        if count > len(base):
            raise self.document.refuse("E_SPARSE", place, f"{count:,} values for {len(base):,} elements")
        index_layout = Layout(np.dtype(COMPONENT_TYPES[indices["componentType"]]).newbyteorder("<"), 1, 1)
        at = self._packed(indices, index_layout, count, f"{place}/indices").reshape(-1)
        if (at[1:] <= at[:-1]).any():
            first = int(np.argmax(at[1:] <= at[:-1])) + 1
            fault = f"indices[{first}] = {at[first]} does not follow {at[first - 1]}: they must increase"
            raise self.document.refuse("E_SPARSE", f"{place}/indices", fault)
        if at[-1] >= len(base):
            fault = f"indices[{count - 1}] = {at[-1]}, but there are {len(base)} elements"
            raise self.document.refuse("E_INDEX_RANGE", f"{place}/indices", fault)
        dense = base.copy()
        dense[at] = self._packed(values, layout, count, f"{place}/values")
        return _frozen(dense)

    def _packed(self, entry: Json, layout: Layout, count: int, place: str) -> Array:
        data = self.buffers.view(entry["bufferView"]).data
        return self._strided(View(data, None), layout, (entry.get("byteOffset", 0), count), place)


def as_floats(values: Array, *, normalised: bool) -> Array:
    """(n, k) any component type -> float32, by the equations of glTF 2.0, 3.11."""
    if values.dtype.kind == "f":
        return values
    floats = values.astype(np.float32)
    if normalised:
        floats /= np.float32(np.iinfo(values.dtype).max)
        if values.dtype.kind == "i":
            np.maximum(floats, np.float32(-1), out=floats)
    return _frozen(floats)


def _frozen(values: Array) -> Array:
    values.flags.writeable = False
    return values
