"""Flat triangles -> which texels they cover, and which of them lie on texels that another one has taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]
FAR = wp.constant(1.0e8)
INSIDE = 1e-3  # texels²: a centre nearer to an edge is in neither triangle, so neighbours never share one


@dataclass(frozen=True, eq=False)
class Painted:
    """Sheets of texels, one after the other, row by row."""

    owners: Ints
    """(texels,) the first triangle over each texel's centre, or -1"""
    times: Ints
    """(texels,) triangles over each"""
    clashes: Ints
    """(f,) texels of each triangle that belong to one before it"""

    @property
    def overlap(self) -> float:
        """Share of the covered texels that two triangles or more cover."""
        return float((self.times > 1).sum() / max(int((self.times > 0).sum()), 1))


def paint(corners: Array, sheets: Array, of: Array) -> Painted:
    """corners: (f, 3, 2) texels on sheets; sheets: (s, 2) width and height; of: (f,) the sheet of each triangle."""
    load(__name__)
    sizes = sheets.astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes[:, 0] * sizes[:, 1])])
    owners = wp.full(int(starts[-1]), -1, dtype=int, device="cpu")
    times = wp.zeros(int(starts[-1]), dtype=int, device="cpu")
    clashes = wp.zeros(len(of), dtype=int, device="cpu")
    flat = wp.array(np.ascontiguousarray(corners.reshape(-1, 2), np.float32), dtype=wp.vec2, device="cpu")
    ints = [wp.array(np.ascontiguousarray(array, np.int32), dtype=int, device="cpu") for array in (starts, sheets, of)]
    wp.launch(_paint, dim=1, inputs=[flat, *ints, owners, times, clashes], device="cpu")
    return Painted(owners.numpy(), times.numpy(), clashes.numpy())


def paint_square(corners: Array, side: int) -> Painted:
    """corners: (f, 3, 2) texels, all on one sheet."""
    return paint(corners, np.array([[side, side]]), np.zeros(len(corners)))


@wp.func
def _edge(a: wp.vec2, b: wp.vec2, p: wp.vec2) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.func
def _crossed(a: wp.vec2, b: wp.vec2, y: float) -> wp.vec2:
    """From where to where the edge may cross the line at `y`; the first is the larger where it does not."""
    low, high = wp.min(a[1], b[1]), wp.max(a[1], b[1])
    if high - low < 1.0:  # so level that rounding moves the place: anywhere along it
        if y < low - 1.0 or y > high + 1.0:
            return wp.vec2(FAR, -FAR)
        return wp.vec2(wp.min(a[0], b[0]), wp.max(a[0], b[0]))
    if y < low or y > high:
        return wp.vec2(FAR, -FAR)
    x = a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1]))
    return wp.vec2(x, x)


@wp.kernel
def _paint(
    corners: wp.array(dtype=wp.vec2),
    starts: wp.array(dtype=int),
    sheets: wp.array2d(dtype=int),
    sheet_of: wp.array(dtype=int),
    owners: wp.array(dtype=int),
    times: wp.array(dtype=int),
    clashes: wp.array(dtype=int),
) -> None:
    for f in range(sheet_of.shape[0]):
        s = sheet_of[f]
        a, b, c = corners[3 * f], corners[3 * f + 1], corners[3 * f + 2]
        side = wp.sign(_edge(a, b, c))
        left = wp.max(int(wp.floor(wp.min(wp.min(a[0], b[0]), c[0]) - 0.5)), 0)
        right = wp.min(int(wp.ceil(wp.max(wp.max(a[0], b[0]), c[0]) + 0.5)), sheets[s, 0])
        top = wp.max(int(wp.floor(wp.min(wp.min(a[1], b[1]), c[1]) - 0.5)), 0)
        bottom = wp.min(int(wp.ceil(wp.max(wp.max(a[1], b[1]), c[1]) + 0.5)), sheets[s, 1])
        for y in range(top, bottom):
            middle = float(y) + 0.5
            ab, bc, ca = _crossed(a, b, middle), _crossed(b, c, middle), _crossed(c, a, middle)
            low, high = wp.min(wp.min(ab, bc), ca)[0], wp.max(wp.max(ab, bc), ca)[1]
            # Not the whole box: a fan of 20,000 triangles took 12 s, all of it for texels beside them.
            first, last = wp.max(left, int(wp.floor(low - 1.5))), wp.min(right, int(wp.ceil(high + 1.5)))
            for x in range(first, last):
                p = wp.vec2(float(x) + 0.5, middle)
                if side * _edge(a, b, p) > INSIDE and side * _edge(b, c, p) > INSIDE and side * _edge(c, a, p) > INSIDE:
                    at = starts[s] + y * sheets[s, 0] + x
                    times[at] = times[at] + 1
                    if owners[at] >= 0:
                        clashes[f] = clashes[f] + 1
                    else:
                        owners[at] = f
