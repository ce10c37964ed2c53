# mypy: ignore-errors
"""One sweep over the vertices: every edge below a cost is collapsed where the surface allows it.

No heap (nine in ten pops were stale): a threshold rises from sweep to sweep. `plan` says where the joined vertex
goes, `fits` whether its faces may follow, `join` does it. Runs in one thread: the order of the vertices is part of the
result.
"""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.quadrics import error_at, joined, plan, position, slope
from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    AREA,
    B0,
    B1,
    DEAD,
    KEY,
    LATER,
    NEVER,
    RIM,
    RING,
    SORT,
    VERTEX,
    Mesh,
)
from assetpipe.geometry.kernels.rings import after, gather, joinable, kind_of, neighbours
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

TURN = wp.constant(wp.float64(0.2))
"""Cosine of the most that a face may turn in one collapse: 78 degrees."""
SLIVER = wp.constant(wp.float64(0.02))
"""Twice the area over the sum of squared edges (0.58 for an equilateral): thinner is refused unless it was thinner."""


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
        return nn * before * before < ww * edges * edges  # thinner than it was, relative to its size
    return False


@wp.func
def coordinate(m: Mesh, w: int, o: wp.vec3d) -> wp.vec2d:
    """Texture coordinate of wedge w at offset o from its vertex."""
    u = wp.float64(m.value[w, 0]) + wp.dot(slope(m, w, 0), o)
    v = wp.float64(m.value[w, 1]) + wp.dot(slope(m, w, 1), o)
    return wp.vec2d(u, v)


@wp.func
def blend(m: Mesh, a: int, b: int, oa: wp.vec3d, ob: wp.vec3d) -> wp.vec2d:
    """Texture coordinate of wedges a and b joined, at offsets oa and ob from them."""
    wa = wp.float64(m.weight[a])
    wb = wp.float64(m.weight[b])
    t = wp.float64(0.5)
    if wa + wb > wp.float64(0.0):
        t = wb / (wa + wb)
    return coordinate(m, a, oa) * (wp.float64(1.0) - t) + coordinate(m, b, ob) * t


@wp.func
def is_folded(m: Mesh, c: int, new: wp.vec2d) -> bool:
    """Whether the face of corner c flips in texture space when the corner goes to `new`."""
    a = m.wedge[after(c)]
    b = m.wedge[after(after(c))]
    w = m.wedge[c]
    zero = wp.vec3d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0))
    A = coordinate(m, a, zero)
    e = coordinate(m, b, zero) - A
    f = coordinate(m, w, zero) - A
    g = new - A
    was = e[0] * f[1] - e[1] * f[0]
    return was * (e[0] * g[1] - e[1] * g[0]) <= wp.float64(0.0) and was != wp.float64(0.0)


@wp.func
def ring_fits(m: Mesh, base: int, n: int, other: int, s: int, q: wp.vec3d, p: wp.vec3d, away: wp.vec3d) -> bool:
    """Whether the faces of one end may follow it from q to p, the edge's left out; `away`: p seen from the other."""
    o = p - q
    uv = wp.bool(m.textured != 0 and m.stage < 3)
    first = m.near[s, A0]
    second = m.near[s, A1]
    mate = m.near[s, B0]
    second_mate = m.near[s, B1]
    if base > 0:
        first = m.near[s, B0]
        second = m.near[s, B1]
        mate = m.near[s, A0]
        second_mate = m.near[s, A1]
    for i in range(n):
        c = m.ring[base + i]
        if m.vertex[after(c)] != other and m.vertex[after(after(c))] != other:
            if is_turned(m, c, q, p):
                return False
            if uv:
                w = m.wedge[c]
                new = wp.vec2d(wp.float64(0.0), wp.float64(0.0))
                if w == first:
                    new = blend(m, w, mate, o, away)
                elif w == second:
                    new = blend(m, w, second_mate, o, away)
                else:
                    new = coordinate(m, w, o)
                if is_folded(m, c, new):
                    return False
    return True


@wp.func
def fits(m: Mesh, v: int, s: int, n: int, k: int, clock: int, x: wp.vec3d) -> bool:
    u = m.near[s, VERTEX]
    nu = gather(m, u, RING, RING)
    if nu < 0:
        return False
    q = position(m, v)
    r = position(m, u)
    p = q + x
    if not joinable(m, v, u, n, nu, clock, k):
        return False
    return ring_fits(m, 0, n, u, s, q, p, p - r) and ring_fits(m, RING, nu, v, s, r, p, p - q)


