# mypy: ignore-errors
"""Two vertices become one: their record, their wedges and their faces."""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get, put, send_for
from assetpipe.geometry.kernels.cells import near, ring
from assetpipe.geometry.kernels.charts import texture
from assetpipe.geometry.kernels.lanes import blend_wedges
from assetpipe.geometry.kernels.quadrics import error_at, kept_quadric, position, slope, times
from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    AREA,
    AT,
    B0,
    B1,
    DEAD,
    DOUBT,
    HEIR,
    INNER,
    NEVER,
    RIM,
    RING,
    SORT,
    V1,
    V2,
    VALUE,
    VERTEX,
    WEDGE,
    C,
    Mesh,
)
from assetpipe.geometry.kernels.rings import after
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

REST = wp.constant(wp.float32(2.5))
"""Times what a collapse has cost, that its vertex costs next at least, as a rule; and no less than the next of its
edges cost before. Until then it is not looked at: where steps are small hardly any that are looked at earlier can be
joined again, and they were half of all that failed. At three times a rough surface strays 1 % farther."""


@wp.func
def nearer(m: Mesh, a: int, b: int, p: wp.vec3d) -> int:
    """Which of two wedges of the source lies nearer to p."""
    da = wp.vec3d((get(m.places, get(m.place, a)) - m.centre) * m.scale) - p
    db = wp.vec3d((get(m.places, get(m.place, b)) - m.centre) * m.scale) - p
    if wp.dot(db, db) < wp.dot(da, da):
        return b
    return a


@wp.func
def within(m: Mesh, j: int, value: wp.float64) -> wp.float32:
    return wp.clamp(wp.float32(value), get(m.low, j), get(m.high, j))


@wp.func
def write_texture(m: Mesh, w: int, k: int, at: wp.vec2d):
    """The value of wedge w in texture set k; the slope stays."""
    for i in range(2):
        a = get(m.solved, w * m.steering + 2 * k + i)
        put(m.solved, w * m.steering + 2 * k + i, wp.vec4f(a[0], a[1], a[2], wp.float32(at[i])))


@wp.func
def join_wedges(m: Mesh, a: int, b: int, x: wp.vec3d, d: wp.vec3d, p: wp.vec3d, n: int, nu: int):
    """Wedge a, at v, takes in wedge b, at offset d from it, and goes to offset x."""
    wa = wp.float64(get(m.weight, a))
    wb = wp.float64(get(m.weight, b))
    along = wp.clamp(wp.dot(x, d) / wp.max(wp.dot(d, d), wp.float64(1.0e-300)), wp.float64(0.0), wp.float64(1.0))
    t = along
    if wa + wb > wp.float64(0.0):
        t = wb / (wa + wb)
    to = a * m.steering
    of = b * m.steering
    for k in range(m.textures):
        at = texture(m, k, a, b, x, x - d, n, nu)
        blend_wedges(m.solved, to + 2 * k, of + 2 * k, x, d, wp.float32(t), m.low, m.high, 2 * k, 2)
        write_texture(m, a, k, at)
    rest = 2 * m.textures
    blend_wedges(m.solved, to + rest, of + rest, x, d, wp.float32(t), m.low, m.high, rest, m.steering - rest)
    one = wp.float64(1.0)
    for j in range(m.carrying):
        va = wp.float64(get(m.carried, a * m.carrying + j))
        vb = wp.float64(get(m.carried, b * m.carrying + j))
        put(m.carried, a * m.carrying + j, within(m, m.steering + j, va * (one - along) + vb * along))
    put(m.weight, a, wp.float32(wa + wb))
    put(m.seed, a, nearer(m, get(m.seed, a), get(m.seed, b), p))


@wp.func
def move_wedge(m: Mesh, base: int, i: int, w: int, o: wp.vec3d, n: int, nu: int):
    """Once, though several corners of the ring have it."""
    for j in range(i):
        if ring(m, base + j, WEDGE) == w:
            return
    for k in range(m.textures):
        write_texture(m, w, k, texture(m, k, w, -1, o, o, n, nu))
    for j in range(2 * m.textures, m.steering):
        a = get(m.solved, w * m.steering + j)
        at = within(m, j, wp.float64(a[VALUE]) + wp.dot(slope(m, w, j), o))
        put(m.solved, w * m.steering + j, wp.vec4f(a[0], a[1], a[2], at))


