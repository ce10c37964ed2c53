# mypy: ignore-errors
"""First quadrics, first wedges, first curves: the state before any edge is collapsed."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.quadrics import position, slope, value
from assetpipe.geometry.kernels.records import AREA, VALUE, Mesh
from assetpipe.geometry.kernels.rings import after, gather, kind_of, neighbours, on_curve
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

HOLD = wp.constant(wp.float64(10.0))
"""Weight, per squared length of its edge, of the plane that holds a curve in place (an open mesh without: rms 3.36
instead of 1.14)."""


@wp.kernel
def thread_corners(
    vertex: wp.array(dtype=wp.int32), head: wp.array(dtype=wp.int32), following: wp.array(dtype=wp.int32)
):
    """List the corners of each vertex, in rising order."""
    n = vertex.shape[0]
    for i in range(n):
        c = n - 1 - i
        v = vertex[c]
        following[c] = head[v]
        head[v] = c


@wp.func
def gradient(m: Mesh, c: int, j: int, e1: wp.vec3d, e2: wp.vec3d, normal: wp.vec3d, stiff: wp.float64) -> wp.vec3d:
    """Of attribute j over the face of corner c. `stiff` keeps slivers from having gradients without bound."""
    s = value(m, m.wedge[c], j)
    s1 = value(m, m.wedge[after(c)], j) - s
    s2 = value(m, m.wedge[after(after(c))], j) - s
    return (wp.cross(e2, normal) * s1 + wp.cross(normal, e1) * s2) / stiff


@wp.func
def face_area(e1: wp.vec3d, e2: wp.vec3d) -> wp.float64:
    return wp.length(wp.cross(e1, e2)) * wp.float64(0.5)


@wp.func
def stiffness(e1: wp.vec3d, e2: wp.vec3d, normal: wp.vec3d) -> wp.float64:
    longest = wp.dot(e1, e1) + wp.dot(e2, e2)
    return wp.dot(normal, normal) + wp.float64(1.0e-6) * longest * longest + wp.float64(1.0e-300)


@wp.func
def average_wedges(m: Mesh, v: int, n: int):
    """Area and mean slopes of the wedges of v."""
    q = position(m, v)
    for i in range(n):
        c = m.ring[i]
        w = m.wedge[c]
        e1 = position(m, m.vertex[after(c)]) - q
        e2 = position(m, m.vertex[after(after(c))]) - q
        normal = wp.cross(e1, e2)
        area = wp.length(normal) * wp.float64(0.5)
        old = wp.float64(m.weight[w])
        m.weight[w] = wp.float32(old + area)
        if area > wp.float64(0.0):
            stiff = stiffness(e1, e2, normal)
            t = area / (old + area)
            for j in range(m.steering):
                before = slope(m, w, j)
                g = before + (gradient(m, c, j, e1, e2, normal, stiff) - before) * t
                m.solved[w, j] = wp.vec4f(wp.float32(g[0]), wp.float32(g[1]), wp.float32(g[2]), m.solved[w, j][VALUE])


@wp.func
def holding(e: wp.vec3d, normal: wp.vec3d) -> wp.mat33d:
    """The plane through an edge e, at right angles to its face."""
    across = wp.cross(e, normal)
    size = wp.dot(across, across)
    if size <= wp.float64(0.0):
        return wp.outer(across, across)
    return wp.outer(across, across) * (HOLD * wp.dot(e, e) / size)


@wp.func
def sum_planes(m: Mesh, v: int, n: int, clock: int):
    q = position(m, v)
    zero = wp.vec3d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0))
    A = wp.outer(zero, zero)
    total = wp.float64(0.0)
    for i in range(n):
        c = m.ring[i]
        a = after(c)
        b = after(a)
        e1 = position(m, m.vertex[a]) - q
        e2 = position(m, m.vertex[b]) - q
        normal = wp.cross(e1, e2)
        length = wp.length(normal)
        if length > wp.float64(0.0):
            area = length * wp.float64(0.5)
            total = total + area
            A = A + wp.outer(normal, normal) * (area / (length * length))
            stiff = stiffness(e1, e2, normal)
            for j in range(m.steering):
                g = gradient(m, c, j, e1, e2, normal, stiff) - slope(m, m.wedge[c], j)
                A = A + wp.outer(g, g) * (area * m.mu[j])
            unit = normal / length
            if on_curve(m, m.slot[m.vertex[a]] - clock):
                A = A + holding(e1, unit)
            if on_curve(m, m.slot[m.vertex[b]] - clock):
                A = A + holding(e2, unit)
    r = m.record[v]
    r[3] = wp.float32(A[0, 0])
    r[4] = wp.float32(A[0, 1])
    r[5] = wp.float32(A[0, 2])
    r[6] = wp.float32(A[1, 1])
    r[7] = wp.float32(A[1, 2])
    r[8] = wp.float32(A[2, 2])
    r[AREA] = wp.float32(total)
    m.record[v] = r


@wp.kernel
def found(m: Mesh, first: int, last: int):
    """Quadrics about each vertex (b and c are 0 there), wedges and kinds, for vertices from `first` to before `last`.
    Writes only what belongs to them, so that ranges may run side by side, each with scratch of its own."""
    for v in range(first, last):
        n = gather(m, v, 0, m.ring.shape[0])
        m.kind[v] = wp.int8(2)
        if n > 0:
            clock = int(m.counts[2])
            k = neighbours(m, n, clock)
            m.counts[2] = m.counts[2] + wp.int64(k)
            m.kind[v] = wp.int8(kind_of(m, k))
            average_wedges(m, v, n)
            sum_planes(m, v, n, clock)
