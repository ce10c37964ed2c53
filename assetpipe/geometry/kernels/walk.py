# mypy: ignore-errors
"""Points that belong to a surface -> for each the face and the place in it that lies nearest, found on foot.

Each point starts at a corner that is known to be near and walks downhill over faces that share corners. Unlike a
search of the whole surface it cannot jump to another sheet that happens to pass nearby: from an arm to the body it
touches, from a sleeve to its lining, across the seam of an attribute. It looks at some thirty faces for each point.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.asset import Array, Floats
from assetpipe.geometry.kernels.founding import thread_corners
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


def walk(corners: Array, positions: Floats, points: Floats, starts: Array) -> tuple[Array, Array]:
    """(f, 3) nodes, (nodes, 3) where they lie, (n, 3) points, (n,) nodes to start from -> (n,) faces, -1 where a node
    has none, and (n, 3) float64 barycentric coordinates in them. Faces are neighbours where they share a node: nodes
    may be vertices, or wedges where a walk is not to cross a seam."""
    load("assetpipe.geometry.kernels.founding")
    load(__name__)
    nodes = wp.array(np.ascontiguousarray(corners, np.int32).reshape(-1), dtype=wp.int32, copy=False, device="cpu")
    head = wp.full(max(1, len(positions)), -1, dtype=wp.int32, device="cpu")
    following = wp.empty(max(1, 3 * len(corners)), dtype=wp.int32, device="cpu")
    lists = [nodes, following, head, wp.zeros_like(head)]
    wp.launch(thread_corners, dim=1, inputs=[0, head.shape[0], *lists], device="cpu")
    faces = wp.full(len(points), -1, dtype=wp.int32, device="cpu")
    shares = wp.zeros(len(points), dtype=wp.vec3d, device="cpu")
    places = [wp.array(np.ascontiguousarray(at, np.float32), dtype=wp.vec3, device="cpu") for at in (positions, points)]
    begin = wp.array(np.ascontiguousarray(starts, np.int32), dtype=wp.int32, device="cpu")
    inputs = [nodes, head, following, *places, begin, faces, shares]
    wp.launch(descend, dim=len(points), inputs=inputs, device="cpu")
    return faces.numpy(), shares.numpy()


@wp.func
def nearest(p: wp.vec3d, a: wp.vec3d, b: wp.vec3d, c: wp.vec3d) -> wp.vec3d:
    """Barycentric coordinates of the point of a triangle nearest to p (Ericson 2005, Real-Time Collision Detection,
    5.1.5); exactly 1, 0, 0 at a corner. NaN in a triangle without area that p lies above."""
    zero = wp.float64(0.0)
    one = wp.float64(1.0)
    ab = b - a
    ac = c - a
    d1 = wp.dot(ab, p - a)
    d2 = wp.dot(ac, p - a)
    if d1 <= zero and d2 <= zero:
        return wp.vec3d(one, zero, zero)
    d3 = wp.dot(ab, p - b)
    d4 = wp.dot(ac, p - b)
    if d3 >= zero and d4 <= d3:
        return wp.vec3d(zero, one, zero)
    d5 = wp.dot(ab, p - c)
    d6 = wp.dot(ac, p - c)
    if d6 >= zero and d5 <= d6:
        return wp.vec3d(zero, zero, one)
    vc = d1 * d4 - d3 * d2
    if vc <= zero and d1 >= zero and d3 <= zero:
        t = d1 / (d1 - d3)
        return wp.vec3d(one - t, t, zero)
    vb = d5 * d2 - d1 * d6
    if vb <= zero and d2 >= zero and d6 <= zero:
        t = d2 / (d2 - d6)
        return wp.vec3d(one - t, zero, t)
    va = d3 * d6 - d5 * d4
    if va <= zero and d4 >= d3 and d5 >= d6:
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return wp.vec3d(zero, one - t, t)
    s = one / (va + vb + vc)
    return wp.vec3d(one - (vb + vc) * s, vb * s, vc * s)


@wp.func
def place(positions: wp.array(dtype=wp.vec3), node: int) -> wp.vec3d:
    at = positions[node]
    return wp.vec3d(wp.float64(at[0]), wp.float64(at[1]), wp.float64(at[2]))


@wp.kernel
def descend(
    nodes: wp.array(dtype=wp.int32),
    head: wp.array(dtype=wp.int32),
    following: wp.array(dtype=wp.int32),
    positions: wp.array(dtype=wp.vec3),
    points: wp.array(dtype=wp.vec3),
    starts: wp.array(dtype=wp.int32),
    faces: wp.array(dtype=wp.int32),
    shares: wp.array(dtype=wp.vec3d),
):
    i = wp.tid()
    p = place(points, i)
    here = int(starts[i])
    best = int(head[here])
    if best < 0:
        return
    share = wp.vec3d(wp.float64(0.0), wp.float64(0.0), wp.float64(0.0))
    share[best % 3] = wp.float64(1.0)
    face = int(best / 3)
    offset = place(positions, here) - p
    least = wp.dot(offset, offset)
    seen = wp.int32(0)  # bits: corners of the face whose surroundings are known not to lie nearer
    while here >= 0:
        c = int(head[here])
        while c >= 0:
            first = c - c % 3
            a = place(positions, nodes[first])
            b = place(positions, nodes[first + 1])
            d = place(positions, nodes[first + 2])
            at = nearest(p, a, b, d)
            offset = a * at[0] + b * at[1] + d * at[2] - p
            far = wp.dot(offset, offset)
            if far < least:  # false for NaN
                least = far
                share = at
                face = int(first / 3)
                seen = 0
            c = following[c]
        for k in range(3):
            if nodes[3 * face + k] == here:
                seen = seen | (1 << k)
        here = wp.int32(-1)
        for k in range(3):
            if here < 0 and share[k] > wp.float64(0.0) and (seen & (1 << k)) == 0:
                here = int(nodes[3 * face + k])
    faces[i] = face
    shares[i] = share