@wp.func
def nearer(m: Mesh, a: int, b: int, p: wp.vec3d) -> int:
    """Which of two wedges of the source lies nearer to p."""
    da = wp.vec3d(wp.float64(m.source[a, 0]), wp.float64(m.source[a, 1]), wp.float64(m.source[a, 2])) - p
    db = wp.vec3d(wp.float64(m.source[b, 0]), wp.float64(m.source[b, 1]), wp.float64(m.source[b, 2])) - p
    if wp.dot(db, db) < wp.dot(da, da):
        return b
    return a


@wp.func
def within(m: Mesh, j: int, value: wp.float64) -> wp.float32:
    return wp.clamp(wp.float32(value), m.low[j], m.high[j])


@wp.func
def join_wedges(m: Mesh, a: int, b: int, x: wp.vec3d, d: wp.vec3d, p: wp.vec3d):
    """Wedge a, at v, takes in wedge b, at offset d from it, and goes to offset x."""
    wa = wp.float64(m.weight[a])
    wb = wp.float64(m.weight[b])
    along = wp.clamp(wp.dot(x, d) / wp.max(wp.dot(d, d), wp.float64(1.0e-300)), wp.float64(0.0), wp.float64(1.0))
    t = along
    if wa + wb > wp.float64(0.0):
        t = wb / (wa + wb)
    one = wp.float64(1.0)
    for j in range(m.solved):
        ga = slope(m, a, j)
        gb = slope(m, b, j)
        va = wp.float64(m.value[a, j]) + wp.dot(ga, x)
        vb = wp.float64(m.value[b, j]) + wp.dot(gb, x - d)
        m.value[a, j] = within(m, j, va * (one - t) + vb * t)
        g = ga * (one - t) + gb * t
        m.slope[a, 3 * j] = wp.float32(g[0])
        m.slope[a, 3 * j + 1] = wp.float32(g[1])
        m.slope[a, 3 * j + 2] = wp.float32(g[2])
    for j in range(m.solved, m.k):
        va = wp.float64(m.value[a, j])
        vb = wp.float64(m.value[b, j])
        m.value[a, j] = within(m, j, va * (one - along) + vb * along)
    m.weight[a] = wp.float32(wa + wb)
    m.seed[a] = nearer(m, m.seed[a], m.seed[b], p)


@wp.func
def move_wedges(m: Mesh, base: int, n: int, s: int, o: wp.vec3d):
    """Wedges of one end that have no partner across the edge follow by o along their own slopes."""
    if wp.dot(o, o) == wp.float64(0.0):
        return
    for i in range(n):
        w = m.wedge[m.ring[base + i]]
        done = wp.bool(w == m.near[s, A0] or w == m.near[s, A1] or w == m.near[s, B0] or w == m.near[s, B1])
        for j in range(i):
            if m.wedge[m.ring[base + j]] == w:
                done = wp.bool(True)
        if not done:
            for j in range(m.solved):
                m.value[w, j] = within(m, j, wp.float64(m.value[w, j]) + wp.dot(slope(m, w, j), o))


@wp.func
def move_record(m: Mesh, v: int, s: int, p: wp.vec3d, d: wp.vec3d):
    """The record of v takes in its neighbour's and moves to p."""
    u = m.near[s, VERTEX]
    A, b, c = joined(m, v, s, d)
    px = wp.float32(p[0])
    py = wp.float32(p[1])
    pz = wp.float32(p[2])
    x = wp.vec3d(wp.float64(px), wp.float64(py), wp.float64(pz)) - position(m, v)
    cost = error_at(A, b, c, x)
    b = b + A * x
    m.record[v, 0] = px
    m.record[v, 1] = py
    m.record[v, 2] = pz
    m.record[v, 3] = wp.float32(A[0, 0])
    m.record[v, 4] = wp.float32(A[0, 1])
    m.record[v, 5] = wp.float32(A[0, 2])
    m.record[v, 6] = wp.float32(A[1, 1])
    m.record[v, 7] = wp.float32(A[1, 2])
    m.record[v, 8] = wp.float32(A[2, 2])
    m.record[v, 9] = wp.float32(b[0])
    m.record[v, 10] = wp.float32(b[1])
    m.record[v, 11] = wp.float32(b[2])
    m.record[v, 12] = wp.float32(cost)
    m.record[v, AREA] = m.record[v, AREA] + m.record[u, AREA]
    m.record[v, KEY] = wp.float32(0.0)
    m.record[u, KEY] = wp.float32(DEAD)


