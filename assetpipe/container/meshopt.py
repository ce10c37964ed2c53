"""Primitives of any mode -> EXT_meshopt_compression, version 0 of its vertex codec, version 1 of its index codec.

Positions and texture coordinates stay float32, as multiples of a power of two under the exponential filter. Quantised
integers would be half as large once decoded, but their scale would have to go into nodes, which skins and shared meshes
do not allow, and into texture transforms; and texture coordinates that repeat would not fit at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import meshoptimizer
import numpy as np

from assetpipe.asset import TRIANGLES, Array, Floats, Indices, Json, Primitive
from assetpipe.config import Compression
from assetpipe.container.columns import Column, reduce
from assetpipe.container.encoded import (
    ARRAY_BUFFER,
    ELEMENT_ARRAY_BUFFER,
    Accessor,
    EncodedPrimitive,
    View,
)
from assetpipe.container.grid import Grid
from assetpipe.container.plain import pad_rows, store_column, store_indices
from assetpipe.errors import ConfigError

VERTEX_HEADER, INDEX_HEADERS = 0xA0, {"TRIANGLES": 0xE1, "INDICES": 0xD1}
MANTISSA_BITS = 23


def pack(primitive: Primitive, grid: Grid, compression: Compression) -> EncodedPrimitive:
    """Every attribute and morph target filtered and compressed; triangles in an order that GPUs' caches like."""
    ordered = sort_for_cache(primitive) if primitive.mode == TRIANGLES else primitive
    steps = _steps(grid, compression)
    columns = reduce(ordered, grid, compression) | {"POSITION": Column(ordered.positions)}
    return EncodedPrimitive(
        {semantic: _pack_column(semantic, column, steps) for semantic, column in columns.items()},
        _pack_indices(ordered),
        tuple(
            _pack_target(target or {"POSITION": np.zeros_like(ordered.positions)}, steps) for target in ordered.targets
        ),
    )


