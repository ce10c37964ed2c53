# mypy: ignore-errors
"""What an edge costs and where its vertex goes.

Garland & Heckbert 1998 (planes), Hoppe 1999 (wedges). An attribute is a linear function of space in each face. Per
wedge we keep their area-weighted mean (value and slope); what the faces stray from it is a quadric in space and is
folded into the vertex's. Two wedges joined at x add A1 A2 / (A1 + A2) (m1(x) - m2(x))², the parallel-axis rule, which
is Hoppe's optimum over the attribute in closed form: no unknowns beyond x, and nothing large is subtracted.
"""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get
from assetpipe.geometry.kernels.cells import choice, near, set_choice
from assetpipe.geometry.kernels.lanes import compare_wedges
from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    AREA,
    B0,
    B1,
    CURVE,
    DOUBT,
    INNER,
    KEPT,
    RIM,
    SORT,
    VALUE,
    VERTEX,
    C,
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
TINY = wp.constant(wp.float32(1.0e-30))
"""Area, of what counts as none."""
REFUSAL = wp.constant(wp.float64(-1.0))


@wp.struct
class Quadric:
    """x'Ax + 2b'x + c"""

    xx: wp.float64
    xy: wp.float64
    xz: wp.float64
    yy: wp.float64
    yz: wp.float64
    zz: wp.float64
    b: wp.vec3d
    c: wp.float64


@wp.func
def position(m: Mesh, v: int) -> wp.vec3d:
    r = get(m.record, v)
    return wp.vec3d(wp.float64(r[0]), wp.float64(r[1]), wp.float64(r[2]))


@wp.func
def slope(m: Mesh, w: int, j: int) -> wp.vec3d:
    a = get(m.solved, w * m.steering + j)
    return wp.vec3d(wp.float64(a[0]), wp.float64(a[1]), wp.float64(a[2]))


@wp.func
def value(m: Mesh, w: int, j: int) -> wp.float64:
    return wp.float64(get(m.solved, w * m.steering + j)[VALUE])


@wp.func
def times(q: Quadric, x: wp.vec3d) -> wp.vec3d:
    """A x"""
    return wp.vec3d(
        q.xx * x[0] + q.xy * x[1] + q.xz * x[2],
        q.xy * x[0] + q.yy * x[1] + q.yz * x[2],
        q.xz * x[0] + q.yz * x[1] + q.zz * x[2],
    )


@wp.func
def read_quadric(m: Mesh, v: int) -> Quadric:
    """Of one vertex, about itself."""
    r = get(m.record, v)
    q = Quadric()
    q.xx = wp.float64(r[3])
    q.xy = wp.float64(r[4])
    q.xz = wp.float64(r[5])
    q.yy = wp.float64(r[6])
    q.yz = wp.float64(r[7])
    q.zz = wp.float64(r[8])
    q.b = wp.vec3d(wp.float64(r[9]), wp.float64(r[10]), wp.float64(r[11]))
    q.c = wp.float64(r[C])
    return q


@wp.func
def joined(m: Mesh, v: int, s: int, d: wp.vec3d) -> Quadric:
    """Of v and its neighbour in row s, at offset d, about v."""
    q = read_quadric(m, v)
    other = read_quadric(m, near(m, s, VERTEX))
    Ad = times(other, d)
    xx = q.xx + other.xx
    xy = q.xy + other.xy
    xz = q.xz + other.xz
    yy = q.yy + other.yy
    yz = q.yz + other.yz
    zz = q.zz + other.zz
    b = q.b + other.b - Ad
    c = q.c + other.c + wp.dot(d, Ad) - wp.float64(2.0) * wp.dot(other.b, d)
    for side in range(2):
        i = near(m, s, A0 + 2 * side)
        j = near(m, s, B0 + 2 * side)
        if i >= 0:
            wi = get(m.weight, i)
            wj = get(m.weight, j)
            weight = wi * (wj / wp.max(wi + wj, TINY))
            g = compare_wedges(m.solved, i * m.steering, j * m.steering, d, weight, m.mu, m.steering)
            xx += wp.float64(g[0, 0])
            xy += wp.float64(g[0, 1])
            xz += wp.float64(g[0, 2])
            yy += wp.float64(g[1, 1])
            yz += wp.float64(g[1, 2])
            zz += wp.float64(g[2, 2])
            b += wp.vec3d(wp.float64(g[0, 3]), wp.float64(g[1, 3]), wp.float64(g[2, 3]))
            c += wp.float64(g[3, 3])
    q.xx = xx
    q.xy = xy
    q.xz = xz
    q.yy = yy
    q.yz = yz
    q.zz = zz
    q.b = b
    q.c = c
    return q


@wp.func
def keep_quadric(m: Mesh, s: int, q: Quadric):
    """With the plan of the edge to the neighbour in row s."""
    set_choice(m, s, KEPT, q.xx)
    set_choice(m, s, KEPT + 1, q.xy)
    set_choice(m, s, KEPT + 2, q.xz)
    set_choice(m, s, KEPT + 3, q.yy)
    set_choice(m, s, KEPT + 4, q.yz)
    set_choice(m, s, KEPT + 5, q.zz)
    for axis in range(3):
        set_choice(m, s, KEPT + 6 + axis, q.b[axis])
    set_choice(m, s, KEPT + 9, q.c)


