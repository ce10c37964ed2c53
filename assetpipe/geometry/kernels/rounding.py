"""A level's vertices -> where its triangles lie about the source, and not on its inner side.

Quadrics put a vertex where the planes round it meet best. Of a bowl that is outside, but by less than triangles sag: on
a regular mesh by 5/36 of curvature times squared edge where 1/4 leaves as much on one side as on the other. What misses
is a ninth of the way from the middle of its neighbours to the vertex. That holds for any affine image of such a mesh,
as the long triangles are that quadrics make where a surface bends one way only.

Noise stands out too, but now this way, now the other: a vertex moves by no more than its neighbours would, and not at
all where they would the other way. The descent goes on from where the vertices were.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.elements import get, put, vec16f
from assetpipe.geometry.kernels.order import whole
from assetpipe.geometry.kernels.records import AREA, JUNCTION, RIM, SORT, C
from assetpipe.geometry.kernels.state import Array, State
from assetpipe.geometry.kernels.threads import launch_over
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)

MISSING = wp.constant(wp.float64(0.1))
"""Of the way: a little less than of a regular mesh, since others' neighbours lie at different distances."""
PLAIN = wp.constant(wp.float64(2.0))
"""Times the rms distance to the planes that a vertex stands out by at least, where that is taken for curvature: on a
bowl it is twelve times, on a pipe seven times that, in noise finer than the level hardly more than once."""
FARTHEST = wp.constant(wp.float64(1.5))
"""Times the rms distance to the planes: what a bowl wants. On an edge between flat faces it is nothing."""
SMOOTH = wp.constant(wp.float64(0.8))
"""Length of the mean normal round a vertex: where it is shorter the vertex stands on an edge or a tip."""
ROW = wp.constant(9)
"""Numbers told of the ring of each vertex, from these columns on:"""
NEIGHBOURS, NORMAL, COUNT = wp.constant(0), wp.constant(3), wp.constant(6)


def rounded(state: State) -> Array:
    """(v, 3) internal, of a state of which all lives."""
    load(__name__)
    arrays = state.arrays
    count, faces = len(arrays["record"]), len(arrays["vertex"]) // 3
    record, corners = whole(arrays["record"], vec16f), whole(arrays["vertex"].reshape(-1, 3), wp.vec3i)
    rings, out, others = np.zeros((count, ROW), np.float64), np.zeros(count, np.float64), np.zeros(count, np.float64)
    moved = np.empty((count, 3), np.float32)
    known = [whole(rings.reshape(-1), wp.float64), whole(out, wp.float64)]
    launch_over(look_around, count, [faces, corners, record, known[0]])
    launch_over(stand_out, count, [record, whole(arrays["kind"], wp.int8), *known])
    launch_over(add_others, count, [faces, corners, known[1], whole(others, wp.float64)])
    launch_over(move_out, count, [record, *known, whole(others, wp.float64), whole(moved, wp.vec3)])
    return moved


@wp.func
def place(record: wp.array(dtype=vec16f), v: int) -> wp.vec3d:
    r = get(record, v)
    return wp.vec3d(wp.float64(r[0]), wp.float64(r[1]), wp.float64(r[2]))


@wp.func
def column(rings: wp.array(dtype=wp.float64), v: int, first: int) -> wp.vec3d:
    at = ROW * v + first
    return wp.vec3d(get(rings, at), get(rings, at + 1), get(rings, at + 2))


@wp.func
def add_to_column(rings: wp.array(dtype=wp.float64), v: int, first: int, more: wp.vec3d) -> None:
    for k in range(3):
        put(rings, ROW * v + first + k, get(rings, ROW * v + first + k) + more[k])


@wp.func
def is_among(c: wp.vec3i, first: int, last: int) -> bool:
    return (c[0] >= first and c[0] < last) or (c[1] >= first and c[1] < last) or (c[2] >= first and c[2] < last)


