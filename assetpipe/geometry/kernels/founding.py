# mypy: ignore-errors
"""First quadrics, first wedges, first curves: the state before any edge is collapsed."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.cells import get, put, ring
from assetpipe.geometry.kernels.quadrics import Quadric, position, slope, value
from assetpipe.geometry.kernels.records import AREA, CORNER, JUNCTION, V1, V2, W1, W2, WAITING, WEDGE, Mesh
from assetpipe.geometry.kernels.rings import gather, is_inside, is_rim, kind_of, neighbours, on_curve
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

mat23d = wp.types.matrix(shape=(2, 3), dtype=wp.float64)

SEAM = wp.constant(wp.float64(10.0))
RIM = wp.constant(wp.float64(1.0))
"""Weight, per squared length of its edge, of the plane that holds a curve in place (an open mesh without: rms 3.36
instead of 1.14). A border of the surface counts as what it strays: at ten times that the sample garment's `standard`
took a twentieth more triangles, the gadget's without its hidden ones a twelfth, to stray no less. Seams guard textures.
"""


@wp.kernel
def thread_corners(
    low: int,
    high: int,
    vertex: wp.array(dtype=wp.int32),
    following: wp.array(dtype=wp.int32),
    head: wp.array(dtype=wp.int32),
    valence: wp.array(dtype=wp.int32),
):
    """List the corners of each vertex from `low` to before `high`, in rising order, and count them."""
    n = vertex.shape[0]
    for i in range(n):
        c = n - 1 - i
        v = get(vertex, c)
        if v >= low and v < high:
            put(following, c, get(head, v))
            put(head, v, c)
            put(valence, v, get(valence, v) + 1)


@wp.func
def add_outer(q: Quadric, g: wp.vec3d, weight: wp.float64) -> Quadric:
    """q with weight g g' more in it."""
    h = g * weight
    q.xx = q.xx + h[0] * g[0]
    q.xy = q.xy + h[0] * g[1]
    q.xz = q.xz + h[0] * g[2]
    q.yy = q.yy + h[1] * g[1]
    q.yz = q.yz + h[1] * g[2]
    q.zz = q.zz + h[2] * g[2]
    return q


@wp.func
def gradients(e1: wp.vec3d, e2: wp.vec3d, normal: wp.vec3d) -> mat23d:
    """Of the weights of a face's second and third corner. Slivers do not have them without bound."""
    longest = wp.dot(e1, e1) + wp.dot(e2, e2)
    size = wp.dot(normal, normal) + wp.float64(1.0e-6) * longest * longest + wp.float64(1.0e-300)
    share = wp.float64(1.0) / size
    one = wp.cross(e2, normal) * share
    two = wp.cross(normal, e1) * share
    return mat23d(one[0], one[1], one[2], two[0], two[1], two[2])


@wp.func
def sum_slopes(m: Mesh, i: int, one: wp.vec3d, two: wp.vec3d, area: wp.float64) -> wp.vec3d:
    """Sum the slopes of the attributes over the face in row i of the ring into its wedge. Returns what the squares of
    the slopes come to: of the first gradient, of both, of the second."""
    w = ring(m, i, WEDGE)
    w1 = ring(m, i, W1)
    w2 = ring(m, i, W2)
    first = wp.float64(0.0)
    both = wp.float64(0.0)
    second = wp.float64(0.0)
    for j in range(m.steering):
        here = value(m, w, j)
        rise = value(m, w1, j) - here
        climb = value(m, w2, j) - here
        risen = get(m.mu, j) * rise
        first += risen * rise
        both += risen * climb
        second += get(m.mu, j) * climb * climb
        g = (one * rise + two * climb) * area
        a = get(m.solved, w * m.steering + j)
        total = wp.vec4f(a[0] + wp.float32(g[0]), a[1] + wp.float32(g[1]), a[2] + wp.float32(g[2]), a[3])
        put(m.solved, w * m.steering + j, total)
    return wp.vec3d(first, both, second)


@wp.func
def average_wedges(m: Mesh, n: int, q: Quadric) -> Quadric:
    """Sums of slopes become means; what they explain leaves q: it keeps how far the faces stray from their mean."""
    for i in range(n):
        w = ring(m, i, WEDGE)
        area = wp.float64(get(m.weight, w))
        if area > wp.float64(0.0):
            for j in range(m.steering):
                a = get(m.solved, w * m.steering + j)
                for k in range(3):
                    a[k] = wp.float32(wp.float64(a[k]) / area)
                put(m.solved, w * m.steering + j, a)
                q = add_outer(q, slope(m, w, j), -area * get(m.mu, j))
            put(m.weight, w, -get(m.weight, w))  # done
    for i in range(n):
        w = ring(m, i, WEDGE)
        put(m.weight, w, wp.abs(get(m.weight, w)))
    return q


