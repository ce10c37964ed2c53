# mypy: ignore-errors
"""What surrounds a vertex: its corners, its neighbours, the edges to them, and whether two rings may become one."""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get, put, send_for
from assetpipe.geometry.kernels.cells import near, ring, set_near, set_ring
from assetpipe.geometry.kernels.records import (
    A0,
    A1,
    AT,
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
    V1,
    V2,
    VERTEX,
    W1,
    W2,
    WEDGE,
    Mesh,
)
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

BEYOND = wp.constant(-2)


@wp.func
def after(c: int) -> int:
    """The next corner of the same face."""
    if c % 3 == 2:
        return c - 2
    return c + 1


@wp.func
def gather(m: Mesh, v: int, base: int, most: int, low: int, high: int) -> int:
    """List the living corners at v from ring[base] on, each with the two other vertices of its face, forgetting the
    dead. Returns how many; -1 when there are more than `most`; BEYOND when not all vertices lie in the block from `low`
    to before `high`."""
    n = wp.int32(0)
    last = wp.int32(-1)
    least = wp.int32(low)
    largest = wp.int32(low)
    c = int(get(m.head, v))
    while c >= 0:
        following = get(m.next, c)
        if get(m.vertex, c) < 0:
            if last < 0:
                put(m.head, v, following)
            else:
                put(m.next, last, following)
        else:
            if n == most:
                return -1
            a = after(c)
            b = 9 * (c / 3) + 3 - c - a  # the third: those of face f are 3 f to 3 f + 2
            one = get(m.vertex, a)
            other = get(m.vertex, b)
            set_ring(m, base + n, AT, c)
            set_ring(m, base + n, WEDGE, get(m.wedge, c))
            set_ring(m, base + n, V1, one)
            set_ring(m, base + n, V2, other)
            set_ring(m, base + n, W1, get(m.wedge, a))
            set_ring(m, base + n, W2, get(m.wedge, b))
            send_for(m.record, one)
            least = wp.min(least, wp.min(one, other))
            largest = wp.max(largest, wp.max(one, other))
            n = n + 1
            last = c
        c = following
    if least < low or largest >= high:
        return BEYOND + 0
    return n


@wp.func
def note(m: Mesh, x: int, a: int, b: int, side: int, clock: int, known: int) -> int:
    """Enter the edge to vertex x, from wedge a to wedge b, into `near`; returns how many neighbours are known. What
    `survey` counts there is 0 already."""
    s = get(m.slot, x) - clock
    if s < 0 or s >= known:
        put(m.slot, x, clock + known)
        set_near(m, known, VERTEX, x)
        set_near(m, known, OUT, 0)
        set_near(m, known, IN, 0)
        set_near(m, known, A0, a)
        set_near(m, known, B0, b)
        set_near(m, known, A1, -1)
        set_near(m, known, B1, -1)
        set_near(m, known, side, 1)
        return known + 1
    if near(m, s, A1) < 0 and (near(m, s, A0) != a or near(m, s, B0) != b):
        set_near(m, s, A1, a)
        set_near(m, s, B1, b)
    set_near(m, s, side, near(m, s, side) + 1)
    return known


@wp.func
def neighbours(m: Mesh, n: int, clock: int) -> int:
    """Fill `near` from the n corners in ring[0:n]."""
    k = wp.int32(0)
    for i in range(n):
        w = ring(m, i, WEDGE)
        k = note(m, ring(m, i, V1), w, ring(m, i, W1), OUT, clock, k)
        k = note(m, ring(m, i, V2), w, ring(m, i, W2), IN, clock, k)
    return k


@wp.func
def is_rim(m: Mesh, s: int) -> bool:
    return near(m, s, OUT) != 1 or near(m, s, IN) != 1


@wp.func
def on_curve(m: Mesh, s: int) -> bool:
    """Whether a curve leaves v along this edge: a border, more than two faces, or two wedges at v. Two wedges at the
    other end alone are that end's concern: all round the pole of a globe, each edge to it has them."""
    return is_rim(m, s) or (near(m, s, A1) >= 0 and near(m, s, A1) != near(m, s, A0))


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
def mark(m: Mesh, x: int, w: int, column: int, clock: int, k: int):
    """Count a face of the neighbour u, at its wedge w, with vertex x, when x is a neighbour of v too."""
    s = get(m.slot, x) - clock
    if s >= 0 and s < k:
        set_near(m, s, column, near(m, s, column) + 1)
        set_near(m, s, MIXED, near(m, s, MIXED) ^ w)