@wp.func
def relink(m: Mesh, v: int, u: int, n: int, s: int, last: int, base: int, both: int) -> int:
    """Append the living corners of one ring to v's list; the faces of the edge die. Returns the end of the list."""
    end = int(last)
    other = wp.where(base > 0, v, u)
    for i in range(n):
        c = m.ring[base + i]
        a = after(c)
        b = after(a)
        if m.vertex[c] >= 0 and (m.vertex[a] == other or m.vertex[b] == other):
            m.vertex[c] = -1
            m.vertex[a] = -1
            m.vertex[b] = -1
            m.counts[0] = m.counts[0] - wp.int64(m.copies[c / 3])
        if m.vertex[c] >= 0:
            if base > 0:
                m.vertex[c] = v
                if m.wedge[c] == m.near[s, B0]:
                    m.wedge[c] = m.near[s, A0]
                elif both != 0 and m.wedge[c] == m.near[s, B1]:
                    m.wedge[c] = m.near[s, A1]
            if end < 0:
                m.head[v] = c
            else:
                m.next[end] = c
            m.next[c] = -1
            end = c
    return end


@wp.func
def join(m: Mesh, v: int, s: int, n: int, x: wp.vec3d):
    u = m.near[s, VERTEX]
    nu = gather(m, u, RING, RING)
    q = position(m, v)
    r = position(m, u)
    d = r - q
    p = q + x
    a0 = m.near[s, A0]
    b0 = m.near[s, B0]
    a1 = m.near[s, A1]
    b1 = m.near[s, B1]
    both = wp.int32(0)
    if a1 >= 0 and a1 != a0 and b1 != b0:
        both = 1
    move_record(m, v, s, p, d)
    move_wedges(m, 0, n, s, x)
    move_wedges(m, RING, nu, s, x - d)
    join_wedges(m, a0, b0, x, d, p)
    if both != 0:
        join_wedges(m, a1, b1, x, d, p)
    m.head[v] = -1
    end = relink(m, v, u, n, s, -1, 0, both)
    relink(m, v, u, nu, s, end, RING, both)
    m.head[u] = -1
    kv = int(m.kind[v])
    ku = int(m.kind[u])
    m.kind[v] = wp.int8(wp.max(kv & SORT, ku & SORT) | ((kv | ku) & RIM))
    m.counts[1] = m.counts[1] + wp.int64(1)


@wp.func
def weigh(m: Mesh, v: int, k: int, threshold: wp.float64, gate: wp.float64) -> wp.float64:
    """Plan every edge that v owns; returns the threshold at which one that was refused may be asked for again: the next
    when it was by the stage (its surroundings may change that), a later one when it was by the gate (they hardly will).
    """
    again = wp.min(wp.float64(NEVER), wp.float64(DEAD))  # a copy: Warp would write into the constant itself
    for s in range(k):
        m.choice[s, 3] = wp.float64(DEAD)
        if m.near[s, VERTEX] > v:
            way = plan(m, v, s)
            if way[3] < wp.float64(0.0):
                again = wp.min(again, threshold)
            if way[3] >= wp.float64(0.0):
                for j in range(5):
                    m.choice[s, j] = way[j]
                if way[4] > gate and way[3] <= threshold:
                    m.choice[s, 3] = wp.float64(DEAD)
                    again = wp.min(again, threshold * wp.float64(LATER))  # at most NEVER, as it began
    return again


@wp.func
def visit(m: Mesh, v: int, threshold: wp.float64, gate: wp.float64):
    n = gather(m, v, 0, RING)
    if n == 0:
        m.record[v, KEY] = wp.float32(DEAD)
    if n <= 0:
        return
    clock = int(m.counts[2])
    k = neighbours(m, n, clock)
    m.counts[2] = m.counts[2] + wp.int64(k)
    m.kind[v] = wp.int8(kind_of(m, k))
    key = weigh(m, v, k, threshold, gate)
    while True:
        best = wp.int32(0)
        for s in range(1, k):
            if m.choice[s, 3] < m.choice[best, 3]:
                best = s
        cost = m.choice[best, 3]
        if cost > threshold or cost >= wp.float64(NEVER):
            key = wp.min(key, cost)
            break
        x = wp.vec3d(m.choice[best, 0], m.choice[best, 1], m.choice[best, 2])
        if fits(m, v, best, n, k, clock, x):
            m.worst[0] = wp.max(m.worst[0], m.choice[best, 4])
            join(m, v, best, n, x)
            return
        m.choice[best, 3] = wp.float64(DEAD)
        key = threshold  # try again when the surroundings have changed
        m.counts[3] = m.counts[3] + wp.int64(1)
    m.record[v, KEY] = wp.float32(key)


@wp.kernel
def sweep(m: Mesh, threshold: wp.float64, gate: wp.float64, enough: wp.int64, step: int):
    """Collapse every edge that costs no more than the threshold and strays no more than sqrt(gate), until `enough`
    triangles are left; only at every step-th vertex."""
    for v in range(0, m.head.shape[0], step):
        if wp.float64(m.record[v, KEY]) <= threshold and m.counts[0] > enough:
            visit(m, v, threshold, gate)
