# mypy: ignore-errors
"""Two vertices become one: their record, their wedges and their faces."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.charts import texture
from assetpipe.geometry.kernels.quadrics import error_at, joined, position, slope, times, value
from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    AREA,
    B0,
    B1,
    DEAD,
    DOUBT,
    RIM,
    RING,
    SORT,
    VALUE,
    VERTEX,
    C,
    Mesh,
)
from assetpipe.geometry.kernels.rings import after, gather
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)


@wp.func
def nearer(m: Mesh, a: int, b: int, p: wp.vec3d) -> int:
    """Which of two wedges of the source lies nearer to p."""
    da = wp.vec3d((m.places[m.place[a]] - m.centre) * m.scale) - p
    db = wp.vec3d((m.places[m.place[b]] - m.centre) * m.scale) - p
    if wp.dot(db, db) < wp.dot(da, da):
        return b
    return a


@wp.func
def within(m: Mesh, j: int, value: wp.float64) -> wp.float32:
    return wp.clamp(wp.float32(value), m.low[j], m.high[j])


@wp.func
def write_texture(m: Mesh, w: int, k: int, at: wp.vec2d):
    """The value of wedge w in texture set k; the slope stays."""
    for i in range(2):
        a = m.solved[w, 2 * k + i]
        m.solved[w, 2 * k + i] = wp.vec4f(a[0], a[1], a[2], within(m, 2 * k + i, at[i]))


@wp.func
def join_wedges(m: Mesh, a: int, b: int, x: wp.vec3d, d: wp.vec3d, p: wp.vec3d, n: int, nu: int):
    """Wedge a, at v, takes in wedge b, at offset d from it, and goes to offset x."""
    wa = wp.float64(m.weight[a])
    wb = wp.float64(m.weight[b])
    along = wp.clamp(wp.dot(x, d) / wp.max(wp.dot(d, d), wp.float64(1.0e-300)), wp.float64(0.0), wp.float64(1.0))
    t = along
    if wa + wb > wp.float64(0.0):
        t = wb / (wa + wb)
    one = wp.float64(1.0)
    for k in range(m.textures):
        write_texture(m, a, k, texture(m, k, a, b, x, x - d, n, nu))
    for j in range(m.steering):
        ga = slope(m, a, j)
        gb = slope(m, b, j)
        va = value(m, a, j) + wp.dot(ga, x)
        vb = value(m, b, j) + wp.dot(gb, x - d)
        g = ga * (one - t) + gb * t
        at = within(m, j, va * (one - t) + vb * t)
        if j < 2 * m.textures:
            at = m.solved[a, j][VALUE]
        m.solved[a, j] = wp.vec4f(wp.float32(g[0]), wp.float32(g[1]), wp.float32(g[2]), at)
    for j in range(m.carrying):
        va = wp.float64(m.carried[a, j])
        vb = wp.float64(m.carried[b, j])
        m.carried[a, j] = within(m, m.steering + j, va * (one - along) + vb * along)
    m.weight[a] = wp.float32(wa + wb)
    m.seed[a] = nearer(m, m.seed[a], m.seed[b], p)


@wp.func
def move_wedge(m: Mesh, base: int, i: int, w: int, o: wp.vec3d, n: int, nu: int):
    """Once, though several corners of the ring have it."""
    for j in range(i):
        if m.wedge[m.ring[base + j]] == w:
            return
    for k in range(m.textures):
        write_texture(m, w, k, texture(m, k, w, -1, o, o, n, nu))
    for j in range(2 * m.textures, m.steering):
        a = m.solved[w, j]
        at = within(m, j, wp.float64(a[VALUE]) + wp.dot(slope(m, w, j), o))
        m.solved[w, j] = wp.vec4f(a[0], a[1], a[2], at)


@wp.func
def move_wedges(m: Mesh, base: int, s: int, both: int, o: wp.vec3d, n: int, nu: int):
    """Wedges of one end that have no partner across the edge follow by o along their own slopes."""
    if wp.dot(o, o) == wp.float64(0.0):
        return
    size = wp.where(base > 0, nu, n)
    for i in range(size):
        w = m.wedge[m.ring[base + i]]
        paired = w == m.near[s, A0] or w == m.near[s, B0]
        if both != 0 and (w == m.near[s, A1] or w == m.near[s, B1]):
            paired = True
        if not paired:
            move_wedge(m, base, i, w, o, n, nu)


@wp.func
def move_record(m: Mesh, v: int, s: int, p: wp.vec3d, d: wp.vec3d):
    """The record of v takes in its neighbour's and moves to p."""
    u = m.near[s, VERTEX]
    q = joined(m, v, s, d)
    r = m.record[v]
    at = wp.vec3d(wp.float64(r[0]), wp.float64(r[1]), wp.float64(r[2]))
    for i in range(3):
        r[i] = wp.float32(p[i])
    x = wp.vec3d(wp.float64(r[0]), wp.float64(r[1]), wp.float64(r[2])) - at
    b = q.b + times(q, x)
    r[3] = wp.float32(q.xx)
    r[4] = wp.float32(q.xy)
    r[5] = wp.float32(q.xz)
    r[6] = wp.float32(q.yy)
    r[7] = wp.float32(q.yz)
    r[8] = wp.float32(q.zz)
    r[9] = wp.float32(b[0])
    r[10] = wp.float32(b[1])
    r[11] = wp.float32(b[2])
    r[C] = wp.float32(error_at(q, x))
    r[AREA] = r[AREA] + m.record[u][AREA]
    r[DOUBT] = wp.max(r[DOUBT], m.record[u][DOUBT])
    m.record[v] = r
    m.key[v] = wp.float32(0.0)
    m.key[u] = wp.float32(DEAD)


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
    move_wedges(m, 0, s, both, x, n, nu)
    move_wedges(m, RING, s, both, x - d, n, nu)
    join_wedges(m, a0, b0, x, d, p, n, nu)
    if both != 0:
        join_wedges(m, a1, b1, x, d, p, n, nu)
    m.head[v] = -1
    end = relink(m, v, u, n, s, -1, 0, both)
    relink(m, v, u, nu, s, end, RING, both)
    m.head[u] = -1
    m.heir[u] = v
    kv = int(m.kind[v])
    ku = int(m.kind[u])
    m.kind[v] = wp.int8(wp.max(kv & SORT, ku & SORT) | ((kv | ku) & RIM))
    m.counts[1] = m.counts[1] + wp.int64(1)
