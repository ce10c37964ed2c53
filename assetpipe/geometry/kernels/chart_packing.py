"""Outlines of charts -> places in a square, dropped one after the other onto what lies there (Lévy et al., Least
Squares Conformal Maps, 2002, section 4), each turned as it sinks deepest; very many are set in rows."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]


def outlines(corners: Array, charts: Ints, wide: Ints) -> tuple[Ints, Ints, Ints]:
    """corners: (f, 3, 2) cells, each chart's own from 0 up; charts: (f,); wide: (c,) columns of each chart.

    (c + 1,) where the columns of each start, and (columns,) lowest and highest cell of each."""
    load(__name__)
    starts = np.concatenate([[0], np.cumsum(wide)]).astype(np.int32)
    flat = wp.array(np.ascontiguousarray(corners.reshape(-1, 2), np.float32), dtype=wp.vec2, device="cpu")
    ints = [wp.array(np.ascontiguousarray(array, np.int32), dtype=int, device="cpu") for array in (charts, starts)]
    low = wp.full(int(starts[-1]), 1 << 20, dtype=int, device="cpu")
    high = wp.full(int(starts[-1]), -1, dtype=int, device="cpu")
    wp.launch(_outline, dim=1, inputs=[flat, *ints, low, high], device="cpu")
    return starts, low.numpy(), high.numpy()


def drop(starts: Ints, low: Ints, high: Ints, side: int) -> Ints:
    """Outlines of every chart in four turns, 4 c + 1 starts -> (c, 3) turn, left and bottom; -1 from the first on that
    does not fit into `side` columns and rows."""
    load(__name__)
    given = [wp.array(array, dtype=int, device="cpu") for array in (starts, low, high)]
    places = wp.full(((len(starts) - 1) // 4, 3), -1, dtype=int, device="cpu")
    horizon = wp.zeros(side, dtype=int, device="cpu")
    wp.launch(_drop, dim=1, inputs=[*given, horizon, places], device="cpu")
    found: Ints = places.numpy()
    return found


@wp.kernel
def _outline(
    corners: wp.array(dtype=wp.vec2),
    charts: wp.array(dtype=int),
    starts: wp.array(dtype=int),
    low: wp.array(dtype=int),
    high: wp.array(dtype=int),
) -> None:
    for i in range(corners.shape[0]):
        f = i // 3
        here = corners[i]
        ahead = corners[3 * f + (i + 1) % 3]
        a = wp.where(here[0] <= ahead[0], here, ahead)
        b = wp.where(here[0] <= ahead[0], ahead, here)
        start = starts[charts[f]]
        last = starts[charts[f] + 1] - start - 1
        first = wp.clamp(int(wp.floor(a[0])), 0, last)
        for c in range(first, wp.clamp(int(wp.floor(b[0])), 0, last) + 1):
            u = wp.clamp(float(c), a[0], b[0])
            v = wp.clamp(float(c + 1), a[0], b[0])
            slope = (b[1] - a[1]) / wp.max(b[0] - a[0], 1.0e-20)
            one = wp.where(u <= a[0], a[1], a[1] + (u - a[0]) * slope)
            two = wp.where(v >= b[0], b[1], a[1] + (v - a[0]) * slope)
            at = start + c
            low[at] = wp.min(low[at], int(wp.floor(wp.min(one, two))))
            high[at] = wp.max(high[at], int(wp.floor(wp.max(one, two))))


@wp.kernel
def _drop(
    starts: wp.array(dtype=int),
    low: wp.array(dtype=int),
    high: wp.array(dtype=int),
    horizon: wp.array(dtype=int),
    places: wp.array2d(dtype=int),
) -> None:
    side = horizon.shape[0]
    for chart in range(places.shape[0]):
        best = wp.int32(1 << 30)
        least = wp.int32(1 << 30)
        for turn in range(4):
            start = starts[4 * chart + turn]
            wide = starts[4 * chart + turn + 1] - start
            tall = wp.int32(0)
            for at in range(wide):
                tall = wp.max(tall, high[start + at] + 1)
            x = wp.int32(0)
            while x + wide <= side:
                y = wp.int32(0)
                c = wp.int32(0)
                while c < wide and y + tall <= best:
                    y = wp.max(y, horizon[x + c] - low[start + c])
                    c += 1
                if y + tall <= side and y + tall <= best:
                    waste = wp.int32(0)
                    for at in range(wide):
                        if high[start + at] >= low[start + at]:
                            waste = waste + y + low[start + at] - horizon[x + at]
                    if y + tall < best or waste < least:
                        best = y + tall
                        least = waste
                        places[chart, 0] = turn
                        places[chart, 1] = x
                        places[chart, 2] = y
                x += 1
        turn = places[chart, 0]
        if turn < 0:
            return
        start = starts[4 * chart + turn]
        for at in range(starts[4 * chart + turn + 1] - start):
            # A last column may be empty.
            x = places[chart, 1] + at
            horizon[x] = wp.max(horizon[x], places[chart, 2] + high[start + at] + 1)
