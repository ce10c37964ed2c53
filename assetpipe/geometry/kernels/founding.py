# mypy: ignore-errors
"""First quadrics, first wedges, first curves: the state before any edge is collapsed."""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get, put
from assetpipe.geometry.kernels.cells import add_plane, ring
from assetpipe.geometry.kernels.lanes import add_slopes, average_slopes
from assetpipe.geometry.kernels.quadrics import TINY, position
from assetpipe.geometry.kernels.records import CORNER, INNER, JUNCTION, V1, V2, WAITING, WEDGE, Mesh
from assetpipe.geometry.kernels.rings import BEYOND, gather, is_rim, kind_of, neighbours, on_curve
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
def gradients(e1: wp.vec3d, e2: wp.vec3d, normal: wp.vec3d) -> mat23d:
    """Of the weights of a face's second and third corner. Slivers do not have them without bound."""
    longest = wp.dot(e1, e1) + wp.dot(e2, e2)
    size = wp.dot(normal, normal) + wp.float64(1.0e-6) * longest * longest + wp.float64(1.0e-300)
    share = wp.float64(1.0) / size
    one = wp.cross(e2, normal) * share
    two = wp.cross(normal, e1) * share
    return mat23d(one[0], one[1], one[2], two[0], two[1], two[2])


@wp.func
def is_within(v: int, low: int, high: int) -> bool:
    return v >= low and v < high


@wp.func
def add_face(m: Mesh, c: int, low: int, high: int):
    """The plane and the slopes of the face whose first corner is c, to its vertices from `low` to before `high`."""
    v0 = get(m.vertex, c)
    v1 = get(m.vertex, c + 1)
    v2 = get(m.vertex, c + 2)
    if not (is_within(v0, low, high) or is_within(v1, low, high) or is_within(v2, low, high)):
        return
    at = position(m, v0)
    e1 = position(m, v1) - at
    e2 = position(m, v2) - at
    normal = wp.cross(e1, e2)
    length = wp.length(normal)
    if not (length > wp.float64(0.0)):  # nor is NaN
        return
    area = length * wp.float64(0.5)
    unit = normal * (wp.float64(1.0) / length)
    found = gradients(e1, e2, normal)
    g = found[0]
    h = found[1]
    w0 = get(m.wedge, c) * m.steering
    w1 = get(m.wedge, c + 1) * m.steering
    w2 = get(m.wedge, c + 2) * m.steering
    to0 = is_within(v0, low, high)
    to1 = is_within(v1, low, high)
    to2 = is_within(v2, low, high)
    squares = add_slopes(m.solved, w0, w1, w2, to0, to1, to2, m.mu, m.steering, g * area, h * area)
    first = wp.float64(squares[0])
    both = wp.float64(squares[1])
    second = wp.float64(squares[2])
    gs = g * first + h * both
    hs = g * both + h * second
    xx = wp.float32((unit[0] * unit[0] + g[0] * gs[0] + h[0] * hs[0]) * area)
    xy = wp.float32((unit[0] * unit[1] + g[0] * gs[1] + h[0] * hs[1]) * area)
    xz = wp.float32((unit[0] * unit[2] + g[0] * gs[2] + h[0] * hs[2]) * area)
    yy = wp.float32((unit[1] * unit[1] + g[1] * gs[1] + h[1] * hs[1]) * area)
    yz = wp.float32((unit[1] * unit[2] + g[1] * gs[2] + h[1] * hs[2]) * area)
    zz = wp.float32((unit[2] * unit[2] + g[2] * gs[2] + h[2] * hs[2]) * area)
    size = wp.float32(area)
    for k in range(3):
        if is_within(get(m.vertex, c + k), low, high):
            add_plane(m.record, get(m.vertex, c + k), xx, xy, xz, yy, yz, zz, size)
            put(m.weight, get(m.wedge, c + k), get(m.weight, get(m.wedge, c + k)) + size)


