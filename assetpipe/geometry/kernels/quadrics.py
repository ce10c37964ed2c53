# ruff: noqa: SIM109  (Warp has no `in`)
# mypy: ignore-errors
"""What an edge costs and where its vertex goes.

Garland & Heckbert 1998 (planes), Hoppe 1999 (wedges). An attribute is a linear function of space in each face. Per
wedge we keep their area-weighted mean (value and slope); what the faces stray from it is a quadric in space and is
folded into the vertex's. Two wedges joined at x add A1 A2 / (A1 + A2) (m1(x) - m2(x))², the parallel-axis rule, which
is Hoppe's optimum over the attribute in closed form: no unknowns beyond x, and nothing large is subtracted.
"""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    AREA,
    B0,
    B1,
    CURVE,
    INNER,
    RIM,
    SORT,
    VERTEX,
    Mesh,
)
from assetpipe.geometry.kernels.rings import is_rim, on_curve
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

vec5d = wp.types.vector(length=5, dtype=wp.float64)

STAY, GO, FREE, END, REFUSED = (wp.constant(i) for i in range(5))
STIFF = wp.constant(wp.float64(1.0e-6))
"""Pull towards the edge's middle, relative to the trace of A: decides where the surface is flat."""
SHORT = wp.constant(wp.float64(1.0e-9))
"""Of area times squared length, added to what an edge costs: on a plane the shortest goes first."""
CROSSING = wp.constant(wp.float64(4.0))
"""What a junction that moves, or a seam that ends, costs over what its quadric says."""
REFUSAL = wp.constant(wp.float64(-1.0))


@wp.func
def position(m: Mesh, v: int) -> wp.vec3d:
    return wp.vec3d(wp.float64(m.record[v, 0]), wp.float64(m.record[v, 1]), wp.float64(m.record[v, 2]))


@wp.func
def matrix(m: Mesh, v: int) -> wp.mat33d:
    xx = wp.float64(m.record[v, 3])
    xy = wp.float64(m.record[v, 4])
    xz = wp.float64(m.record[v, 5])
    yy = wp.float64(m.record[v, 6])
    yz = wp.float64(m.record[v, 7])
    zz = wp.float64(m.record[v, 8])
    return wp.mat33d(xx, xy, xz, xy, yy, yz, xz, yz, zz)


@wp.func
def slope(m: Mesh, w: int, j: int) -> wp.vec3d:
    return wp.vec3d(wp.float64(m.slope[w, 3 * j]), wp.float64(m.slope[w, 3 * j + 1]), wp.float64(m.slope[w, 3 * j + 2]))


@wp.func
def joined(m: Mesh, v: int, s: int, d: wp.vec3d):
    """A, b and c of v and its neighbour in row s, at offset d, about v."""
    u = m.near[s, VERTEX]
    bu = wp.vec3d(wp.float64(m.record[u, 9]), wp.float64(m.record[u, 10]), wp.float64(m.record[u, 11]))
    bv = wp.vec3d(wp.float64(m.record[v, 9]), wp.float64(m.record[v, 10]), wp.float64(m.record[v, 11]))
    Au = matrix(m, u)
    Aud = Au * d
    A = matrix(m, v) + Au
    b = bv + bu - Aud
    c = wp.float64(m.record[v, 12]) + wp.float64(m.record[u, 12]) + wp.dot(d, Aud) - wp.float64(2.0) * wp.dot(bu, d)
    for side in range(2):
        p = m.near[s, A0 + 2 * side]
        q = m.near[s, B0 + 2 * side]
        if p >= 0:
            wp_ = wp.float64(m.weight[p])
            wq = wp.float64(m.weight[q])
            h = wp_ * wq / wp.max(wp_ + wq, wp.float64(1.0e-300))
            for j in range(m.solved):
                gq = slope(m, q, j)
                g = slope(m, p, j) - gq
                e = wp.float64(m.value[p, j]) - wp.float64(m.value[q, j]) + wp.dot(gq, d)
                hm = h * m.mu[j]
                A = A + wp.outer(g, g) * hm
                b = b + g * (hm * e)
                c = c + hm * e * e
    return A, b, c