@wp.func
def move_wedges(m: Mesh, base: int, s: int, both: int, o: wp.vec3d, n: int, nu: int):
    """Wedges of one end that have no partner across the edge follow by o along their own slopes."""
    if wp.dot(o, o) == wp.float64(0.0):
        return
    size = wp.where(base > 0, nu, n)
    for i in range(size):
        w = ring(m, base + i, WEDGE)
        paired = w == near(m, s, A0) or w == near(m, s, B0)
        if both != 0 and (w == near(m, s, A1) or w == near(m, s, B1)):
            paired = True
        if not paired:
            move_wedge(m, base, i, w, o, n, nu)


@wp.func
def move_record(m: Mesh, v: int, s: int, p: wp.vec3d, runner_up: wp.float64):
    """The record of v takes in its neighbour's, as they were weighed, and moves to p. `runner_up`: what the next of its
    edges cost before; NEVER: there was none."""
    u = near(m, s, VERTEX)
    q = kept_quadric(m, s)
    r = get(m.record, v)
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
    r[AREA] = r[AREA] + get(m.record, u)[AREA]
    r[DOUBT] = wp.max(r[DOUBT], get(m.record, u)[DOUBT])
    put(m.record, v, r)
    resting = REST * r[C]
    if runner_up < wp.float64(NEVER):
        resting = wp.max(resting, wp.float32(runner_up))
    put(m.key, v, -resting)
    put(m.key, u, wp.float32(DEAD))


@wp.func
def relink(m: Mesh, v: int, u: int, n: int, s: int, last: int, base: int, both: int) -> int:
    """Append the living corners of one ring to v's list; the faces of the edge die. Returns the end of the list."""
    end = int(last)
    other = wp.where(base > 0, v, u)
    for i in range(n):
        c = ring(m, base + i, AT)
        if ring(m, base + i, V1) == other or ring(m, base + i, V2) == other:
            if base == 0:
                a = after(c)
                put(m.vertex, c, -1)
                put(m.vertex, a, -1)
                put(m.vertex, after(a), -1)
                put(m.counts, 0, get(m.counts, 0) - wp.int64(m.copies[c / 3]))
        else:
            if base > 0:
                put(m.vertex, c, v)
                w = ring(m, base + i, WEDGE)
                if w == near(m, s, B0):
                    put(m.wedge, c, near(m, s, A0))
                elif both != 0 and w == near(m, s, B1):
                    put(m.wedge, c, near(m, s, A1))
            if end < 0:
                put(m.head, v, c)
            else:
                put(m.next, end, c)
            put(m.next, c, -1)
            end = c
    return end


@wp.func
def join(m: Mesh, v: int, s: int, n: int, nu: int, x: wp.vec3d, runner_up: wp.float64, freely: bool):
    u = near(m, s, VERTEX)
    q = position(m, v)
    r = position(m, u)
    d = r - q
    p = q + x
    a1 = near(m, s, A1)
    both = wp.int32(0)
    if a1 >= 0 and a1 != near(m, s, A0) and near(m, s, B1) != near(m, s, B0):
        both = 1
    kv = int(get(m.kind, v))
    ku = int(get(m.kind, u))
    send_for(m.places, get(m.place, get(m.seed, near(m, s, A0))))
    send_for(m.places, get(m.place, get(m.seed, near(m, s, B0))))
    move_record(m, v, s, p, runner_up)
    held = wp.int32(n)
    held_u = wp.int32(nu)
    if ((kv | ku) & SORT) != INNER:
        move_wedges(m, 0, s, both, x, n, nu)
        move_wedges(m, RING, s, both, x - d, n, nu)
    if freely:
        held = wp.int32(0)
        held_u = wp.int32(0)
    for side in range(1 + both):
        join_wedges(m, near(m, s, A0 + 2 * side), near(m, s, B0 + 2 * side), x, d, p, held, held_u)
    put(m.head, v, -1)
    end = relink(m, v, u, n, s, -1, 0, both)
    relink(m, v, u, nu, s, end, RING, both)
    put(m.head, u, HEIR - v)
    put(m.kind, v, wp.int8(wp.max(kv & SORT, ku & SORT) | ((kv | ku) & RIM)))
    put(m.counts, 1, get(m.counts, 1) + wp.int64(1))
