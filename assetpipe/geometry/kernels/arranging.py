"""Kernels that put faces, wedges and vertices of a state in order, each for a range of rows."""

from __future__ import annotations

import warp as wp

from assetpipe.geometry.kernels.records import DOUBT, HEIR, VALUE, vec16f
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
        a = rank[corners[f][0]]
        b = rank[corners[f][1]]
        c = rank[corners[f][2]]
        if a == b or b == c or c == a:
            keys[f] = none
        else:
            keys[f] = wp.min(wp.min(a, b), c)


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
        c = corners[faces[i]]
        filled[i] = wp.vec3i(number[c[0]], number[c[1]], number[c[2]])


@wp.kernel
def fill_wedges(
    first: int,
    last: int,
    wedges: wp.array(dtype=wp.int32),
    attributes: wp.array2d(dtype=wp.float32),
    columns: wp.array(dtype=wp.int32),
    steering: int,
    carrying: int,
    solved: wp.array(dtype=wp.vec4f),
    carried: wp.array(dtype=wp.float32),
) -> None:
    """Values of those columns that steer, their slopes not yet known, and of those that do not."""
    for i in range(first, last):
        w = wedges[i]
        for j in range(steering):
            a = wp.vec4f()
            a[VALUE] = attributes[w, columns[j]]
            solved[i * steering + j] = a
        for j in range(carrying):
            carried[i * carrying + j] = attributes[w, columns[steering + j]]


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
        at = (positions[order[v]] - centre) * scale
        r = vec16f()
        r[0] = at[0]
        r[1] = at[1]
        r[2] = at[2]
        r[DOUBT] = wp.float32(1.0)
        records[v] = r


@wp.kernel
def mark_used(
    first: int,
    last: int,
    faces: wp.array(dtype=wp.int32),
    rows: wp.array(dtype=wp.vec3i),
    used: wp.array(dtype=wp.int8),
) -> None:
    """What is at the corners of the `faces`."""
    for i in range(first, last):
        c = rows[faces[i]]
        for k in range(3):
            used[c[k]] = wp.int8(1)


@wp.kernel
def number_used(
    used: wp.array(dtype=wp.int8), kept: wp.array(dtype=wp.int32), number: wp.array(dtype=wp.int32)
) -> None:
    """Which are used, and the place of each among these; -1: none."""
    n = wp.int32(0)
    for i in range(used.shape[0]):
        number[i] = -1
        if used[i] != wp.int8(0):
            number[i] = n
            kept[n] = i
            n = n + 1


@wp.kernel
def rank(first: int, last: int, order: wp.array(dtype=wp.int32), ranks: wp.array(dtype=wp.int32)) -> None:
    """At which place of `order` each stands."""
    for i in range(first, last):
        ranks[order[i]] = i


@wp.kernel
def follow(head: wp.array(dtype=wp.int32), number: wp.array(dtype=wp.int32)) -> None:
    """The number of each vertex's last heir for its own, which lies before it."""
    for v in range(head.shape[0]):
        if head[v] <= HEIR:
            number[v] = number[HEIR - head[v]]


@wp.kernel
def renumber(
    first: int,
    last: int,
    home: wp.array(dtype=wp.int32),
    number: wp.array(dtype=wp.int32),
    renumbered: wp.array(dtype=wp.int32),
) -> None:
    """-1 stays -1."""
    for i in range(first, last):
        at = int(home[i])
        if at >= 0:
            at = number[at]
        renumbered[i] = at