@wp.func
def hold(m: Mesh, s: int, q: Quadric, e: wp.vec3d, normal: wp.vec3d) -> Quadric:
    """q and the plane through the edge e to the neighbour in row s, on a curve, at right angles to its face."""
    across = wp.cross(e, normal)
    size = wp.dot(across, across)
    if size <= wp.float64(0.0):
        return q
    return add_outer(q, across, wp.where(is_rim(m, s), RIM, SEAM) * wp.dot(e, e) / size)


@wp.func
def sum_planes(m: Mesh, v: int, n: int, clock: int):
    """The sums are numbers of their own: in a struct they would go through memory with every face."""
    at = position(m, v)
    q = Quadric()
    total = wp.float64(0.0)
    xx = wp.float64(0.0)
    xy = wp.float64(0.0)
    xz = wp.float64(0.0)
    yy = wp.float64(0.0)
    yz = wp.float64(0.0)
    zz = wp.float64(0.0)
    for i in range(n):
        a = ring(m, i, V1)
        b = ring(m, i, V2)
        e1 = position(m, a) - at
        e2 = position(m, b) - at
        normal = wp.cross(e1, e2)
        length = wp.length(normal)
        if length > wp.float64(0.0):
            area = length * wp.float64(0.5)
            unit = normal * (wp.float64(1.0) / length)
            total = total + area
            w = ring(m, i, WEDGE)
            put(m.weight, w, get(m.weight, w) + wp.float32(area))
            found = gradients(e1, e2, normal)
            g = found[0]
            h = found[1]
            squares = sum_slopes(m, i, g, h, area)
            gs = g * squares[0] + h * squares[1]
            hs = g * squares[1] + h * squares[2]
            xx += (unit[0] * unit[0] + g[0] * gs[0] + h[0] * hs[0]) * area
            xy += (unit[0] * unit[1] + g[0] * gs[1] + h[0] * hs[1]) * area
            xz += (unit[0] * unit[2] + g[0] * gs[2] + h[0] * hs[2]) * area
            yy += (unit[1] * unit[1] + g[1] * gs[1] + h[1] * hs[1]) * area
            yz += (unit[1] * unit[2] + g[1] * gs[2] + h[1] * hs[2]) * area
            zz += (unit[2] * unit[2] + g[2] * gs[2] + h[2] * hs[2]) * area
            row = get(m.slot, a) - clock
            if on_curve(m, row):
                q = hold(m, row, q, e1, unit)
            row = get(m.slot, b) - clock
            if on_curve(m, row):
                q = hold(m, row, q, e2, unit)
    q = average_wedges(m, n, q)
    r = get(m.record, v)
    r[3] = wp.float32(q.xx + xx)
    r[4] = wp.float32(q.xy + xy)
    r[5] = wp.float32(q.xz + xz)
    r[6] = wp.float32(q.yy + yy)
    r[7] = wp.float32(q.yz + yz)
    r[8] = wp.float32(q.zz + zz)
    r[AREA] = wp.float32(total)
    put(m.record, v, r)


@wp.kernel
def found(m: Mesh, low: int, high: int, waiting: int):
    """Quadrics about each vertex (b and c are 0 there), wedges and kinds, for vertices from `low` to before `high`.
    Writes only what belongs to them, so that ranges may run side by side; what has neighbours outside of its range is
    left waiting. With `waiting` only such vertices."""
    for v in range(low, high):
        if waiting != 0 and int(get(m.kind, v)) != WAITING:
            continue
        n = gather(m, v, 0, m.ring.shape[0] / CORNER)
        if not is_inside(m, 0, n, low, high):
            put(m.kind, v, wp.int8(WAITING))
            continue
        put(m.kind, v, wp.int8(JUNCTION))
        if n > 0:
            clock = int(get(m.counts, 2))
            k = neighbours(m, n, clock)
            put(m.counts, 2, get(m.counts, 2) + wp.int64(k))
            put(m.kind, v, wp.int8(kind_of(m, k)))
            sum_planes(m, v, n, clock)
