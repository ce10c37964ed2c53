# mypy: ignore-errors
"""Sweeps over the vertices: every edge below a cost is collapsed where the surface allows it.

No heap (nine in ten pops were stale): a threshold rises from sweep to sweep. `plan` says where the joined vertex
goes, `fits` whether its faces may follow, `join` does it. The order of the vertices is part of the result.
"""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get, put, send_for
from assetpipe.geometry.kernels.cells import choice, near, set_choice
from assetpipe.geometry.kernels.fitting import OUTSIDE, YES, fits
from assetpipe.geometry.kernels.joining import join
from assetpipe.geometry.kernels.quadrics import plan
from assetpipe.geometry.kernels.records import A0, B0, DEAD, LATER, NEVER, RING, VERTEX, WAITING, Mesh
from assetpipe.geometry.kernels.rings import BEYOND, gather, kind_of, neighbours
from assetpipe.kernels import WHOLE

wp.set_module_options(WHOLE)


@wp.func
def weigh(m: Mesh, v: int, k: int, threshold: wp.float64, gate: wp.float64, at_once: wp.float64) -> wp.float64:
    """Plan the edges that v owns, up to one that costs no more than `at_once`. Returns the threshold at which one that
    was refused may be asked for again: the next when it was by the stage (its surroundings may change that), a later
    one when it was by the gate (they hardly will)."""
    again = wp.min(wp.float64(NEVER), wp.float64(DEAD))  # a copy: Warp would write into the constant itself
    for s in range(k):
        set_choice(m, s, 3, wp.float64(DEAD))
        if near(m, s, VERTEX) > v:
            send_for(m.record, near(m, s, VERTEX))
            send_for(m.solved, near(m, s, B0) * m.steering)
            send_for(m.solved, (near(m, s, B0) + 1) * m.steering - 1)
    for s in range(k):
        if near(m, s, VERTEX) > v:
            way = plan(m, v, s)
            if way[3] < wp.float64(0.0):
                again = wp.min(again, threshold)
            if way[3] >= wp.float64(0.0):
                for j in range(5):
                    set_choice(m, s, j, way[j])
                if way[4] > gate and way[3] <= threshold:
                    set_choice(m, s, 3, wp.float64(DEAD))
                    again = wp.min(again, threshold * wp.float64(LATER))  # at most NEVER, as it began
                elif way[3] <= at_once:
                    return again
    return again


@wp.func
def visit(m: Mesh, v: int, threshold: wp.float64, gate: wp.float64, at_once: wp.float64, low: int, high: int):
    """Collapse the cheapest edge that v owns, if it may be; `low` and `high` bound the block."""
    n = gather(m, v, 0, RING, low, high)
    if n == 0:
        put(m.key, v, wp.float32(DEAD))
    if n == BEYOND:
        put(m.kind, v, wp.int8(int(get(m.kind, v)) | WAITING))
    if n <= 0:
        return
    clock = int(get(m.counts, 2))
    k = neighbours(m, n, clock)
    put(m.counts, 2, get(m.counts, 2) + wp.int64(k))
    put(m.kind, v, wp.int8(kind_of(m, k)))
    key = weigh(m, v, k, threshold, gate, at_once)
    while True:
        best = wp.int32(0)
        for s in range(1, k):
            if choice(m, s, 3) < choice(m, best, 3):
                best = s
        cost = choice(m, best, 3)
        if cost > threshold or cost >= wp.float64(NEVER):
            key = wp.min(key, cost)
            break
        x = wp.vec3d(choice(m, best, 0), choice(m, best, 1), choice(m, best, 2))
        send_for(m.place, get(m.seed, near(m, best, A0)))
        send_for(m.place, get(m.seed, near(m, best, B0)))
        nu = gather(m, near(m, best, VERTEX), RING, RING, low, high)
        answer = fits(m, v, best, n, nu, k, clock, x)
        if answer == YES:
            put(m.worst, 0, wp.max(get(m.worst, 0), choice(m, best, 4)))
            join(m, v, best, n, nu, x)
            return
        if answer == OUTSIDE:
            put(m.kind, v, wp.int8(int(get(m.kind, v)) | WAITING))
        set_choice(m, best, 3, wp.float64(DEAD))
        key = threshold  # try again when the surroundings have changed
        put(m.counts, 3, get(m.counts, 3) + wp.int64(1))
    put(m.key, v, wp.float32(key))


@wp.kernel
def sweep(
    m: Mesh,
    threshold: wp.float64,
    gate: wp.float64,
    share: wp.int64,
    blocks: int,
    first: int,
    step: int,
    every: int,
    waiting: int,
    at_once: wp.float64,
):
    """Collapse every edge that costs no more than the threshold and strays no more than sqrt(gate).

    The vertices are cut into `blocks`; every step-th is walked from the `first` on, of its vertices only every nth,
    until `share` triangles are gone. An edge is collapsed only where the vertices round both its ends lie in the block:
    other threads may work on other blocks, and the result does not depend on how many they are. With `waiting` only
    what asked for an edge that reaches out of its block. One kernel for all, so that `visit` is compiled into it once:
    as a function, called, it would copy `m` each time."""
    vertices = wp.int64(m.head.shape[0])
    for block in range(first, blocks, step):
        low = int(vertices * wp.int64(block) / wp.int64(blocks))
        high = int(vertices * wp.int64(block + 1) / wp.int64(blocks))
        enough = get(m.counts, 0) - share
        for v in range(low, high, every):
            wanted = wp.float64(wp.abs(get(m.key, v))) <= threshold
            if waiting != 0:
                wanted = (int(get(m.kind, v)) & WAITING) != 0
                put(m.kind, v, wp.int8(int(get(m.kind, v)) & (WAITING - 1)))
            if wanted and get(m.counts, 0) > enough:
                visit(m, v, threshold, gate, at_once, low, high)
