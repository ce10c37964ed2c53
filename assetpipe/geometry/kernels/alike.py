"""Triangles -> for each the first with the same three vertices. A million take 20 ms; to sort their corners took 40."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.elements import get, put
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]
NEAR = wp.constant(12)
MIX = wp.constant(wp.uint64(0x9E3779B97F4A7C15))  # 2^64 / golden ratio


def first_alike(corners: Ints, vertex: Ints) -> Ints:
    """(f, 3) corners, (corners,) the vertex of each -> (f,) the first triangle with the same, in whichever order."""
    load(__name__)
    first = np.empty(len(corners), np.int32)
    if len(corners):
        table = np.full(1 << (2 * len(corners) - 1).bit_length(), -1, np.int32)  # has large pages, unlike Warp's own
        given = [
            wp.array(np.ascontiguousarray(array, np.int32), dtype=kind, device="cpu", copy=False)
            for array, kind in ((corners, wp.vec3i), (vertex, wp.int32), (first, wp.int32), (table, wp.int32))
        ]
        wp.launch(_look_up, dim=1, inputs=given, device="cpu")
    return first


@wp.func
def ranked(corners: wp.vec3i, vertex: wp.array(dtype=wp.int32)) -> wp.vec3i:
    """Their vertices, least first."""
    a = get(vertex, corners[0])
    b = get(vertex, corners[1])
    c = get(vertex, corners[2])
    low = wp.min(a, b)
    high = wp.max(a, b)
    return wp.vec3i(wp.min(low, c), wp.max(low, wp.min(high, c)), wp.max(high, c))


@wp.kernel
def _look_up(
    corners: wp.array(dtype=wp.vec3i),
    vertex: wp.array(dtype=wp.int32),
    first: wp.array(dtype=wp.int32),
    table: wp.array(dtype=wp.int32),
) -> None:
    """`table`: -1 throughout, a power of two long, with room to spare: the triangles seen. Those of one vertex lie side
    by side, as vertices do that are used together, but for a hub's: those are strewn about."""
    last = wp.uint64(table.shape[0] - 1)
    for f in range(corners.shape[0]):
        own = ranked(get(corners, f), vertex)
        at = int((wp.uint64(own[0]) * wp.uint64(4) + wp.uint64((own[1] + own[2]) & 3)) & last)
        found = get(table, at)
        tries = wp.int32(0)
        while found >= 0 and not (ranked(get(corners, found), vertex) == own):  # noqa: SIM201  Warp's vectors have no !=
            tries += 1
            if tries == NEAR:
                mix = (wp.uint64(own[0]) * MIX) ^ (wp.uint64(own[1]) * MIX >> wp.uint64(21))
                mix = (mix ^ (mix >> wp.uint64(29)) ^ wp.uint64(own[2])) * MIX
                at = int((mix >> wp.uint64(29)) & last)
            else:
                at = (at + 1) & int(last)
            found = get(table, at)
        if found < 0:
            put(table, at, f)
            found = int(f)
        put(first, f, found)
