"""Attributes -> what glTF may store for them: floats as they are, or fewer bits where the core specification allows it.

The core allows normalised unsigned bytes and shorts for colours, weights and texture coordinates, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from assetpipe.asset import Array, Primitive
from assetpipe.config import Compression
from assetpipe.container.grid import Grid

UNSIGNED = {8: np.uint8, 16: np.uint16}


@dataclass(frozen=True, eq=False)
class Column:
    """One vertex attribute as it will be stored."""

    values: Array
    """(vertices, k), of a type that glTF knows."""
    normalized: bool = False


Columns = Mapping[str, Column]


def keep(primitive: Primitive) -> dict[str, Column]:
    """Columns that read back as the very same values, in fewer bytes where that is possible."""
    return {semantic: _narrow(semantic, np.asarray(values)) for semantic, values in primitive.attributes.items()}


def reduce(primitive: Primitive, grid: Grid, compression: Compression) -> dict[str, Column]:
    """Columns with positions on the asset's grid, and colours and weights in few bits."""
    columns = {**keep(primitive), "POSITION": Column(grid.snap(primitive.positions))}
    for semantic, values in primitive.attributes.items():
        if semantic.startswith("COLOR_") and is_unit(values):
            columns[semantic] = _normalize(values, compression.colour_bits)
    return columns | _reduce_weights(primitive.attributes, compression.weight_bits)


def shorten(columns: Columns) -> dict[str, Column]:
    """Texture coordinates in half the bytes, to 1/65535, for what is not compressed any further."""
    return {
        semantic: coordinate_shorts(column, 16) if semantic.startswith("TEXCOORD_") else column
        for semantic, column in columns.items()
    }


def coordinate_shorts(column: Column, bits: int) -> Column:
    """Texture coordinates as normalised shorts, when they keep to the unit square."""
    return _shorts(column.values, bits, np.uint16) if is_unit(column.values) else column


def tangent_shorts(column: Column, bits: int) -> Column:
    """Unit vectors and a sign as normalised shorts: legal with KHR_mesh_quantization only."""
    longest = np.abs(column.values).max(initial=0)
    return _shorts(column.values, bits, np.int16) if longest <= 1 + 1e-3 else column


def _shorts(values: Array, bits: int, kind: type[np.integer[Any]]) -> Column:
    """`bits` significant bits; the others are zero but for the value 1 itself, which entropy coders make use of."""
    last, step = int(np.iinfo(kind).max), 2 ** (16 - bits)
    stepped = np.rint(values.astype(np.float64) * (last / step)) * step
    return Column(np.clip(stepped, -last, last).astype(kind), normalized=True)


def is_unit(values: Array) -> bool:
    return bool(values.size and values.min() >= 0 and values.max() <= 1)


def _narrow(semantic: str, values: Array) -> Column:
    if semantic.startswith("JOINTS_"):
        return Column(values.astype(np.uint8 if values.max(initial=0) < 256 else np.uint16))
    if semantic.startswith(("COLOR_", "WEIGHTS_")) and is_unit(values):
        for bits in (8, 16):
            column = _normalize(values, bits)
            if np.array_equal(_denormalize(column.values), values):
                return column
    return Column(_storable(values))


def _storable(values: Array) -> Array:
    """glTF has no attributes of 32 bit integers."""
    if values.dtype.itemsize == 4 and values.dtype.kind in "iu":
        fits = values.size and values.min() >= 0 and values.max() <= 65535
        return values.astype(np.uint16 if fits else np.float32)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _normalize(values: Array, bits: int) -> Column:
    scaled = np.asarray(values, np.float64) * (2**bits - 1)
    return Column(np.floor(scaled + 0.5).astype(UNSIGNED[bits]), normalized=True)


def _denormalize(values: Array) -> Array:
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)


def _reduce_weights(attributes: Mapping[str, Array], bits: int) -> dict[str, Column]:
    """Weights that sum to 1 exactly over all sets of a vertex, and joint 0 wherever the weight is 0."""
    numbers = sorted(name.removeprefix("WEIGHTS_") for name in attributes if name.startswith("WEIGHTS_"))
    sets = [number for number in numbers if f"JOINTS_{number}" in attributes]
    if not sets:
        return {}
    weights = np.concatenate([attributes[f"WEIGHTS_{name}"] for name in sets], axis=1)
    parts = np.split(_share(weights, 2**bits - 1), len(sets), axis=1)
    columns = {}
    for name, part in zip(sets, parts, strict=True):
        columns[f"WEIGHTS_{name}"] = Column(np.ascontiguousarray(part, UNSIGNED[bits]), normalized=True)
        joints = attributes[f"JOINTS_{name}"]
        columns[f"JOINTS_{name}"] = _narrow("JOINTS_", np.where(part > 0, joints, 0))
    return columns


def _share(weights: Array, whole: int) -> Array:
    """(n, k) float >= 0 -> (n, k) integers, each row summing to `whole`: the largest remainders are rounded up."""
    exact = np.maximum(np.asarray(weights, np.float64), 0)
    total = exact.sum(axis=1, keepdims=True)
    exact = np.where(total > 0, exact, np.eye(1, exact.shape[1])) / np.where(total > 0, total, 1) * whole
    shares = np.floor(exact)
    missing = np.rint(whole - shares.sum(axis=1)).astype(int)
    rank = np.argsort(np.argsort(shares - exact, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(shares + (rank < missing[:, None]), np.int64)