@wp.func
def kept_quadric(m: Mesh, s: int) -> Quadric:
    q = Quadric()
    q.xx = choice(m, s, KEPT)
    q.xy = choice(m, s, KEPT + 1)
    q.xz = choice(m, s, KEPT + 2)
    q.yy = choice(m, s, KEPT + 3)
    q.yz = choice(m, s, KEPT + 4)
    q.zz = choice(m, s, KEPT + 5)
    q.b = wp.vec3d(choice(m, s, KEPT + 6), choice(m, s, KEPT + 7), choice(m, s, KEPT + 8))
    q.c = choice(m, s, KEPT + 9)
    return q


@wp.func
def error_at(q: Quadric, x: wp.vec3d) -> wp.float64:
    return wp.max(wp.dot(x, times(q, x)) + wp.float64(2.0) * wp.dot(q.b, x) + q.c, wp.float64(0.0))


@wp.func
def freedom(m: Mesh, v: int, u: int, s: int) -> int:
    """Where the joined vertex may go: curves keep their place, and a vertex on one moves along it only.

    stage 1  a junction does not move, an inner vertex or one on a curve may fall into it
    stage 2  any edge, at CROSSING times the cost, but for one that would pinch the surface between two borders
    stage 3  any edge
    """
    kv = int(get(m.kind, v)) & SORT
    ku = int(get(m.kind, u)) & SORT
    if kv == INNER and ku == INNER:
        return FREE
    if kv == INNER:
        return GO
    if ku == INNER:
        return STAY
    if m.stage < 3 and not is_rim(m, s) and (int(get(m.kind, v)) & int(get(m.kind, u)) & RIM) != 0:
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
    if near(m, s, A1) < 0:
        return False
    return near(m, s, A0) == near(m, s, A1) or near(m, s, B0) == near(m, s, B1)


@wp.func
def solve(q: Quadric, d: wp.vec3d) -> wp.vec3d:
    """The cheapest offset; the middle of the edge where that is not defined or farther than two lengths."""
    middle = d * wp.float64(0.5)
    t = STIFF * (q.xx + q.yy + q.zz)
    if t <= wp.float64(0.0):
        return middle
    xx = q.xx + t
    yy = q.yy + t
    zz = q.zz + t
    cxx = yy * zz - q.yz * q.yz
    cxy = q.xz * q.yz - q.xy * zz
    cxz = q.xy * q.yz - q.xz * yy
    cyy = xx * zz - q.xz * q.xz
    cyz = q.xy * q.xz - xx * q.yz
    czz = xx * yy - q.xy * q.xy
    r = (middle * t - q.b) / (xx * cxx + q.xy * cxy + q.xz * cxz)
    x = wp.vec3d(
        cxx * r[0] + cxy * r[1] + cxz * r[2],
        cxy * r[0] + cyy * r[1] + cyz * r[2],
        cxz * r[0] + cyz * r[1] + czz * r[2],
    )
    off = x - middle
    if wp.dot(off, off) <= wp.float64(4.0) * wp.dot(d, d):  # false for NaN too
        return x
    return middle


@wp.func
def priced(m: Mesh, v: int, u: int, d: wp.vec3d, x: wp.vec3d, cost: wp.float64, where: int) -> vec5d:
    """The plan that takes the edge d from v to u to x."""
    area = wp.float64(get(m.record, v)[AREA]) + wp.float64(get(m.record, u)[AREA])
    doubt = wp.float64(wp.max(get(m.record, v)[DOUBT], get(m.record, u)[DOUBT]))
    squared = doubt * cost / wp.max(area, wp.float64(1.0e-30))
    asked = cost + SHORT * area * wp.dot(d, d)
    if where == END:
        asked = asked * CROSSING
    return vec5d(x[0], x[1], x[2], asked, squared)


@wp.func
def plan(m: Mesh, v: int, s: int) -> vec5d:
    """Offset from v of the joined vertex, its cost, and its squared error in length; a cost below 0 when refused."""
    u = near(m, s, VERTEX)
    zero = wp.vec3d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0))
    where = freedom(m, v, u, s)
    if where == REFUSED or (m.stage < 3 and crossed(m, s)):
        return vec5d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0), REFUSAL, wp.float64(0.0))
    d = position(m, u) - position(m, v)
    q = joined(m, v, s, d)
    keep_quadric(m, s, q)
    here = wp.max(q.c, wp.float64(0.0))
    if where == STAY:
        return priced(m, v, u, d, zero, here, where)
    there = error_at(q, d)
    if where == FREE:
        best = solve(q, d)
        cost = error_at(q, best)
        if cost <= here and cost <= there:
            return priced(m, v, u, d, best, cost, where)
    if where == GO or there < here:
        return priced(m, v, u, d, d, there, where)
    return priced(m, v, u, d, zero, here, where)
