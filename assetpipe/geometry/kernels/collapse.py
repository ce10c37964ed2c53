"""Surface -> one coarser copy of it per target, by collapsing edges in one descent over the whole asset.

Quadrics with optimal placement (Garland & Heckbert 1998), wedges with linear attributes (Hoppe 1999), threshold sweeps
over vertices along a Morton curve. What may be collapsed is decided in stages; each has all rights of those before it:

1. Surfaces keep their topology; seams, open borders and borders of materials keep theirs and collapse along themselves;
   their junctions and ends stay where they are. No face turns by more than 78 degrees or flips in texture space.
2. Beyond the error that was asked for: junctions may move and curves may be joined across, at four times the cost. The
   planes that hold their curves are in their quadrics, so that a corner of a box costs more than one of a chart on a
   smooth surface; each wedge without a partner follows by its own gradient, so that a texture keeps its scale.
3. When that stalls: seams may end, holes may close, sheets may be pinched, texture triangles may flip, and soup may
   collapse, but no edge gets more than two faces, or more than it has.
4. Faces may turn by more than 78 degrees.
5. What is whole and small may vanish: connected pieces that cannot be collapsed any more, the smallest first. The last
   piece stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import warp as wp

from assetpipe.geometry.kernels.compacting import compact
from assetpipe.geometry.kernels.exhaust import HURRY, HURRY_ON, LAST_STAGE, Rules, exhaust
from assetpipe.geometry.kernels.founding import found, sum_faces
from assetpipe.geometry.kernels.laying import lay_out
from assetpipe.geometry.kernels.pieces import drop_pieces
from assetpipe.geometry.kernels.records import NEVER
from assetpipe.geometry.kernels.rest import keep, take_up, without_homes
from assetpipe.geometry.kernels.state import State, as_mesh, extract
from assetpipe.geometry.kernels.threads import both, ranges, side_by_side
from assetpipe.geometry.surface import Copy, Surface, Target
from assetpipe.kernels import load

STRAY = 2.0
"""Largest distance of a smooth surface from its decimated form, over the kernel's rms distance to planes."""
NOISE = 1e-5**2
"""Squared, of the extent: how far the planes of small float32 triangles on one plane stray from it at its other end."""
HALFWAY = 0.45
"""Of the triangles: less than half, so that the state has just been made small."""
LARGE = 100_000
"""Triangles from which on a place to go again from is worth its memory."""


def collapse(
    surface: Surface, targets: Sequence[Target], after: Copy | None = None, *, again: bool = True
) -> list[Copy]:
    """Targets come fine to coarse. Each level has the fewest triangles within its error, and never more than it may.
    `after` a finer copy of the same surface the descent goes on from there, under the surface's doubts of today.
    Not `again`: nobody will go on from these copies."""
    load("assetpipe.geometry.kernels.sweep")
    load("assetpipe.geometry.kernels.founding")
    state, stage = (_begin(surface), 1) if after is None else (take_up(after.rest, surface.doubts), after.stage)
    if not again:
        state = without_homes(state)
    halfway = None
    if again and after is None and targets[0].error > 0 and state.drawn >= LARGE:
        state = exhaust(state, replace(_within(state, targets[0]), pause=int(HALFWAY * state.drawn)))
        halfway = keep(state)
    copies: list[Copy] = []
    for target in targets:
        state = compact(_descend(state, target, HURRY if target is targets[-1] else HURRY_ON))
        stage = max(stage, state.weighed[0])
        error = STRAY * float(np.sqrt(state.arrays["worst"][0])) / state.scale
        coarse, rest = both(partial(extract, state, surface), partial(keep, state) if again else lambda: None)
        copies.append(Copy(coarse, error, state.drawn <= target.triangles, stage, rest, halfway))
        halfway = None
    return copies


def _begin(surface: Surface) -> State:
    state = lay_out(surface)
    _found(state)
    return state


def _found(state: State) -> None:
    parts = ranges(len(state.keys))
    workers = state.crew(len(parts))

    def work(thread: int) -> None:
        mesh = as_mesh(workers[thread], 1)
        wp.launch(sum_faces, dim=1, inputs=[mesh, *parts[thread]], device="cpu")
        wp.launch(found, dim=1, inputs=[mesh, *parts[thread], 0], device="cpu")

    side_by_side(work, len(parts))
    state.agree_on_clock()
    wp.launch(found, dim=1, inputs=[as_mesh(state, 1), 0, len(state.keys), 1], device="cpu")


def _within(state: State, target: Target) -> Rules:
    return Rules(1, (max(target.error, 0.0) * state.scale / STRAY) ** 2 + NOISE, 0)


def _descend(state: State, target: Target, hurry: float) -> State:
    """First as far as the error allows, then on until the budget is met. Where nothing may stray the budget comes
    first: what costs nothing goes first anyhow."""
    within = _within(state, target)
    if target.error > 0:
        return _meet(exhaust(state, within), target.triangles, hurry)
    state = _meet(state, target.triangles, hurry)
    return state if state.arrays["worst"][0] > within.gate else exhaust(state, within)


def _meet(state: State, triangles: int, hurry: float) -> State:
    for stage in range(2, LAST_STAGE + 1):
        if state.drawn > triangles:
            state = exhaust(state, Rules(stage, NEVER, triangles, hurry))
    return drop_pieces(state, triangles) if state.drawn > triangles else state
