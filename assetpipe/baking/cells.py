"""A level's UV triangles -> which tile must look at which of them, in square cells small enough for one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Floats
from assetpipe.baking.kernels.cast import CELL

AT_ONCE = 1 << 19
"""Cells looked at together: 50 MB of what goes along."""


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
    last = (px - 1) // int(CELL)
    chunks = [_touched(texels[some], some, last, margin) for some in _chunks(texels, seen)]
    face, x, y = np.concatenate([np.zeros((3, 0), np.int32), *chunks], axis=1)
    per_tile = tile // int(CELL)
    key = (y // per_tile) * (last // per_tile + 1) + x // per_tile
    order = np.argsort(key, kind="stable")
    pairs = np.ascontiguousarray(np.stack([face, x * int(CELL), y * int(CELL)], axis=1)[order])
    return Cells(pairs, _pieces(key[order], last // per_tile + 1, tile))


def _chunks(texels: Array, seen: Array) -> list[Array]:
    """Triangles whose boxes hold at most AT_ONCE cells together, or one."""
    sizes = np.ptp(texels[seen], axis=1) / int(CELL) + 3
    ends = np.cumsum(np.minimum(sizes.prod(axis=1), AT_ONCE)) // AT_ONCE
    return np.split(seen, np.flatnonzero(np.diff(ends)) + 1)


def _touched(texels: Array, faces: Array, last: int, margin: float) -> Array:
    """(3, n) int32: triangle, column and row of each cell that it may touch, row by row."""
    low = _clamped((texels.min(axis=1) - margin) // int(CELL), last)
    high = _clamped((texels.max(axis=1) + margin) // int(CELL), last)
    outside = ((texels.max(axis=1) < -margin) | (texels.min(axis=1) > (last + 1) * int(CELL) + margin)).any(axis=1)
    wide, tall = ((high - low + 1) * ~outside[:, None]).T
    counts = wide * tall
    which = np.repeat(np.arange(len(faces)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    x, y = low[which, 0] + number % wide[which], low[which, 1] + number // wide[which]
    near = _is_near(texels, which, (np.stack([x, y], axis=1) + 0.5) * int(CELL), margin)
    return np.stack([faces[which], x, y]).astype(np.int32)[:, near]


def _is_near(texels: Array, which: Array, middle: Array, margin: float) -> Array:
    """(n,) whether no edge of its triangle has a cell outside: boxes of thin ones hold thousands that they never
    touch. A fan of 20,000 triangles over 8192² had 100 million cells, 6 GB of them."""
    ahead = np.roll(texels, -1, axis=1) - texels
    turn = ahead[:, 0, 0] * ahead[:, 1, 1] - ahead[:, 0, 1] * ahead[:, 1, 0]
    inward = np.stack([-ahead[..., 1], ahead[..., 0]], axis=-1) * np.sign(turn)[:, None, None]
    length = np.maximum(np.sqrt((inward * inward).sum(axis=-1)), 1e-30)
    reach = np.abs(inward).sum(axis=-1) * (int(CELL) / 2) + (margin + 1.0) * length
    near = np.ones(len(which), bool)
    for edge in range(3):
        start, across = texels[:, edge], inward[:, edge]
        offset = (across * start).sum(axis=1)
        at = middle[:, 0] * across[which, 0] + middle[:, 1] * across[which, 1] - offset[which]
        near &= at >= -reach[which, edge]
    return near


def _pieces(keys: Array, across: int, tile: int) -> list[Piece]:
    found, first, count = np.unique(keys, return_index=True, return_counts=True)
    rows = zip(found.tolist(), first.tolist(), count.tolist(), strict=True)
    return [Piece(key % across * tile, key // across * tile, start, many) for key, start, many in rows]


def _clamped(cells: Array, last: int) -> Array:
    clamped: Array = np.clip(cells, 0, last).astype(np.int64)
    return clamped
