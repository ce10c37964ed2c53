# mypy: ignore-errors
"""Where a wedge goes in texture space when its vertex moves: along its own slope, but never out of its chart.

A vertex on the rim of a chart is placed a little outside of it, to keep the area; and where curves have been joined
across, slopes no longer say what lies there. So what a slope says is held within the triangles round the wedge in
texture space: the hull of a chart never grows.
"""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get
from assetpipe.geometry.kernels.cells import ring
from assetpipe.geometry.kernels.quadrics import slope, value
from assetpipe.geometry.kernels.records import RING, W1, W2, WEDGE, Mesh
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)


@wp.func
def share(m: Mesh, a: int, b: int) -> wp.float64:
    """Of wedge b in what a and b become."""
    wa = wp.float64(get(m.weight, a))
    wb = wp.float64(get(m.weight, b))
    if wa + wb > wp.float64(0.0):
        return wb / (wa + wb)
    return wp.float64(0.5)


@wp.func
def stored(m: Mesh, w: int, k: int) -> wp.vec2d:
    """Texture coordinate of wedge w in set k."""
    return wp.vec2d(value(m, w, 2 * k), value(m, w, 2 * k + 1))


@wp.func
def sloped(m: Mesh, w: int, k: int, o: wp.vec3d) -> wp.vec2d:
    """At offset o from its vertex."""
    return stored(m, w, k) + wp.vec2d(wp.dot(slope(m, w, 2 * k), o), wp.dot(slope(m, w, 2 * k + 1), o))


@wp.func
def turn(e: wp.vec2d, f: wp.vec2d) -> wp.float64:
    return e[0] * f[1] - e[1] * f[0]


@wp.func
def on_edge(p: wp.vec2d, a: wp.vec2d, b: wp.vec2d) -> wp.vec2d:
    """The point from a to b nearest to p."""
    e = b - a
    t = wp.dot(p - a, e) / wp.max(wp.dot(e, e), wp.float64(1.0e-300))
    return a + e * wp.clamp(t, wp.float64(0.0), wp.float64(1.0))


@wp.func
def within_face(m: Mesh, i: int, k: int, p: wp.vec2d) -> wp.vec2d:
    """The point in texture space nearest to p of the face in row i of the ring; p itself inside."""
    A = stored(m, ring(m, i, WEDGE), k)
    B = stored(m, ring(m, i, W1), k)
    C = stored(m, ring(m, i, W2), k)
    zero = wp.float64(0.0)
    one = turn(B - A, p - A)
    two = turn(C - B, p - B)
    three = turn(A - C, p - C)
    if (one > zero and two > zero and three > zero) or (one < zero and two < zero and three < zero):
        return p
    best = on_edge(p, A, B)
    other = on_edge(p, B, C)
    if wp.length_sq(other - p) < wp.length_sq(best - p):
        best = other
    other = on_edge(p, C, A)
    if wp.length_sq(other - p) < wp.length_sq(best - p):
        best = other
    return best


@wp.func
def ranged(m: Mesh, column: int, x: wp.float64) -> wp.float64:
    """Within the range of the source."""
    return wp.clamp(x, wp.float64(get(m.low, column)), wp.float64(get(m.high, column)))


@wp.func
def texture(m: Mesh, k: int, a: int, b: int, oa: wp.vec3d, ob: wp.vec3d, n: int, nu: int) -> wp.vec2d:
    """Texture coordinate in set k of wedges a and b (-1: a alone) joined, at offsets oa and ob from their vertices,
    held by the faces of the n and nu corners in the two rings; free where there are none."""
    p = sloped(m, a, k, oa)
    if b >= 0:
        t = share(m, a, b)
        p = p * (wp.float64(1.0) - t) + sloped(m, b, k, ob) * t
    p = wp.vec2d(ranged(m, 2 * k, p[0]), ranged(m, 2 * k + 1, p[1]))
    if n + nu == 0:
        return p
    best = stored(m, a, k)
    far = wp.length_sq(best - p)
    for i in range(n + nu):
        row = wp.where(i < n, i, RING + i - n)
        w = ring(m, row, WEDGE)
        if w != a and w != b:
            continue
        q = within_face(m, row, k, p)
        off = wp.length_sq(q - p)
        if off < far:
            far = off
            best = q
            if off == wp.float64(0.0):
                break
    return best
