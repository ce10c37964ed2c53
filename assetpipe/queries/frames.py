"""Directions about one axis -> about another. For kernels that cast rays into a hemisphere."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)


@wp.func
def upon(n: wp.vec3, d: wp.vec3) -> wp.vec3:
    """`d` about +Z -> about `n` (Duff et al., "Building an orthonormal basis, revisited", 2017)."""
    s = wp.float32(1.0)
    if n[2] < 0.0:
        s = -1.0
    a = -1.0 / (s + n[2])
    b = n[0] * n[1] * a
    x = wp.vec3(1.0 + s * n[0] * n[0] * a, s * b, -s * n[0])
    y = wp.vec3(b, s + n[1] * n[1] * a, -n[1])
    return x * d[0] + y * d[1] + n * d[2]
