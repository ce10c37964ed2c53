"""Surface -> one coarser copy of it per target, by collapsing edges in one descent over the whole asset.

Quadrics with optimal placement (Garland & Heckbert 1998), wedges with linear attributes (Hoppe 1999), threshold sweeps
over vertices along a Morton curve. What may be collapsed is decided in stages; each has all rights of those before it:

1. Surfaces keep their topology; seams, open borders and borders of materials keep theirs and collapse along themselves;
   their junctions and ends stay where they are. No face turns by more than 78 degrees or flips in texture space.
2. Beyond the error that was asked for: a junction may fall into another along a curve that joins them; the planes that
   hold its curves are in its quadric, so that a corner of a box costs more than one of a chart on a smooth surface.
3. When nothing more is left: seams may end and curves may be joined across (each wedge without a partner follows by its
   own gradient, so that a texture keeps its scale), holes may close, texture triangles may flip, and soup may collapse,
   but no edge gets more than two faces, or more than it has.
4. Faces may turn by more than 78 degrees.
5. What is whole and small may vanish: connected pieces that cannot be collapsed any more, the smallest first. The last
   piece stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp

from assetpipe.geometry.kernels import runtime
from assetpipe.geometry.kernels.founding import found
from assetpipe.geometry.kernels.pieces import drop_pieces
from assetpipe.geometry.kernels.records import AREA, KEY, NEVER
from assetpipe.geometry.kernels.state import State, as_mesh, compact, extract, lay_out
from assetpipe.geometry.kernels.sweep import sweep
from assetpipe.geometry.surface import Copy, Surface, Target

STRAY = 2.0
"""Largest distance of a smooth surface from its decimated form, over the kernel's rms distance to planes."""
LAST_STAGE = 4
CLOCK_LIMIT = 1 << 30


def collapse(surface: Surface, targets: Sequence[Target]) -> list[Copy]:
    """Targets come fine to coarse. Each level has the fewest triangles within its error, and never more than it may."""
    runtime.load("assetpipe.geometry.kernels.sweep")
    runtime.load("assetpipe.geometry.kernels.founding")
    state = lay_out(surface)
    wp.launch(found, dim=1, inputs=[as_mesh(state, 1)], device="cpu")
    copies = []
    for target in targets:
        state = _descend(state, target)
        error = STRAY * float(np.sqrt(state.arrays["worst"][0])) / state.scale
        copies.append(Copy(extract(state, surface), error, state.drawn <= target.triangles))
    return copies


def _descend(state: State, target: Target) -> State:
    """First as far as the error allows, then on until the budget is met."""
    gate = (max(target.error, 0.0) * state.scale / STRAY) ** 2
    state = _exhaust(state, 1, gate, 0)
    for stage in range(2, LAST_STAGE + 1):
        if state.drawn > target.triangles:
            state = _exhaust(state, stage, np.inf, target.triangles)
    if state.drawn > target.triangles:
        state = drop_pieces(state, target.triangles)
    return state


def _exhaust(state: State, stage: int, gate: float, enough: int) -> State:
    """Sweeps under a rising threshold until `enough` triangles are left or nothing more collapses."""
    state = _renew(state)
    state = _sweep(state, stage, (0.0, gate), enough)
    threshold = _first_threshold(state)
    while state.drawn > enough:
        before = state.drawn
        state = _sweep(state, stage, (threshold, gate), enough)
        fell = before - state.drawn
        if threshold >= NEVER and fell * 1000 <= before:
            break
        threshold = _next_threshold(state, threshold, (gate, enough))
        state = _tidy(state)
    return state


def _sweep(state: State, stage: int, limits: tuple[float, float], enough: int) -> State:
    threshold, gate = limits
    state.arrays["counts"][1] = state.arrays["counts"][3] = 0
    wp.launch(sweep, dim=1, inputs=[as_mesh(state, stage), threshold, min(gate, NEVER), enough], device="cpu")
    return state


def _first_threshold(state: State) -> float:
    keys = state.keys[state.keys < NEVER]
    return float(np.quantile(keys, 0.05)) if len(keys) else NEVER


def _next_threshold(state: State, threshold: float, goal: tuple[float, int]) -> float:
    """Four times as much while far from the goal, 1.3 times near it; over a gap in the costs in one step."""
    gate, enough = goal
    waiting = state.keys[(state.keys > threshold) & (state.keys < NEVER)]
    most = float(state.arrays["record"][:, AREA].max(initial=0.0)) * 2.0 * gate
    if len(waiting) == 0 or threshold > most:
        return NEVER
    far = state.drawn / max(enough, 1)
    factor = 4.0 if far > 8 else 2.0 if far > 2 else 1.3
    return max(threshold * factor, float(waiting.min()))


def _tidy(state: State) -> State:
    """Without the dead once they are the most; with a clock that has room."""
    if np.count_nonzero(state.alive) * 2 < len(state.face):
        return compact(state)
    if state.arrays["counts"][2] > CLOCK_LIMIT:
        state.arrays["slot"].fill(-1)
        state.arrays["counts"][2] = 0
    return state


def _renew(state: State) -> State:
    """Every edge is to be weighed anew: the rules or the gate have changed."""
    state = compact(state)
    state.arrays["record"][:, KEY] = 0.0
    return state
