# mypy: ignore-errors
"""What the arrays of a Mesh hold that are more than lists of numbers: slopes, records, and the tables of one visit."""

# no `from __future__ import annotations`: Warp asks for the types

import warp as wp

from assetpipe.elements import get, put, vec16f
from assetpipe.geometry.kernels.records import CORNER, NEAR, PLAN, Mesh


@wp.func_native(
    """float* a = array.data[i].c;
    a[3] += xx; a[4] += xy; a[5] += xz; a[6] += yy; a[7] += yz; a[8] += zz; a[13] += area;"""
)
def add_plane(
    array: wp.array(dtype=vec16f),
    i: int,
    xx: wp.float32,
    xy: wp.float32,
    xz: wp.float32,
    yy: wp.float32,
    yz: wp.float32,
    zz: wp.float32,
    area: wp.float32,
): ...  # to a record


@wp.func
def ring(m: Mesh, i: int, column: int) -> int:
    """Of the corner in row i."""
    return get(m.ring, CORNER * i + column)


@wp.func
def set_ring(m: Mesh, i: int, column: int, value: int):
    put(m.ring, CORNER * i + column, value)


@wp.func
def near(m: Mesh, s: int, column: int) -> int:
    """Of the neighbour in row s."""
    return get(m.near, NEAR * s + column)


@wp.func
def set_near(m: Mesh, s: int, column: int, value: int):
    put(m.near, NEAR * s + column, value)


@wp.func
def choice(m: Mesh, s: int, i: int) -> wp.float64:
    """Of the plan of the edge to the neighbour in row s."""
    return get(m.choice, PLAN * s + i)


@wp.func
def set_choice(m: Mesh, s: int, i: int, value: wp.float64):
    put(m.choice, PLAN * s + i, value)


@wp.func_native(
    """for (; v < high; v += every) if (bits ? kind.data[v] & bits : fabs((double)key.data[v]) <= threshold) break;
    return v;"""
)
def first_wanted(
    v: int,
    high: int,
    every: int,
    key: wp.array(dtype=wp.float32),
    threshold: wp.float64,
    kind: wp.array(dtype=wp.int8),
    bits: int,
) -> int: ...  # from v on, with a key up to the threshold, or one of the bits; no less than `high` where none is


@wp.func_native("return __atomic_fetch_add(turn.data, 1, __ATOMIC_RELAXED);")
def take_turn(turn: wp.array(dtype=wp.int32)) -> int: ...  # a number that no other thread gets
