"""Rows of arrays -> which rows are equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array

Longs = NDArray[np.int64]
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


def first_equal(columns: Sequence[Array]) -> Longs:
    """(n,) for each row the first row that equals it in every one of the (n, ...) arrays; -0 equals 0.

    Rows are compared by a 64-bit mix of their bits, then in full; six million rows of eight floats take 1.5 s, where
    `np.unique(axis=0)` takes 20. Rows that only share the mix stay apart.
    """
    mix = _mix(columns)
    order = np.argsort(mix)
    ordered = mix[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(mix) else np.zeros(0, int)
    if len(starts) == len(mix):
        return np.arange(len(mix))
    sizes = np.diff(starts, append=len(mix))
    first = np.empty(len(mix), np.int64)
    first[order] = np.repeat(np.minimum.reduceat(order, starts), sizes)
    doubt = np.flatnonzero(first != np.arange(len(mix)))
    for column in columns:
        differ = (column[doubt] != column[first[doubt]]).reshape(len(doubt), -1).any(axis=1)
        first[doubt[differ]] = doubt[differ]
    return first


def _mix(columns: Sequence[Array]) -> NDArray[np.uint64]:
    mix = np.zeros(len(columns[0]), np.uint64)
    for rows in columns:
        for column in rows.reshape(len(mix), -1).T if rows.size else ():
            mix ^= _bits(column)
            mix *= MIX
            mix ^= mix >> np.uint64(29)
    return mix


def _bits(values: Array) -> NDArray[np.uint64]:
    """Equal numbers have equal bits."""
    if values.dtype == np.float32:
        return (values + np.float32(0)).view(np.uint32).astype(np.uint64)
    if values.dtype.kind == "f":
        return (values.astype(np.float64) + 0.0).view(np.uint64)
    return values.astype(np.int64).view(np.uint64)
