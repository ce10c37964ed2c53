"""A level's UV triangles -> which tile must look at which of them, in square cells small enough for one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Floats
from assetpipe.baking.kernels.cast import CELL


@dataclass(frozen=True)
class Piece:
    """One tile that something lies on."""

    left: int
    top: int
    first: int
    """row of the pairs"""
    count: int


@dataclass(frozen=True, eq=False)
class Cells:
    pairs: Array
    """(n, 3) int32: triangle, left and top texel of the cell; a tile's are together"""
    pieces: Sequence[Piece]


def sort_into_cells(uvs: Floats, px: int, tile: int, margin: float) -> Cells:
    """(f, 3, 2) in 0..1. A triangle without area in UV shows no texel. `margin`: texels by which each is widened."""
    texels = uvs.astype(np.float64) * px
    u, v = texels[:, 1] - texels[:, 0], texels[:, 2] - texels[:, 0]
    seen = np.flatnonzero(np.isfinite(texels).all(axis=(1, 2)) & (u[:, 0] * v[:, 1] != u[:, 1] * v[:, 0]))
    texels = texels[seen]
    last = (px - 1) // int(CELL)
    low = _clamped((texels.min(axis=1) - margin) // int(CELL), last)
    high = _clamped((texels.max(axis=1) + margin) // int(CELL), last)
    outside = ((texels.max(axis=1) < -margin) | (texels.min(axis=1) > px + margin)).any(axis=1)
    wide, tall = ((high - low + 1) * ~outside[:, None]).T
    counts = wide * tall
    which = np.repeat(np.arange(len(seen)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    x = low[which, 0] + number % wide[which]
    y = low[which, 1] + number // wide[which]
    per_tile = tile // int(CELL)
    key = (y // per_tile) * (last // per_tile + 1) + x // per_tile
    order = np.argsort(key, kind="stable")
    pairs = np.stack([seen[which], x * int(CELL), y * int(CELL)], axis=1)[order].astype(np.int32)
    return Cells(pairs, _pieces(key[order], last // per_tile + 1, tile))


def _pieces(keys: Array, across: int, tile: int) -> list[Piece]:
    found, first, count = np.unique(keys, return_index=True, return_counts=True)
    rows = zip(found.tolist(), first.tolist(), count.tolist(), strict=True)
    return [Piece(key % across * tile, key // across * tile, start, many) for key, start, many in rows]


def _clamped(cells: Array, last: int) -> Array:
    clamped: Array = np.clip(cells, 0, last).astype(np.int64)
    return clamped