@wp.kernel
def sum_faces(m: Mesh, low: int, high: int):
    """Planes and slopes for vertices from `low` to before `high`: of each face once, which the corners of it would come
    to three times. Faces in their order, so that ranges may run side by side and sums do not depend on them."""
    for f in range(m.vertex.shape[0] / 3):
        add_face(m, 3 * f, low, high)


@wp.func
def average_wedges(m: Mesh, v: int, n: int):
    """Sums of slopes become means; what they explain leaves the quadric: it keeps how far the faces stray from them."""
    r = get(m.record, v)
    xx = wp.float64(r[3])
    xy = wp.float64(r[4])
    xz = wp.float64(r[5])
    yy = wp.float64(r[6])
    yz = wp.float64(r[7])
    zz = wp.float64(r[8])
    for i in range(n):
        w = ring(m, i, WEDGE)
        area = get(m.weight, w)
        if area > TINY:
            g = average_slopes(m.solved, w * m.steering, area, m.mu, m.steering)
            xx -= g[0, 0]
            xy -= g[0, 1]
            xz -= g[0, 2]
            yy -= g[1, 1]
            yz -= g[1, 2]
            zz -= g[2, 2]
            put(m.weight, w, -get(m.weight, w))  # done
    for i in range(n):
        w = ring(m, i, WEDGE)
        put(m.weight, w, wp.abs(get(m.weight, w)))
    r[3] = wp.float32(xx)
    r[4] = wp.float32(xy)
    r[5] = wp.float32(xz)
    r[6] = wp.float32(yy)
    r[7] = wp.float32(yz)
    r[8] = wp.float32(zz)
    put(m.record, v, r)


@wp.func
def hold(m: Mesh, v: int, s: int, e: wp.vec3d, normal: wp.vec3d):
    """If the edge e to the neighbour in row s is on a curve: add the plane through it at right angles to its face."""
    if not on_curve(m, s):
        return
    across = wp.cross(e, normal)
    size = wp.dot(across, across)
    if not (size > wp.float64(0.0)):
        return
    h = across * (wp.where(is_rim(m, s), RIM, SEAM) * wp.dot(e, e) / size)
    xx = wp.float32(h[0] * across[0])
    xy = wp.float32(h[0] * across[1])
    xz = wp.float32(h[0] * across[2])
    yy = wp.float32(h[1] * across[1])
    yz = wp.float32(h[1] * across[2])
    zz = wp.float32(h[2] * across[2])
    add_plane(m.record, v, xx, xy, xz, yy, yz, zz, wp.float32(0.0))


@wp.func
def hold_curves(m: Mesh, v: int, n: int, clock: int):
    at = position(m, v)
    for i in range(n):
        a = ring(m, i, V1)
        b = ring(m, i, V2)
        e1 = position(m, a) - at
        e2 = position(m, b) - at
        normal = wp.cross(e1, e2)
        hold(m, v, get(m.slot, a) - clock, e1, normal)
        hold(m, v, get(m.slot, b) - clock, e2, normal)


@wp.kernel
def found(m: Mesh, low: int, high: int, waiting: int):
    """Quadrics about each vertex (b and c are 0 there), wedges and kinds, from what `sum_faces` has summed, for
    vertices from `low` to before `high`. Writes only what belongs to them, so that ranges may run side by side; what
    has neighbours outside of its range is left waiting. With `waiting` only such vertices."""
    for v in range(low, high):
        if waiting != 0 and int(get(m.kind, v)) != WAITING:
            continue
        n = gather(m, v, 0, m.ring.shape[0] / CORNER, low, high)
        if n == BEYOND:
            put(m.kind, v, wp.int8(WAITING))
            continue
        put(m.kind, v, wp.int8(JUNCTION))
        if n > 0:
            clock = int(get(m.counts, 2))
            k = neighbours(m, n, clock)
            put(m.counts, 2, get(m.counts, 2) + wp.int64(k))
            kind = kind_of(m, k)
            put(m.kind, v, wp.int8(kind))
            average_wedges(m, v, n)
            if kind != INNER:
                hold_curves(m, v, n, clock)