@wp.func
def error_at(A: wp.mat33d, b: wp.vec3d, c: wp.float64, x: wp.vec3d) -> wp.float64:
    return wp.max(wp.dot(x, A * x) + wp.float64(2.0) * wp.dot(b, x) + c, wp.float64(0.0))


@wp.func
def freedom(m: Mesh, v: int, u: int, s: int) -> int:
    """Where the joined vertex may go: curves keep their place, and a vertex on one moves along it only.

    stage 1  a junction does not move, an inner vertex or one on a curve may fall into it
    stage 2  any edge, at CROSSING times the cost, but for one that would pinch the surface between two borders
    stage 3  any edge
    """
    kv = int(m.kind[v]) & SORT
    ku = int(m.kind[u]) & SORT
    if kv == INNER and ku == INNER:
        return FREE
    if kv == INNER:
        return GO
    if ku == INNER:
        return STAY
    if m.stage < 3 and not is_rim(m, s) and (int(m.kind[v]) & int(m.kind[u]) & RIM) != 0:
        return REFUSED
    if on_curve(m, s):
        if kv == CURVE and ku == CURVE:
            return FREE
        if kv == CURVE:
            return GO
        if ku == CURVE:
            return STAY
    if m.stage >= 2:
        return END
    return REFUSED


@wp.func
def crossed(m: Mesh, s: int) -> bool:
    """A seam ends on this edge: one wedge at one end is two at the other."""
    if m.near[s, A1] < 0:
        return False
    return m.near[s, A0] == m.near[s, A1] or m.near[s, B0] == m.near[s, B1]


@wp.func
def solve(A: wp.mat33d, b: wp.vec3d, d: wp.vec3d) -> wp.vec3d:
    """The cheapest offset; the middle of the edge where that is not defined or farther than two lengths."""
    middle = d * wp.float64(0.5)
    t = STIFF * (A[0, 0] + A[1, 1] + A[2, 2])
    if t <= wp.float64(0.0):
        return middle
    M = A + wp.mat33d(t, wp.float64(0.0), wp.float64(0.0), wp.float64(0.0), t, wp.float64(0.0),
                      wp.float64(0.0), wp.float64(0.0), t)  # fmt: skip
    x = wp.inverse(M) * (middle * t - b)
    off = x - middle
    if wp.dot(off, off) <= wp.float64(4.0) * wp.dot(d, d):  # false for NaN too
        return x
    return middle


@wp.func
def plan(m: Mesh, v: int, s: int) -> vec5d:
    """Offset from v of the joined vertex, its cost, and its squared error in length; a cost below 0 when refused."""
    u = m.near[s, VERTEX]
    zero = wp.vec3d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0))
    where = freedom(m, v, u, s)
    if where == REFUSED or (m.stage < 3 and crossed(m, s)):
        return vec5d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0), REFUSAL, wp.float64(0.0))
    d = position(m, u) - position(m, v)
    A, b, c = joined(m, v, s, d)
    x = zero
    if where == GO:
        x = d
    if where == FREE:
        x = solve(A, b, d)
    cost = error_at(A, b, c, x)
    if where == FREE or where == END:
        at_end = error_at(A, b, c, d)
        if at_end < cost:
            cost = at_end
            x = d
    if where == FREE:
        at_start = error_at(A, b, c, zero)
        if at_start < cost:
            cost = at_start
            x = zero
    area = wp.float64(m.record[v, AREA]) + wp.float64(m.record[u, AREA])
    squared = cost / wp.max(area, wp.float64(1.0e-30))
    cost = cost + SHORT * area * wp.dot(d, d)
    if where == END:
        cost = cost * CROSSING
    return vec5d(x[0], x[1], x[2], cost, squared)
