# mypy: ignore-errors
"""Sweeps over the vertices: every edge below a cost is collapsed where the surface allows it.

No heap (nine in ten pops were stale): a threshold rises from sweep to sweep. `foreseen` tells which edges may cost less
than that, `plan` says where the joined vertex goes, `fits` whether its faces may follow, `join` does it. The order of
the vertices is part of the result.
"""

from __future__ import annotations

import warp as wp

from assetpipe.elements import get, put, send_for
from assetpipe.geometry.kernels.cells import choice, first_wanted, near, set_choice, take_turn
from assetpipe.geometry.kernels.fitting import FREELY, OUTSIDE, YES, fits
from assetpipe.geometry.kernels.joining import join
from assetpipe.geometry.kernels.lanes import foreseen
from assetpipe.geometry.kernels.quadrics import plan
from assetpipe.geometry.kernels.records import (
    A0,
    B0,
    COST,
    DEAD,
    LATER,
    NEVER,
    RIM,
    RING,
    STRAYS,
    VERTEX,
    WAITING,
    Mesh,
)
from assetpipe.geometry.kernels.rings import BEYOND, after, gather, kind_of, neighbours
from assetpipe.kernels import WHOLE

wp.set_module_options(WHOLE)

UNKNOWN = wp.constant(wp.float64(-1.0))
"""How far an edge strays that is not planned yet."""


@wp.func
def foresee(m: Mesh, v: int, k: int, at_once: wp.float64):
    """Enter what the edges that v owns will cost about, up to one for no more than `at_once`; DEAD for the others."""
    found = wp.bool(False)
    for s in range(k):
        u = near(m, s, VERTEX)
        cost = wp.float64(DEAD) * wp.float64(1.0)  # a copy: Warp would write into the constant itself
        if u > v and not found:
            cost = wp.float64(foreseen(m.record, v, u))
            found = cost <= at_once
            send_for(m.solved, near(m, s, B0) * m.steering)
            send_for(m.solved, (near(m, s, B0) + 1) * m.steering - 1)
        set_choice(m, s, COST, cost)
        set_choice(m, s, STRAYS, UNKNOWN)


@wp.func
def weigh(m: Mesh, v: int, s: int, threshold: wp.float64, gate: wp.float64) -> wp.float64:
    """Plan the edge to the neighbour in row s. Returns the threshold at which one that was refused may be asked for
    again: the next when it was by the stage (its surroundings may change that), a later one when it was by the gate
    (they hardly will)."""
    way = plan(m, v, s)
    for i in range(5):
        set_choice(m, s, i, way[i])
    if way[COST] < wp.float64(0.0):
        set_choice(m, s, COST, wp.float64(DEAD))
        return threshold
    if way[STRAYS] > gate and way[COST] <= threshold:
        set_choice(m, s, COST, wp.float64(DEAD))
        return threshold * wp.float64(LATER)
    return wp.float64(NEVER) * wp.float64(1.0)


@wp.func
def glance(m: Mesh, v: int, threshold: wp.float64, low: int, high: int) -> wp.float64:
    """What the cheapest edge that v owns will cost about, or no more than the threshold: where one may be had for that,
    or where more than a glance is needed, at an open border and where the block ends."""
    least = wp.float64(NEVER) * wp.float64(1.0)
    if (int(get(m.kind, v)) & RIM) != 0:
        return threshold
    c = get(m.head, v)
    while c >= 0:
        u = get(m.vertex, after(c))  # of a face that is gone: -1
        if u >= 0 and (u < low or u >= high):
            return threshold
        if u > v:
            least = wp.min(least, wp.float64(foreseen(m.record, v, u)))
            if least <= threshold:
                return threshold
        c = get(m.next, c)
    return least


@wp.func
def visit(
    m: Mesh, v: int, threshold: wp.float64, gate: wp.float64, at_once: wp.float64, glancing: int, low: int, high: int
):
    """Collapse the cheapest edge that v owns, if it may be; `low` and `high` bound the block. With `glancing` only
    where a glance tells that it may."""
    if glancing != 0:
        cost = glance(m, v, threshold, low, high)
        if cost > threshold:
            put(m.key, v, wp.float32(cost))
            return
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
    foresee(m, v, k, at_once)
    key = wp.float64(NEVER) * wp.float64(1.0)
    while True:
        best = wp.int32(0)
        cost = choice(m, 0, COST)
        runner_up = wp.float64(NEVER) * wp.float64(1.0)
        for s in range(1, k):
            other = choice(m, s, COST)
            if other < cost:
                best = s
            runner_up = wp.min(runner_up, wp.max(cost, other))
            cost = wp.min(cost, other)
        if cost > threshold or cost >= wp.float64(NEVER):
            key = wp.min(key, cost)
            break
        if choice(m, best, STRAYS) == UNKNOWN:
            key = wp.min(key, weigh(m, v, best, threshold, gate))
            if choice(m, best, COST) > wp.min(runner_up, threshold):
                continue
        x = wp.vec3d(choice(m, best, 0), choice(m, best, 1), choice(m, best, 2))
        send_for(m.place, get(m.seed, near(m, best, A0)))
        send_for(m.place, get(m.seed, near(m, best, B0)))
        nu = gather(m, near(m, best, VERTEX), RING, RING, low, high)
        answer = fits(m, v, best, n, nu, k, clock, x)
        if answer >= YES:
            put(m.worst, 0, wp.max(get(m.worst, 0), choice(m, best, STRAYS)))
            join(m, v, best, n, nu, x, runner_up, answer == FREELY)
            return
        if answer == OUTSIDE:
            put(m.kind, v, wp.int8(int(get(m.kind, v)) | WAITING))
        set_choice(m, best, COST, wp.float64(DEAD))
        key = wp.min(key, threshold)  # try again when the surroundings have changed
        put(m.counts, 3, get(m.counts, 3) + wp.int64(1))
    put(m.key, v, wp.float32(key))


@wp.kernel
def sweep(
    m: Mesh,
    threshold: wp.float64,
    gate: wp.float64,
    share: wp.int64,
    blocks: int,
    every: int,
    waiting: int,
    at_once: wp.float64,
    glancing: int,
):
    """Collapse every edge that costs no more than the threshold and strays no more than sqrt(gate).

    The vertices are cut into `blocks`; each whose turn it is is walked, of its vertices only every nth, until `share`
    triangles are gone. An edge is collapsed only where the vertices round both its ends lie in the block:
    other threads may work on other blocks, and the result does not depend on how many they are. With `waiting` only
    what asked for an edge that reaches out of its block; with `glancing` each vertex is glanced at first. One kernel
    for all, so that `visit` is compiled into it once: as a function, called, it would copy `m` each time."""
    vertices = wp.int64(m.head.shape[0])
    block = take_turn(m.turn)
    while block < blocks:
        low = int(vertices * wp.int64(block) / wp.int64(blocks))
        high = int(vertices * wp.int64(block + 1) / wp.int64(blocks))
        enough = get(m.counts, 0) - share
        bits = waiting * WAITING
        v = first_wanted(low, high, every, m.key, threshold, m.kind, bits)
        while v < high:
            put(m.kind, v, wp.int8(int(get(m.kind, v)) & ~bits))
            if get(m.counts, 0) > enough:
                visit(m, v, threshold, gate, at_once, glancing, low, high)
            v = first_wanted(v + every, high, every, m.key, threshold, m.kind, bits)
        block = take_turn(m.turn)
