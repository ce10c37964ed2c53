# mypy: ignore-errors
"""What surrounds a vertex: its corners, its neighbours, the edges to them, and whether two rings may become one."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    B0,
    B1,
    CURVE,
    IN,
    INNER,
    JUNCTION,
    MIXED,
    OTHERS,
    OUT,
    RIM,
    RING,
    SHARED,
    VERTEX,
    Mesh,
)
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)


@wp.func
def after(c: int) -> int:
    """The next corner of the same face."""
    r = c + 1
    if r % 3 == 0:
        r = r - 3
    return r


@wp.func
def gather(m: Mesh, v: int, base: int, most: int) -> int:
    """List the living corners at v from ring[base] on, forgetting the dead; -1 when there are more than `most`."""
    n = wp.int32(0)
    last = wp.int32(-1)
    c = int(m.head[v])
    while c >= 0:
        following = m.next[c]
        if m.vertex[c] < 0:
            if last < 0:
                m.head[v] = following
            else:
                m.next[last] = following
        else:
            if n == most:
                return -1
            m.ring[base + n] = c
            n = n + 1
            last = c
        c = following
    return n


@wp.func
def is_inside(m: Mesh, base: int, n: int, low: int, high: int) -> bool:
    """Whether all vertices round the n corners in ring[base] lie in the block from `low` to before `high`."""
    for i in range(n):
        c = m.ring[base + i]
        a = m.vertex[after(c)]
        b = m.vertex[after(after(c))]
        if wp.min(a, b) < low or wp.max(a, b) >= high:
            return False
    return True


@wp.func
def note(m: Mesh, c: int, o: int, side: int, clock: int, known: int) -> int:
    """Enter the edge from corner c to corner o of the same face into `near`; returns how many neighbours are known."""
    x = m.vertex[o]
    s = m.slot[x] - clock
    k = int(known)
    if s < 0 or s >= known:
        s = known
        m.slot[x] = clock + s
        m.near[s, VERTEX] = x
        m.near[s, OUT] = 0
        m.near[s, IN] = 0
        m.near[s, A0] = m.wedge[c]
        m.near[s, B0] = m.wedge[o]
        m.near[s, A1] = -1
        m.near[s, B1] = -1
        m.near[s, SHARED] = 0
        m.near[s, OTHERS] = 0
        m.near[s, MIXED] = 0
        k = k + 1
    elif m.near[s, A1] < 0 and (m.near[s, A0] != m.wedge[c] or m.near[s, B0] != m.wedge[o]):
        m.near[s, A1] = m.wedge[c]
        m.near[s, B1] = m.wedge[o]
    m.near[s, side] = m.near[s, side] + 1
    return k


@wp.func
def neighbours(m: Mesh, n: int, clock: int) -> int:
    """Fill `near` from the n corners in ring[0:n]."""
    k = wp.int32(0)
    for i in range(n):
        c = m.ring[i]
        a = after(c)
        k = note(m, c, a, OUT, clock, k)
        k = note(m, c, after(a), IN, clock, k)
    return k


@wp.func
def is_rim(m: Mesh, s: int) -> bool:
    return m.near[s, OUT] != 1 or m.near[s, IN] != 1


@wp.func
def on_curve(m: Mesh, s: int) -> bool:
    """Whether a curve leaves v along this edge: a border, more than two faces, or two wedges at v. Two wedges at the
    other end alone are that end's concern: all round the pole of a globe, each edge to it has them."""
    return is_rim(m, s) or (m.near[s, A1] >= 0 and m.near[s, A1] != m.near[s, A0])


@wp.func
def kind_of(m: Mesh, k: int) -> int:
    curves = wp.int32(0)
    rim = wp.int32(0)
    for s in range(k):
        if on_curve(m, s):
            curves = curves + 1
        if is_rim(m, s):
            rim = RIM + 0
    if curves == 0:
        return INNER
    if curves == 2:
        return CURVE | rim
    return JUNCTION | rim


@wp.func
def mark(m: Mesh, o: int, c: int, column: int, clock: int, k: int):
    """Count a face of the neighbour u (corner c) with o, when o is a neighbour of v too."""
    s = m.slot[m.vertex[o]] - clock
    if s >= 0 and s < k:
        m.near[s, column] = m.near[s, column] + 1
        m.near[s, MIXED] = m.near[s, MIXED] ^ m.wedge[c]


@wp.func
def survey(m: Mesh, v: int, nu: int, clock: int, k: int) -> int:
    """Enter into `near` which neighbours u shares with v; returns how many faces the edge has."""
    faces = wp.int32(0)
    for i in range(nu):
        c = m.ring[RING + i]
        a = after(c)
        b = after(a)
        if m.vertex[a] == v:
            mark(m, b, c, SHARED, clock, k)
            faces = faces + 1
        elif m.vertex[b] == v:
            mark(m, a, c, SHARED, clock, k)
            faces = faces + 1
        else:
            mark(m, a, c, OTHERS, clock, k)
            mark(m, b, c, OTHERS, clock, k)
    return faces


@wp.func
def twin(m: Mesh, u: int, n: int, nu: int, clock: int) -> bool:
    """Whether a face of v and one of u would become the same three vertices (the tetrahedron's case)."""
    for i in range(n):
        a = m.vertex[after(m.ring[i])]
        b = m.vertex[after(after(m.ring[i]))]
        if a != u and b != u:
            sa = m.slot[a] - clock
            sb = m.slot[b] - clock
            if m.near[sa, OTHERS] > 0 and m.near[sb, OTHERS] > 0:
                for j in range(nu):
                    e = m.vertex[after(m.ring[RING + j])]
                    f = m.vertex[after(after(m.ring[RING + j]))]
                    if (e == a and f == b) or (e == b and f == a):
                        return True
    return False


@wp.func
def closes(m: Mesh, s: int) -> bool:
    """Whether joining v and u over their neighbour in row s would change the topology of surface or curves."""
    shared = m.near[s, SHARED]
    others = m.near[s, OTHERS]
    if m.stage >= 3:
        mine = m.near[s, OUT] + m.near[s, IN]
        return mine - shared + others > wp.max(2, wp.max(mine, others + shared))
    if shared == 0:
        return others > 0
    # two curves v-y and u-y would fall together
    return on_curve(m, s) and (others + shared != 2 or m.near[s, MIXED] != 0)


@wp.func
def joinable(m: Mesh, v: int, u: int, n: int, nu: int, clock: int, k: int) -> bool:
    """The link condition (Dey et al. 1999), for surfaces with curves on them and, from stage 3, for soup: an edge may
    not get more faces than two or than it has."""
    faces = survey(m, v, nu, clock, k)
    good = n + nu > 2 * faces
    for s in range(k):
        if m.near[s, VERTEX] != u and closes(m, s):
            good = False
    if good and twin(m, u, n, nu, clock):
        good = False
    for s in range(k):
        m.near[s, SHARED] = 0
        m.near[s, OTHERS] = 0
        m.near[s, MIXED] = 0
    return good
