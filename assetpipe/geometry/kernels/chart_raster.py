"""Flat triangles -> which of them lie on texels that another one has taken."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]
INSIDE = 1e-3  # texels²: a centre nearer to an edge is in neither triangle, so neighbours never share one


def paint(corners: Array, sheets: Ints, of: Ints) -> tuple[Ints, Ints, Ints]:
    """corners: (f, 3, 2) texels on sheets; sheets: (s, 2) width and height; of: (f,) the sheet of each triangle.

    (f,) texels that each triangle covers, (f,) those of them that one before it has, and which triangle each texel of
    the sheets, one after the other, belongs to (-1: none)."""
    load(__name__)
    sizes = sheets.astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes[:, 0] * sizes[:, 1])])
    texels = wp.full(int(starts[-1]), -1, dtype=int, device="cpu")
    counts = [wp.zeros(len(of), dtype=int, device="cpu") for _ in range(2)]
    flat = wp.array(np.ascontiguousarray(corners.reshape(-1, 2), np.float32), dtype=wp.vec2, device="cpu")
    ints = [wp.array(np.ascontiguousarray(array, np.int32), dtype=int, device="cpu") for array in (starts, sheets, of)]
    wp.launch(_paint, dim=1, inputs=[flat, *ints, texels, *counts], device="cpu")
    return counts[0].numpy(), counts[1].numpy(), texels.numpy()


@wp.func
def _edge(a: wp.vec2, b: wp.vec2, p: wp.vec2) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.kernel
def _paint(
    corners: wp.array(dtype=wp.vec2),
    starts: wp.array(dtype=int),
    sheets: wp.array2d(dtype=int),
    sheet_of: wp.array(dtype=int),
    texels: wp.array(dtype=int),
    covered: wp.array(dtype=int),
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
            for x in range(left, right):
                p = wp.vec2(float(x) + 0.5, float(y) + 0.5)
                if side * _edge(a, b, p) > INSIDE and side * _edge(b, c, p) > INSIDE and side * _edge(c, a, p) > INSIDE:
                    at = starts[s] + y * sheets[s, 0] + x
                    covered[f] = covered[f] + 1
                    if texels[at] >= 0:
                        clashes[f] = clashes[f] + 1
                    else:
                        texels[at] = f