@wp.func
def survey(m: Mesh, v: int, nu: int, clock: int, k: int) -> int:
    """Enter into `near` which neighbours u shares with v; returns how many faces the edge has."""
    faces = wp.int32(0)
    for i in range(nu):
        w = ring(m, RING + i, WEDGE)
        a = ring(m, RING + i, V1)
        b = ring(m, RING + i, V2)
        if a == v:
            mark(m, b, w, SHARED, clock, k)
            faces = faces + 1
        elif b == v:
            mark(m, a, w, SHARED, clock, k)
            faces = faces + 1
        else:
            mark(m, a, w, OTHERS, clock, k)
            mark(m, b, w, OTHERS, clock, k)
    return faces


@wp.func
def twin(m: Mesh, u: int, n: int, nu: int, clock: int) -> bool:
    """Whether a face of v and one of u would become the same three vertices (the tetrahedron's case)."""
    for i in range(n):
        a = ring(m, i, V1)
        b = ring(m, i, V2)
        if a == u or b == u or near(m, get(m.slot, a) - clock, OTHERS) == 0:
            continue
        if near(m, get(m.slot, b) - clock, OTHERS) > 0:
            for j in range(nu):
                e = ring(m, RING + j, V1)
                f = ring(m, RING + j, V2)
                if (e == a and f == b) or (e == b and f == a):
                    return True
    return False


@wp.func
def closes(m: Mesh, s: int) -> bool:
    """Whether joining v and u over their neighbour in row s would change the topology of surface or curves."""
    shared = near(m, s, SHARED)
    others = near(m, s, OTHERS)
    if m.stage >= 3:
        mine = near(m, s, OUT) + near(m, s, IN)
        return mine - shared + others > wp.max(2, wp.max(mine, others + shared))
    if shared == 0:
        return others > 0
    # two curves v-y and u-y would fall together
    return on_curve(m, s) and (others + shared != 2 or near(m, s, MIXED) != 0)


@wp.func
def is_between(m: Mesh, v: int, n: int, nu: int, clock: int, k: int) -> bool:
    """Whether the edge from v, which no curve touches, lies between two faces and its ends share the two neighbours
    across it and no more: then it may be collapsed. Where that is not plain to see, `joinable` looks closer."""
    commons = wp.int32(0)  # how often a neighbour that is shared comes first after u in a face, and which two they are
    again = wp.int32(0)  # and how often second
    which = wp.int32(0)
    which_again = wp.int32(0)
    across = wp.int32(0)
    faces = wp.int32(0)
    for i in range(nu):
        a = ring(m, RING + i, V1)
        b = ring(m, RING + i, V2)
        of_edge = a == v or b == v
        if of_edge:
            faces = faces + 1
            across = across ^ a ^ b ^ v
        row = get(m.slot, a) - clock
        shared = row >= 0 and row < k and a != v
        if shared:
            commons = commons + 1
            which = which ^ a
        row = get(m.slot, b) - clock
        if row >= 0 and row < k and b != v:
            if shared:  # a face that `twin` may object to
                return False
            again = again + 1
            which_again = which_again ^ b
    return faces == 2 and commons == 2 and again == 2 and which == across and which_again == across and n + nu > 4


@wp.func
def joinable(m: Mesh, v: int, u: int, n: int, nu: int, clock: int, k: int) -> bool:
    """The link condition (Dey et al. 1999), for surfaces with curves on them and, from stage 3, for soup: an edge may
    not get more faces than two or than it has."""
    faces = survey(m, v, nu, clock, k)
    good = n + nu > 2 * faces
    for s in range(k):
        if near(m, s, VERTEX) != u and closes(m, s):
            good = False
    if good and twin(m, u, n, nu, clock):
        good = False
    for s in range(k):
        set_near(m, s, SHARED, 0)
        set_near(m, s, OTHERS, 0)
        set_near(m, s, MIXED, 0)
    return good
