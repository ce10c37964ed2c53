# mypy: ignore-errors
"""Whether an edge may be collapsed: no face turns over, becomes a sliver or flips in texture space; topology stays."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.charts import stored, texture, turn
from assetpipe.geometry.kernels.quadrics import position
from assetpipe.geometry.kernels.records import A0, A1, B0, B1, INNER, RING, SORT, VERTEX, Mesh
from assetpipe.geometry.kernels.rings import after, gather, is_inside, joinable
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

NO, YES, OUTSIDE = (wp.constant(i) for i in range(3))
TURN = wp.constant(wp.float64(0.2))
"""Cosine of the most that a face may turn in one collapse: 78 degrees."""
SLIVER = wp.constant(wp.float64(0.02))
"""Twice the area over the sum of squared edges (0.58 for an equilateral): thinner is refused unless it was as thin."""
HAIR = wp.constant(wp.float64(1.0e-5))
"""The same at stage 4: a long thin object (100 : 1) is all slivers, and has to come down too."""
THINNER = wp.constant(wp.float64(0.5))
"""What is left of a sliver's square when it counts as thin as it was. Without any play the slivers round the pole of a
globe lock each other: 5,700 of the last 9,000 triangles of the sample scan."""


@wp.func
def is_turned(m: Mesh, c: int, q: wp.vec3d, p: wp.vec3d) -> bool:
    """Whether the face of corner c turns over or collapses when the corner moves from q to p."""
    A = position(m, m.vertex[after(c)])
    B = position(m, m.vertex[after(after(c))])
    e = B - A
    was = wp.cross(A - q, e)
    new = wp.cross(A - p, e)
    ww = wp.dot(was, was)
    nn = wp.dot(new, new)
    turn = wp.dot(was, new)
    if m.stage < 4 and ww > wp.float64(0.0) and (turn <= wp.float64(0.0) or turn * turn < TURN * TURN * ww * nn):
        return True
    ee = wp.dot(e, e)
    edges = ee + wp.dot(A - p, A - p) + wp.dot(B - p, B - p)
    thinnest = wp.where(m.stage < 4, SLIVER, HAIR)
    if nn < thinnest * thinnest * edges * edges:
        before = ee + wp.dot(A - q, A - q) + wp.dot(B - q, B - q)
        return nn * before * before < THINNER * ww * edges * edges
    return False


@wp.func
def is_folded(m: Mesh, c: int, k: int, new: wp.vec2d) -> bool:
    """Whether the face of corner c flips in texture set k when the corner goes to `new`."""
    A = stored(m, m.wedge[after(c)], k)
    e = stored(m, m.wedge[after(after(c))], k) - A
    was = turn(e, stored(m, m.wedge[c], k) - A)
    return was * turn(e, new - A) <= wp.float64(0.0) and was != wp.float64(0.0)


@wp.func
def keeps_shape(m: Mesh, base: int, n: int, other: int, q: wp.vec3d, p: wp.vec3d) -> bool:
    """Whether the faces of one end may follow it from q to p, the edge's left out."""
    for i in range(n):
        c = m.ring[base + i]
        if m.vertex[after(c)] == other or m.vertex[after(after(c))] == other:
            continue
        if is_turned(m, c, q, p):
            return False
    return True


@wp.func
def keeps_texture(m: Mesh, base: int, other: int, s: int, k: int, n: int, nu: int, o: wp.vec3d, away: wp.vec3d) -> bool:
    """Whether they may in texture set k, when this end goes by o and the other by `away`."""
    size = int(n)
    first = m.near[s, A0]
    second = m.near[s, A1]
    mate = m.near[s, B0]
    second_mate = m.near[s, B1]
    if base > 0:
        size = int(nu)
        first = m.near[s, B0]
        second = m.near[s, B1]
        mate = m.near[s, A0]
        second_mate = m.near[s, A1]
    held = wp.int32(n)
    held_u = wp.int32(nu)
    if ((int(m.kind[other]) | int(m.kind[m.vertex[m.ring[base]]])) & SORT) == INNER:
        held = wp.int32(0)  # within a chart nothing leaves the ring but by a fold
        held_u = wp.int32(0)
    known = wp.int32(-1)
    new = wp.vec2d(wp.float64(0.0), wp.float64(0.0))
    for i in range(size):
        c = m.ring[base + i]
        if m.vertex[after(c)] != other and m.vertex[after(after(c))] != other:
            w = m.wedge[c]
            if w != known:  # most rings have a single wedge
                if w == first:
                    new = texture(m, k, w, mate, o, away, held, held_u)
                elif w == second:
                    new = texture(m, k, w, second_mate, o, away, held, held_u)
                else:
                    new = texture(m, k, w, -1, o, away, held, held_u)
                known = int(w)
            if is_folded(m, c, k, new):
                return False
    return True


@wp.func
def fits(m: Mesh, v: int, s: int, n: int, k: int, clock: int, x: wp.vec3d, low: int, high: int) -> int:
    """YES, NO, or OUTSIDE when that is not for this block to say."""
    u = m.near[s, VERTEX]
    nu = gather(m, u, RING, RING)
    if nu < 0:
        return NO
    if not is_inside(m, RING, nu, low, high):
        return OUTSIDE
    q = position(m, v)
    r = position(m, u)
    p = q + x
    if not joinable(m, v, u, n, nu, clock, k):
        return NO
    if not keeps_shape(m, 0, n, u, q, p):
        return NO
    if not keeps_shape(m, RING, nu, v, r, p):
        return NO
    if m.stage < 3:
        for k in range(m.textures):
            if not keeps_texture(m, 0, u, s, k, n, nu, p - q, p - r):
                return NO
            if not keeps_texture(m, RING, v, s, k, n, nu, p - r, p - q):
                return NO
    return YES
