"""UV triangles -> how often each texel of a raster is covered."""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


def coverage(corners: Array, size: int) -> Array:
    """corners: (n, 3, 2) float32 texels -> (size, size) int32: triangles over each texel's centre. A centre on an edge
    is in neither triangle, so neighbours never count twice."""
    load(__name__)
    counts = wp.zeros((size, size), dtype=int, device="cpu")
    triangles = wp.array(np.ascontiguousarray(corners.reshape(-1, 2), np.float32), dtype=wp.vec2, device="cpu")
    wp.launch(_cover, dim=len(corners), inputs=[triangles, counts], device="cpu")
    found: Array = counts.numpy()
    return found


@wp.func
def _edge(a: wp.vec2, b: wp.vec2, p: wp.vec2) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.kernel
def _cover(triangles: wp.array(dtype=wp.vec2), counts: wp.array2d(dtype=int)) -> None:
    i = wp.tid()
    a, b, c = triangles[3 * i], triangles[3 * i + 1], triangles[3 * i + 2]
    side = wp.sign(_edge(a, b, c))
    size = counts.shape[0]
    left = wp.max(int(wp.floor(wp.min(wp.min(a[0], b[0]), c[0]))), 0)
    right = wp.min(int(wp.ceil(wp.max(wp.max(a[0], b[0]), c[0]))), size)
    top = wp.max(int(wp.floor(wp.min(wp.min(a[1], b[1]), c[1]))), 0)
    bottom = wp.min(int(wp.ceil(wp.max(wp.max(a[1], b[1]), c[1]))), size)
    for y in range(top, bottom):
        for x in range(left, right):
            p = wp.vec2(float(x) + 0.5, float(y) + 0.5)
            inside = side * _edge(a, b, p) > 0.001 and side * _edge(b, c, p) > 0.001 and side * _edge(c, a, p) > 0.001
            if inside:
                wp.atomic_add(counts, y, x, 1)
