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

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import warp as wp

from assetpipe.geometry.kernels.founding import found
from assetpipe.geometry.kernels.pieces import drop_pieces
from assetpipe.geometry.kernels.records import AREA, DEAD, LATER, NEVER
from assetpipe.geometry.kernels.state import Array, State, as_mesh, compact, extract, lay_out, with_own_scratch
from assetpipe.geometry.kernels.sweep import sweep
from assetpipe.geometry.surface import Copy, Surface, Target
from assetpipe.kernels import load

STRAY = 2.0
"""Largest distance of a smooth surface from its decimated form, over the kernel's rms distance to planes."""
NOISE = 1e-5**2
"""Squared, of the extent: how far the planes of small float32 triangles on one plane stray from it at its other end."""
SAMPLE = 8192
LAST_STAGE = 4
PATIENCE = 3
"""Sweeps that each bring the budget nearer by less than a fiftieth before the next stage begins: waiting until nothing
is left would ruin the few places that may still collapse."""
FARTHEST = 100.0
"""Squared, of the extent: no estimate goes beyond."""
SHORT = 1e-9  # as in quadrics.py
LARGE = 20_000
"""Triangles up to which every edge is tried before the error ends a level; beyond, one idle sweep says enough."""
ALONE = 20_000
"""Vertices below which a second thread is not worth its start."""
CLOCK_LIMIT = 1 << 30


@dataclass(frozen=True)
class Rules:
    stage: int
    gate: float
    """Squared internal length: a collapse that strays farther is refused."""
    enough: int
    """Triangles drawn at which the sweeps stop."""


def collapse(surface: Surface, targets: Sequence[Target]) -> list[Copy]:
    """Targets come fine to coarse. Each level has the fewest triangles within its error, and never more than it may."""
    load("assetpipe.geometry.kernels.sweep")
    load("assetpipe.geometry.kernels.founding")
    state = lay_out(surface)
    _found(state)
    copies = []
    for target in targets:
        state = _descend(state, target)
        error = STRAY * float(np.sqrt(state.arrays["worst"][0])) / state.scale
        copies.append(Copy(extract(state, surface), error, state.drawn <= target.triangles))
    return copies


def _found(state: State) -> None:
    """In as many threads as there are cores, up to four; the result does not depend on how many."""
    vertices = len(state.keys)
    threads = max(1, min(4, len(os.sched_getaffinity(0)), vertices // ALONE))
    cuts = [vertices * at // threads for at in range(threads + 1)]
    meshes = [as_mesh(with_own_scratch(state), 1) for _ in range(threads)]

    def work(at: int) -> None:
        wp.launch(found, dim=1, inputs=[meshes[at], cuts[at], cuts[at + 1]], device="cpu")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def _descend(state: State, target: Target) -> State:
    """First as far as the error allows, then on until the budget is met."""
    gate = (max(target.error, 0.0) * state.scale / STRAY) ** 2 + NOISE
    state = _exhaust(state, Rules(1, gate, 0))
    for stage in range(2, LAST_STAGE + 1):
        if state.drawn > target.triangles:
            state = _exhaust(state, Rules(stage, NEVER, target.triangles))
    if state.drawn > target.triangles:
        state = drop_pieces(state, target.triangles)
    return state


def _exhaust(state: State, rules: Rules) -> State:
    """Sweeps under a rising threshold until enough triangles are left or nothing more collapses."""
    threshold, typical = _first_thresholds(state, rules)
    slow = 0
    while state.drawn > rules.enough:
        before = state.drawn
        _sweep(state, rules, threshold)
        fell = before - state.drawn
        slow = slow + 1 if fell * 50 <= before - rules.enough else 0
        idle = fell * 1000 <= before and (threshold >= NEVER or before > LARGE)
        if threshold >= typical and _is_over(rules, slow, idle):
            break
        state = _tidy(state)
        far = 8.0 if slow else state.drawn / max(rules.enough, 1)
        threshold = _next_threshold(state, threshold, far) if threshold < _ceiling(state, rules) else NEVER
    _forget(state.keys, threshold)
    return _tidy(state)


def _is_over(rules: Rules, slow: int, idle: bool) -> bool:
    return idle if rules.gate < NEVER or rules.stage == LAST_STAGE else slow >= PATIENCE


def _sweep(state: State, rules: Rules, threshold: float, step: int = 1) -> None:
    inputs = [as_mesh(state, rules.stage), threshold, rules.gate, rules.enough, step]
    wp.launch(sweep, dim=1, inputs=inputs, device="cpu")


def _first_thresholds(state: State, rules: Rules) -> tuple[float, float]:
    """What the cheapest of twenty edges and what the median one costs, by a sample."""
    step = max(1, len(state.keys) // SAMPLE)
    _sweep(state, rules, 0.0, step)
    keys = state.keys[::step]
    keys = keys[(keys > 0) & (keys < NEVER)]
    return (float(np.quantile(keys, 0.05)), float(np.quantile(keys, 0.5))) if len(keys) else (NEVER, NEVER)


def _next_threshold(state: State, threshold: float, far: float) -> float:
    """Four times as much while far from the goal, 1.3 times near it; over a gap in the costs in one step."""
    waiting = state.keys[(state.keys > threshold) & (state.keys < NEVER)]
    if len(waiting) == 0:
        return NEVER
    factor = 4.0 if far >= 8 else 2.0 if far > 2 else 1.3
    return max(threshold * factor, float(waiting.min()))


def _ceiling(state: State, rules: Rules) -> float:
    """No edge within the gate costs more: area times squared error, and a little for its length."""
    area = float(state.arrays["record"][:, AREA].max(initial=0.0))
    return 8.0 * area * (min(rules.gate, FARTHEST) + SHORT * FARTHEST)


def _tidy(state: State) -> State:
    """Without the dead once they are the most; with a clock that has room."""
    if np.count_nonzero(state.alive) * 2 < len(state.face):
        return compact(state)
    if state.arrays["counts"][2] > CLOCK_LIMIT:
        state.arrays["slot"].fill(-1)
        state.arrays["counts"][2] = 0
    return state


def _forget(keys: Array, threshold: float) -> None:
    """Vertices with edges that were refused are to be weighed anew under other rules. The others' keys hold."""
    keys[(keys <= np.float32(LATER * threshold)) | ((keys >= NEVER) & (keys < DEAD))] = 0.0
