# mypy: ignore-errors
"""Whether an edge may be collapsed: no face turns over, becomes a sliver or flips in texture space; topology stays."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.quadrics import position, slope, value
from assetpipe.geometry.kernels.records import A0, A1, B0, B1, RING, VERTEX, Mesh
from assetpipe.geometry.kernels.rings import after, gather, is_inside, joinable
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

NO, YES, OUTSIDE = (wp.constant(i) for i in range(3))
TURN = wp.constant(wp.float64(0.2))
"""Cosine of the most that a face may turn in one collapse: 78 degrees."""
SLIVER = wp.constant(wp.float64(0.02))
"""Twice the area over the sum of squared edges (0.58 for an equilateral): thinner is refused unless it was as thin."""
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
    if nn < SLIVER * SLIVER * edges * edges:
        before = ee + wp.dot(A - q, A - q) + wp.dot(B - q, B - q)
        return nn * before * before < THINNER * ww * edges * edges
    return False


@wp.func
def coordinate(m: Mesh, w: int, j: int, o: wp.vec3d) -> wp.vec2d:
    """Texture coordinate, in columns j and j + 1, of wedge w at offset o from its vertex."""
    return wp.vec2d(value(m, w, j) + wp.dot(slope(m, w, j), o), value(m, w, j + 1) + wp.dot(slope(m, w, j + 1), o))


@wp.func
def blend(m: Mesh, a: int, b: int, j: int, oa: wp.vec3d, ob: wp.vec3d) -> wp.vec2d:
    """Texture coordinate of wedges a and b joined, at offsets oa and ob from them."""
    wa = wp.float64(m.weight[a])
    wb = wp.float64(m.weight[b])
    t = wp.float64(0.5)
    if wa + wb > wp.float64(0.0):
        t = wb / (wa + wb)
    return coordinate(m, a, j, oa) * (wp.float64(1.0) - t) + coordinate(m, b, j, ob) * t


@wp.func
def is_folded(m: Mesh, c: int, j: int, new: wp.vec2d) -> bool:
    """Whether the face of corner c flips in the texture space of columns j and j + 1 when the corner goes to `new`."""
    a = m.wedge[after(c)]
    b = m.wedge[after(after(c))]
    w = m.wedge[c]
    A = wp.vec2d(value(m, a, j), value(m, a, j + 1))
    e = wp.vec2d(value(m, b, j), value(m, b, j + 1)) - A
    f = wp.vec2d(value(m, w, j), value(m, w, j + 1)) - A
    g = new - A
    was = e[0] * f[1] - e[1] * f[0]
    return was * (e[0] * g[1] - e[1] * g[0]) <= wp.float64(0.0) and was != wp.float64(0.0)


@wp.func
def ring_fits(m: Mesh, base: int, n: int, other: int, s: int, q: wp.vec3d, p: wp.vec3d, away: wp.vec3d) -> bool:
    """Whether the faces of one end may follow it from q to p, the edge's left out; `away`: p seen from the other."""
    o = p - q
    first = m.near[s, A0]
    second = m.near[s, A1]
    mate = m.near[s, B0]
    second_mate = m.near[s, B1]
    if base > 0:
        first = m.near[s, B0]
        second = m.near[s, B1]
        mate = m.near[s, A0]
        second_mate = m.near[s, A1]
    textures = wp.where(m.stage < 3, m.textures, 0)
    for t in range(wp.max(1, textures)):
        known = wp.int32(-1)
        new = wp.vec2d(wp.float64(0.0), wp.float64(0.0))
        for i in range(n):
            c = m.ring[base + i]
            if m.vertex[after(c)] != other and m.vertex[after(after(c))] != other:
                if t == 0 and is_turned(m, c, q, p):
                    return False
                if t < textures:
                    w = m.wedge[c]
                    if w != known:  # most rings have a single wedge
                        if w == first:
                            new = blend(m, w, mate, 2 * t, o, away)
                        elif w == second:
                            new = blend(m, w, second_mate, 2 * t, o, away)
                        else:
                            new = coordinate(m, w, 2 * t, o)
                        known = int(w)
                    if is_folded(m, c, 2 * t, new):
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
    if ring_fits(m, 0, n, u, s, q, p, p - r) and ring_fits(m, RING, nu, v, s, r, p, p - q):
        return YES
    return NO
