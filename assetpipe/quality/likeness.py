"""Two pictures -> how alike they look: structural similarity (Wang, Bovik, Sheikh, Simoncelli, "Image quality
assessment: from error visibility to structural similarity", 2004), where the model is.

Red, green and blue are compared each for itself and averaged: luma alone would not see a part that takes the colour of
its neighbour. Pictures are sRGB bytes over a grey, so that the outline counts on a bright product and on a dark one.

The mean is taken over the pixels that either model covers, and those whose window reaches one: the background is the
same in both, scores 1, and would make a racket look better than a ball (the TennisRacquet's `preview`, front view:
0.92 over the model, 0.99 over the picture).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.quality.render import Frame

SIGMA, RADIUS = 1.5, 5
"""Wang's window: a Gaussian cut off at 11 pixels."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
GREY = 0.2
"""Of the background, linear: halfway between black and white to the eye."""
BAND = 64
"""Rows at once: their sums stay in the processor's cache, and six views of 2160² in 100 MB."""
DIGITS = 1_000_000
"""SSIM is summed in whole millionths, which no order of summing changes."""


@dataclass(frozen=True)
class Likeness:
    """SSIM, at most 1, of each view: front, right, back, left, top, bottom."""

    views: tuple[float, ...]

    @property
    def worst(self) -> float:
        return min(self.views)

    @property
    def mean(self) -> float:
        return sum(self.views) / len(self.views)


def likeness(ones: Iterable[Frame], others: Iterable[Frame]) -> Likeness:
    return Likeness(tuple(_alike(one, other) for one, other in zip(ones, others, strict=True)))


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
    """(h, w) or (h, w, channels) each, the mean over `where` (h, w) and all channels; 1 where there is nothing."""
    if where is None:
        where = np.ones(one.shape[:2], bool)
    if not where.any():
        return 1.0
    rows, columns = (np.flatnonzero(where.any(axis=axis)) for axis in (1, 0))
    window = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    total = sum(
        int(np.rint(band * DIGITS).astype(np.int64)[where[window][first : first + len(band)]].sum())
        for first, band in _bands(one, other, window)
    )
    return total / (DIGITS * int(where.sum()) * (one.shape[2] if one.ndim == 3 else 1))


def reached(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`where`, and every pixel whose window reaches into it."""
    for axis in (0, 1):
        padded = np.pad(where, [(RADIUS, RADIUS) if i == axis else (0, 0) for i in range(2)])
        where = np.logical_or.reduce([_cut(padded, axis, i, where.shape[axis]) for i in range(2 * RADIUS + 1)])
    return where


def _alike(one: Frame, other: Frame) -> float:
    where = reached((one.coverage > 0) | (other.coverage > 0))
    return ssim(one.over(GREY), other.over(GREY), where)


def _bands(one: Array, other: Array, window: tuple[slice, slice]) -> Iterator[tuple[int, Array]]:
    """(first row within the window, SSIM of the rows (rows, columns[, channels]))."""
    rows, columns = window
    edge = [(RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)][: one.ndim]
    # Beyond its edge a picture goes on mirrored.
    padded = [np.pad(picture, edge, mode="symmetric") for picture in (one, other)]
    for first in range(rows.start, rows.stop, BAND):
        last = min(first + BAND, rows.stop)
        x, y = (
            picture[first : last + 2 * RADIUS, columns.start : columns.stop + 2 * RADIUS].astype(np.float64)
            for picture in padded
        )
        yield first - rows.start, _similarity(x, y)


def _similarity(x: Array, y: Array) -> Array:
    """(h + 10, w + 10[, channels]) -> (h, w[, channels])."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance = _blurred(x * y) - product
    variances = _blurred(x * x + y * y) - squares
    similar: Array = (2 * product + C1) * (2 * covariance + C2) / ((squares + C1) * (variances + C2))
    return similar


def _blurred(values: Array) -> Array:
    """Both ways, without what lacks a neighbour. The window is symmetric: pairs are added first."""
    for axis in (0, 1):
        length = values.shape[axis] - 2 * RADIUS
        weights = _window()
        total = weights[0] * _cut(values, axis, RADIUS, length)
        for away in range(1, RADIUS + 1):
            pair = _cut(values, axis, RADIUS - away, length) + _cut(values, axis, RADIUS + away, length)
            total += weights[away] * pair
        values = total
    return values


def _cut(values: Array, axis: int, start: int, length: int) -> Array:
    return values[start : start + length] if axis == 0 else values[:, start : start + length]


@cache
def _window() -> tuple[float, ...]:
    """Weights of the middle and of what lies 1 to 5 pixels away on one side; the whole sums to 1."""
    raw = [float(np.exp(-0.5 * (away / SIGMA) ** 2)) for away in range(RADIUS + 1)]
    total = raw[0] + 2 * sum(raw[1:])
    return tuple(weight / total for weight in raw)