@wp.kernel
def look_around(
    first: int,
    last: int,
    faces: int,
    corners: wp.array(dtype=wp.vec3i),
    record: wp.array(dtype=vec16f),
    rings: wp.array(dtype=wp.float64),
) -> None:
    """Of each vertex the sum of its neighbours, each once for each face, and of its faces' normals by area; how many
    neighbours these are, and the faces' area."""
    for f in range(faces):
        c = get(corners, f)
        if is_among(c, first, last):
            total = place(record, c[0]) + place(record, c[1]) + place(record, c[2])
            normal = wp.cross(place(record, c[1]) - place(record, c[0]), place(record, c[2]) - place(record, c[0]))
            for i in range(3):
                v = c[i]
                if v >= first and v < last:
                    add_to_column(rings, v, NEIGHBOURS, total - place(record, v))
                    add_to_column(rings, v, NORMAL, normal)
                    add_to_column(rings, v, COUNT, wp.vec3d(wp.float64(2.0), wp.length(normal), wp.float64(0.0)))


@wp.kernel
def stand_out(
    first: int,
    last: int,
    record: wp.array(dtype=vec16f),
    kind: wp.array(dtype=wp.int8),
    rings: wp.array(dtype=wp.float64),
    out: wp.array(dtype=wp.float64),
) -> None:
    """How far each vertex stands out of its neighbours' middle; 0 where it is to stay: on a border, in a corner of
    curves, on an edge or a tip, and where nothing was collapsed. The normals become of length 1."""
    for v in range(first, last):
        k = int(get(kind, v))
        r = get(record, v)
        size = wp.length(column(rings, v, NORMAL))
        sums = column(rings, v, COUNT)
        if (k & RIM) == 0 and (k & SORT) != JUNCTION and r[C] > wp.float32(0.0) and size > SMOOTH * sums[1]:
            normal = column(rings, v, NORMAL) / size
            add_to_column(rings, v, NORMAL, normal - column(rings, v, NORMAL))
            put(out, v, wp.dot(place(record, v) - column(rings, v, NEIGHBOURS) / sums[0], normal))


@wp.kernel
def add_others(
    first: int,
    last: int,
    faces: int,
    corners: wp.array(dtype=wp.vec3i),
    out: wp.array(dtype=wp.float64),
    others: wp.array(dtype=wp.float64),
) -> None:
    """To each vertex what its neighbours stand out by, each once for each face."""
    for f in range(faces):
        c = get(corners, f)
        if is_among(c, first, last):
            total = get(out, c[0]) + get(out, c[1]) + get(out, c[2])
            for i in range(3):
                v = c[i]
                if v >= first and v < last:
                    put(others, v, get(others, v) + total - get(out, v))


@wp.kernel
def move_out(
    first: int,
    last: int,
    record: wp.array(dtype=vec16f),
    rings: wp.array(dtype=wp.float64),
    out: wp.array(dtype=wp.float64),
    others: wp.array(dtype=wp.float64),
    moved: wp.array(dtype=wp.vec3),
) -> None:
    for v in range(first, last):
        x = place(record, v)
        mine = get(out, v)
        if mine != wp.float64(0.0):
            theirs = get(others, v) / column(rings, v, COUNT)[0]
            if mine * theirs > wp.float64(0.0):
                r = get(record, v)
                rms = wp.sqrt(wp.float64(r[C]) / wp.max(wp.float64(r[AREA]), wp.float64(1.0e-300)))
                doubt = PLAIN * rms / wp.abs(mine)
                sure = wp.max(wp.float64(1.0) - doubt * doubt, wp.float64(0.0))
                far = wp.min(MISSING * wp.min(wp.abs(mine), wp.abs(theirs)) * sure, FARTHEST * rms)
                x = x + column(rings, v, NORMAL) * (wp.sign(mine) * far)
        put(moved, v, wp.vec3(wp.float32(x[0]), wp.float32(x[1]), wp.float32(x[2])))
