# mypy: ignore-errors
"""Whether an edge may be collapsed: no face turns over, becomes a sliver or flips in texture space; topology stays."""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get
from assetpipe.geometry.kernels.cells import near, ring
from assetpipe.geometry.kernels.charts import stored, texture, turn
from assetpipe.geometry.kernels.quadrics import position
from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    B0,
    B1,
    INNER,
    RING,
    SORT,
    V1,
    V2,
    VERTEX,
    W1,
    W2,
    WEDGE,
    Mesh,
)
from assetpipe.geometry.kernels.rings import BEYOND, is_between, joinable
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

NO, OUTSIDE, YES, FREELY = (wp.constant(i) for i in range(4))
"""What `fits` says."""
TURN = wp.constant(wp.float64(0.2))
"""Cosine of the most that a face may turn in one collapse: 78 degrees."""
SLIVER = wp.constant(wp.float64(0.02))
"""Twice the area over the sum of squared edges (0.58 for an equilateral): thinner is refused unless it was as thin."""
HAIR = wp.constant(wp.float64(1.0e-5))
"""The same at stage 4: a long thin object (100 : 1) is all slivers, and has to come down too."""
THINNER = wp.constant(wp.float64(0.5))
"""What is left of a sliver's square when it counts as thin as it was. Without any play the slivers round the pole of a
globe lock each other: 5,700 of the last 9,000 triangles of the sample scan."""

ULP = wp.constant(wp.float64(2.0**-23))
"""Of float32, in which texture coordinates are stored: a triangle must not be flipped by their rounding, either."""


@wp.func
def is_turned(m: Mesh, a: int, b: int, q: wp.vec3d, p: wp.vec3d) -> bool:
    """Whether a face with the vertices a and b turns over or collapses when its third moves from q to p."""
    A = position(m, a)
    B = position(m, b)
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
def is_folded(m: Mesh, i: int, k: int, new: wp.vec2d) -> bool:
    """Whether the face in row i of the ring flips in texture set k when its corner goes to `new`."""
    A = stored(m, ring(m, i, W1), k)
    e = stored(m, ring(m, i, W2), k) - A
    was = turn(e, stored(m, ring(m, i, WEDGE), k) - A)
    now = turn(e, new - A)
    if was < wp.float64(0.0):
        was = -was
        now = -now
    rounding = ULP * (wp.abs(e[0]) + wp.abs(e[1])) * (wp.abs(new[0]) + wp.abs(new[1]))
    return was > wp.float64(0.0) and now <= wp.where(was > rounding, rounding, wp.float64(0.0))


@wp.func
def keeps_shape(m: Mesh, base: int, n: int, other: int, q: wp.vec3d, p: wp.vec3d) -> bool:
    """Whether the faces of one end may follow it from q to p, the edge's left out."""
    for i in range(n):
        a = ring(m, base + i, V1)
        b = ring(m, base + i, V2)
        if a != other and b != other and is_turned(m, a, b, q, p):
            return False
    return True


@wp.func
def keeps_texture(m: Mesh, base: int, other: int, s: int, k: int, n: int, nu: int, o: wp.vec3d, away: wp.vec3d) -> bool:
    """Whether they may in texture set k, when this end goes by o and the other by `away`."""
    size = int(n)
    first = near(m, s, A0)
    second = near(m, s, A1)
    mate = near(m, s, B0)
    second_mate = near(m, s, B1)
    if base > 0:
        size = int(nu)
        first = near(m, s, B0)
        second = near(m, s, B1)
        mate = near(m, s, A0)
        second_mate = near(m, s, A1)
    new = wp.vec2d(wp.float64(0.0), wp.float64(0.0))
    known = wp.int32(-1)
    for i in range(base, base + size):
        if ring(m, i, V1) == other or ring(m, i, V2) == other:
            continue
        w = ring(m, i, WEDGE)
        if w != known:  # most rings have a single wedge
            partner = wp.where(w == first, mate, wp.where(w == second, second_mate, -1))
            new = texture(m, k, w, partner, o, away, n, nu)
            known = int(w)
        if is_folded(m, i, k, new):
            return False
    return True


@wp.func
def keeps_chart(m: Mesh, base: int, n: int, other: int, k: int, new: wp.vec2d) -> int:
    """The same of one end of an edge that no curve touches, where the joined vertex is at `new` in texture set k: NO;
    YES; FREELY where its faces close a ring in texture space. A neighbour with a wedge for each of two faces, as a pole
    has, leaves a gap between the two, through which slips what folds nothing."""
    gaps = wp.int32(0)
    for i in range(base, base + n):
        gaps = gaps ^ ring(m, i, W1) ^ ring(m, i, W2)
        if ring(m, i, V1) != other and ring(m, i, V2) != other and is_folded(m, i, k, new):
            return NO
    return wp.where(gaps == 0, FREELY, YES)


@wp.func
def fits(m: Mesh, v: int, s: int, n: int, nu: int, k: int, clock: int, x: wp.vec3d) -> int:
    """YES, NO, or OUTSIDE when that is not for this block to say. FREELY: yes, and nothing leaves its chart but by a
    fold."""
    u = near(m, s, VERTEX)
    if nu == BEYOND:
        return OUTSIDE
    if nu < 0:
        return NO
    q = position(m, v)
    r = position(m, u)
    p = q + x
    within = m.stage < 3 and ((int(get(m.kind, v)) | int(get(m.kind, u))) & SORT) == INNER
    if not (within and is_between(m, v, n, nu, clock, k)) and not joinable(m, v, u, n, nu, clock, k):
        return NO
    if not keeps_shape(m, 0, n, u, q, p):
        return NO
    if not keeps_shape(m, RING, nu, v, r, p):
        return NO
    freely = wp.bool(within)
    if m.stage < 3:
        for k in range(m.textures):
            if freely:
                new = texture(m, k, near(m, s, A0), near(m, s, B0), p - q, p - r, 0, 0)
                mine = keeps_chart(m, 0, n, u, k, new)
                if mine == NO:
                    return NO
                theirs = keeps_chart(m, RING, nu, v, k, new)
                if theirs == NO:
                    return NO
                freely = mine == FREELY and theirs == FREELY
                if freely:
                    continue
            if not keeps_texture(m, 0, u, s, k, n, nu, p - q, p - r):
                return NO
            if not keeps_texture(m, RING, v, s, k, n, nu, p - r, p - q):
                return NO
    return wp.where(freely, FREELY, YES)
