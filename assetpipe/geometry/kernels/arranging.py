"""Kernels that put faces, wedges and vertices of a state in order, each for a range of rows."""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get, put, vec16f
from assetpipe.geometry.kernels.records import DOUBT
from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)


@wp.kernel
def key_faces(
    first: int,
    last: int,
    corners: wp.array(dtype=wp.vec3i),
    rank: wp.array(dtype=wp.int32),
    none: int,
    keys: wp.array(dtype=wp.int32),
) -> None:
    """The lowest of a face's vertices, by the rank of its wedges; `none` where it has not three."""
    for f in range(first, last):
        face = get(corners, f)
        a = get(rank, face[0])
        b = get(rank, face[1])
        c = get(rank, face[2])
        key = wp.min(wp.min(a, b), c)
        if a == b or b == c or c == a:
            key = none
        put(keys, f, key)


@wp.kernel
def fill_faces(
    first: int,
    last: int,
    faces: wp.array(dtype=wp.int32),
    corners: wp.array(dtype=wp.vec3i),
    number: wp.array(dtype=wp.int32),
    filled: wp.array(dtype=wp.vec3i),
) -> None:
    """What is at the corners of each of the `faces`, by its new number."""
    for i in range(first, last):
        c = get(corners, get(faces, i))
        put(filled, i, wp.vec3i(get(number, c[0]), get(number, c[1]), get(number, c[2])))


@wp.kernel
def fill_wedges(
    first: int,
    last: int,
    wedges: wp.array(dtype=wp.int32),
    attributes: wp.array(dtype=wp.float32),
    columns: wp.array(dtype=wp.int32),
    steering: int,
    carrying: int,
    solved: wp.array(dtype=wp.vec4f),
    carried: wp.array(dtype=wp.float32),
) -> None:
    """Values of those columns that steer, their slopes not yet known, and of those that do not."""
    for i in range(first, last):
        w = get(wedges, i) * (steering + carrying)
        for j in range(steering):
            put(solved, i * steering + j, wp.vec4f(0.0, 0.0, 0.0, get(attributes, w + get(columns, j))))
        for j in range(carrying):
            put(carried, i * carrying + j, get(attributes, w + get(columns, steering + j)))


@wp.kernel
def fill_records(
    first: int,
    last: int,
    order: wp.array(dtype=wp.int32),
    positions: wp.array(dtype=wp.vec3),
    centre: wp.vec3,
    scale: wp.float32,
    records: wp.array(dtype=vec16f),
) -> None:
    """Where each vertex is; no doubts."""
    for v in range(first, last):
        at = (get(positions, get(order, v)) - centre) * scale
        r = vec16f()
        r[0] = at[0]
        r[1] = at[1]
        r[2] = at[2]
        r[DOUBT] = wp.float32(1.0)
        put(records, v, r)


@wp.kernel
def rank(first: int, last: int, order: wp.array(dtype=wp.int32), ranks: wp.array(dtype=wp.int32)) -> None:
    """At which place of `order` each stands."""
    for i in range(first, last):
        put(ranks, get(order, i), i)