def sort_for_cache(primitive: Primitive) -> Primitive:
    """Triangles for the vertex cache, then vertices in the order in which the triangles name them."""
    count = len(primitive.positions)
    sorted_indices = np.zeros_like(primitive.indices)
    indices = np.ascontiguousarray(primitive.indices)
    meshoptimizer.optimize_vertex_cache(sorted_indices, indices, len(indices), count)
    named, first = np.unique(sorted_indices, return_index=True)
    order = named[np.argsort(first)]
    place = np.zeros(count, np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    return replace(
        primitive,
        indices=place[sorted_indices],
        attributes={semantic: values[order] for semantic, values in primitive.attributes.items()},
        targets=tuple({semantic: values[order] for semantic, values in target.items()} for target in primitive.targets),
    )


def _steps(grid: Grid, compression: Compression) -> Mapping[str, float]:
    """The largest error, twice, that each float semantic may have."""
    return {
        "POSITION": grid.step,
        "TEXCOORD": 1 / (2**compression.uv_bits - 1),
        "NORMAL": 1 / (2 ** (compression.normal_bits - 1) - 1),
        "TANGENT": 1 / (2 ** (compression.normal_bits - 1) - 1),
    }


def _pack_column(semantic: str, column: Column, steps: Mapping[str, float]) -> Accessor:
    kind = semantic.partition("_")[0]
    if kind in ("NORMAL", "TANGENT"):
        return _pack_vectors(column.values, steps[kind])
    if kind in ("POSITION", "TEXCOORD"):
        return _pack_floats(semantic, column.values, steps[kind])
    plain = store_column(semantic, column)
    return Accessor(plain.json, _compress(pad_rows(column.values), "NONE", plain.view))


def _pack_target(target: Mapping[str, Array], steps: Mapping[str, float]) -> dict[str, Accessor]:
    """Differences lie on the lattice of what they change."""
    finest = min(steps.values())
    return {
        semantic: _pack_floats(semantic, values, steps.get(semantic.partition("_")[0], finest))
        for semantic, values in target.items()
    }


def _pack_floats(semantic: str, values: Floats, step: float) -> Accessor:
    """(n, k) float32 as multiples of the power of two at or below `step`."""
    largest = float(np.abs(values).max(initial=0))
    least = math.ceil(math.log2(largest / (2**MANTISSA_BITS - 1))) if largest > 0 else -100
    exponent = max(math.floor(math.log2(step)), least, -100)
    mantissas = np.rint(np.ldexp(values.astype(np.float64), -exponent)).astype(np.int32)
    decoded = np.ldexp(mantissas.astype(np.float32), exponent)
    packed = (mantissas & 0xFFFFFF) | np.int32(exponent) << np.int32(24)
    plain = store_column(semantic, Column(decoded))
    return Accessor(plain.json, _compress(packed, "EXPONENTIAL", plain.view))


def _pack_vectors(values: Floats, step: float) -> Accessor:
    """(n, 3) normals or (n, 4) tangents as normalised shorts, on the octahedron of Cigolle et al. 2014."""
    last = round(1 / step)
    packed = _octahedral(values.astype(np.float64), last)
    json = {"componentType": 5122, "normalized": True, "count": len(values), "type": f"VEC{values.shape[1]}"}
    return Accessor(json, _compress(packed, "OCTAHEDRAL", None))


def _octahedral(values: Array, last: int) -> Array:
    """(n, 3 or 4) float64 -> (n, 4) int16: two coordinates in -last..last, `last` itself, and the sign of a tangent."""
    length = np.abs(values[:, :3]).sum(axis=1, keepdims=True)
    x, y, z = np.divide(values[:, :3], length, out=np.zeros((len(values), 3)), where=length > 0).T
    folded = np.where(z < 0, (1 - np.abs(y)) * np.where(x >= 0, 1, -1), x)
    y = np.where(z < 0, (1 - np.abs(x)) * np.where(y >= 0, 1, -1), y)
    sign = np.sign(values[:, 3]) * 32767 if values.shape[1] == 4 else np.zeros(len(values))
    return np.stack([np.rint(folded * last), np.rint(y * last), np.full(len(values), last), sign], axis=1).astype(
        np.int16
    )


def _pack_indices(primitive: Primitive) -> Accessor | None:
    plain = store_indices(primitive.indices, len(primitive.positions))
    if plain is None or plain.view is None:
        return plain
    mode = "TRIANGLES" if primitive.mode == TRIANGLES else "INDICES"
    return Accessor(plain.json, _compress_indices(primitive.indices, mode, plain.view, plain.json))


def _compress_indices(indices: Indices, mode: str, plain: View, accessor: Json) -> View:
    meshoptimizer.encode_index_version(1)
    encode = meshoptimizer.encode_index_buffer if mode == "TRIANGLES" else meshoptimizer.encode_index_sequence
    data: bytes = encode(np.ascontiguousarray(indices, np.uint32))
    _check_header(data, INDEX_HEADERS[mode])
    size = {5123: 2, 5125: 4}[accessor["componentType"]]
    settings = {"byteStride": size, "count": len(indices), "mode": mode}
    return View(data, {"target": ELEMENT_ARRAY_BUFFER}, settings) if len(data) < len(plain.data) else plain


def _compress(rows: Array, filtering: str, plain: View | None) -> View:
    """Rows of a multiple of four bytes, already filtered; `plain` when it is no larger."""
    meshoptimizer.encode_vertex_version(0)
    data: bytes = meshoptimizer.encode_vertex_buffer(rows)
    _check_header(data, VERTEX_HEADER)
    stride = rows.shape[1] * rows.itemsize
    settings = {"byteStride": stride, "count": len(rows), "mode": "ATTRIBUTES", "filter": filtering}
    packed = View(data, {"byteStride": stride, "target": ARRAY_BUFFER}, settings)
    return plain if plain and len(plain.data) <= len(data) else packed


def _check_header(data: bytes, expected: int) -> None:
    """The extension fixes the versions; the codec's are settings of its whole process."""
    if data[0] != expected:
        raise ConfigError(
            "E_MESHOPT",
            f"meshoptimizer writes codec version {data[0]:#x}, EXT_meshopt_compression needs {expected:#x}",
            hint="install meshoptimizer==0.2.30a0, or set compression.geometry = 'draco'",
        )
