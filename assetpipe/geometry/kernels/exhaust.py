"""State, rules -> the state when nothing more may be collapsed under them: sweeps under a rising threshold.

Large states are swept in blocks of vertices, side by side, then where edges reach from block to block in fewer, larger
ones, at last in one. How many blocks there are follows from the state alone, so the result does not depend on how many
cores there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import warp as wp

from assetpipe.geometry.kernels.compacting import compact
from assetpipe.geometry.kernels.records import AREA, DEAD, LATER, NEVER
from assetpipe.geometry.kernels.state import CLOCK, Array, State, as_mesh
from assetpipe.geometry.kernels.sweep import sweep
from assetpipe.geometry.kernels.threads import side_by_side, threads_for

LAST_STAGE = 4
ALL = 1.0
PATIENCE = 3
"""Sweeps that each bring the budget nearer by less than a fiftieth before the next stage begins: waiting until nothing
is left would ruin the few places that may still collapse."""
FARTHEST = 100.0
"""Squared, of the extent: no estimate goes beyond."""
SHORT = 1e-9  # as in quadrics.py
LARGE = 20_000
"""Triangles up to which every edge is tried before the error ends a level; beyond, one idle sweep says enough."""
SAMPLE = 4096
"""Vertices that tell what edges cost before the first sweep."""
ENOUGH = 16_384
"""Keys that tell the next threshold."""
SPARSE = 64
"""Of as many vertices one tells, as a rule, that there are dearer edges."""
FAR = 8.0
"""Times the goal, of triangles: from here on what is cheap goes in any order."""
CHEAP = 5.0
"""Of the median edge, that the first sweep takes far from the goal: a quarter less is looked at than at one and a half,
and 50,000 triangles of a million stray by 0.3 to 0.5 % more."""
AT_ONCE = 0.4
"""Of the threshold, far from the goal: a vertex takes the first edge that is foreseen to cost no more, without a look
at its others. Saves 3 % of the instructions, and a rough surface strays by 0.8 % less. Not where the error ends the
descent: a rough surface would keep 5 % more triangles."""
NEAR = 2.0
"""Times the goal: from here on only every third visit ends in a join, and a glance goes before each: three levels take
3 % fewer instructions, and the bytes are the same, as a rule."""
GENTLE = 0.25
"""Of the median edge, that the first sweep takes nearer to the goal."""
HURRY = 5.0
"""Times the goal: from here on thresholds rise as for a tenth of it. Sweeps look at 14 to 19 % less; at 50,000
triangles a smooth body strays by 0.7 % more, a polished one by nothing and a rough one by 0.6 %."""
HURRY_ON = 3.0
"""The same on the way to a coarser level: three levels take 0.5 to 2.4 % fewer instructions, and those before
the last stray by 1.4 % more at most. Before the last itself a rough body would stray farther than MeshLab's."""
MOST, LEAST = 8.0, 1.2
"""What a threshold grows by from sweep to sweep."""
CAREFUL = 4.0
"""At most, where the error ends the descent: at eight times 2 to 4 % more triangles are left, at twice hardly fewer."""
BLOCK = 16_384
"""Vertices, at least, but where there are only two. Of a block's edges about one in twenty waits for its neighbours."""
SMALL = 8192
"""Vertices below which there is one block."""
WIDER = 4
"""Times as large are the blocks of the next round, which looks at what waits: of half a million vertices 30,000 in 31
blocks, of these 9,800 in 7 and 3,000 in 2."""
FEW = 64
"""Triangles to go for each block below which one walk over all is fairer than shares."""
CLOCK_LIMIT = 1 << 30
TALLIES = [0, 1, 3]
"""Of `counts`: all but the clock."""


@dataclass(frozen=True)
class Rules:
    stage: int
    gate: float
    """Squared internal length: a collapse that strays farther is refused."""
    enough: int
    """Triangles drawn at which the sweeps stop."""
    hurry: float = HURRY
    pause: int = 0
    """Triangles drawn at which to stop for a while: the same rules without it go on as if nothing had been."""


class Walk(NamedTuple):
    """What the kernel takes last."""

    share: int = 0
    blocks: int = 1
    every: int = 1
    waiting: int = 0
    at_once: float = 0.0
    glancing: int = 0


def exhaust(state: State, rules: Rules) -> State:
    """Until enough triangles are left, nothing more collapses, or it is time to pause."""
    if state.weighed == (rules.stage, rules.gate):
        threshold, typical = _raised(state, rules, slow=False), 0.0  # goes on where it stopped
    else:
        _forget(state.keys, state.threshold)
        threshold, typical = _first_thresholds(state, rules)
    slow = 0
    while state.drawn > max(rules.enough, rules.pause):
        before = state.drawn
        _sweep(state, rules, threshold)
        state = replace(state, threshold=threshold)
        fell = before - state.drawn
        slow = slow + 1 if fell * 50 <= before - rules.enough else 0
        idle = fell * 1000 <= before and (threshold >= NEVER or before > LARGE)
        if threshold >= typical and _is_over(rules, slow, idle):
            break
        state = _tidy(state)
        threshold = _raised(state, rules, slow=slow > 0)
    return replace(_tidy(state), weighed=(rules.stage, rules.gate))


def _is_over(rules: Rules, slow: int, idle: bool) -> bool:
    return idle if rules.gate < NEVER or rules.stage == LAST_STAGE else slow >= PATIENCE


def _sweep(state: State, rules: Rules, threshold: float) -> None:
    at_once = AT_ONCE * threshold if 0 < FAR * rules.enough < state.drawn else 0.0
    blocks = 2 * max(1, len(state.keys) // (2 * BLOCK)) if len(state.keys) >= SMALL else 1
    walk = Walk(at_once=at_once, glancing=int(state.drawn < NEAR * rules.enough))
    while blocks >= 2 and state.drawn - rules.enough >= FEW * blocks:
        share = (state.drawn - rules.enough) // blocks
        _sweep_blocks(state, rules, threshold, walk._replace(share=share, blocks=blocks))
        blocks, walk = max(2, blocks // WIDER) if blocks > 2 else 1, walk._replace(waiting=1)
    _sweep_whole(state, rules, threshold, walk._replace(share=state.drawn - rules.enough))


def _sweep_blocks(state: State, rules: Rules, threshold: float, walk: Walk) -> None:
    """Whoever is free takes the next block: it comes out the same."""
    workers = state.crew(threads_for(walk.blocks))
    state.arrays["turn"][0] = 0

    def work(thread: int) -> None:
        workers[thread].arrays["counts"][TALLIES] = 0
        _launch(as_mesh(workers[thread], rules.stage), rules, threshold, walk)

    side_by_side(work, len(workers))
    state.agree_on_clock()
    counts, worst = state.arrays["counts"], state.arrays["worst"]
    counts[TALLIES] += sum(worker.arrays["counts"][TALLIES] for worker in workers)
    worst[0] = max(worst[0], *(worker.arrays["worst"][0] for worker in workers))


def _sweep_whole(state: State, rules: Rules, threshold: float, walk: Walk) -> None:
    state.arrays["turn"][0] = 0
    _launch(as_mesh(state, rules.stage), rules, threshold, walk)


def _launch(mesh: Any, rules: Rules, threshold: float, walk: Walk) -> None:
    inputs = [mesh, threshold, rules.gate, *walk]
    wp.launch(sweep, dim=1, inputs=inputs, device="cpu")


def _first_thresholds(state: State, rules: Rules) -> tuple[float, float]:
    """Where to begin and what the median edge costs, by a sample."""
    step = max(1, len(state.keys) // SAMPLE)
    _sweep_whole(state, rules, 0.0, Walk(1, every=step))
    keys = state.keys[::step]
    keys = keys[(keys > 0) & (keys < NEVER)]
    if len(keys) == 0:
        return NEVER, NEVER
    low, typical = (_quantile(keys, share) for share in (0.05, 0.5))
    far = state.drawn / max(rules.enough, 1)
    return (max(low, typical * CHEAP) if far >= FAR else max(low, typical * GENTLE)), typical


def _raised(state: State, rules: Rules, *, slow: bool) -> float:
    """The threshold of the next sweep."""
    if _is_beyond_all(state, rules, state.threshold):
        return NEVER
    goal = rules.enough / 10 if state.drawn > rules.hurry * rules.enough else rules.enough
    share = ALL if slow else 1.0 - goal / max(state.drawn, 1)
    return _next_threshold(state.keys, state.threshold, share, MOST if rules.enough else CAREFUL)


def _next_threshold(keys: Array, threshold: float, share: float, most: float) -> float:
    """What as large a share of the vertices can be had for as are still to go; only some of them will be collapsed at
    once, since neighbours wait for one another. Measured against steps of fixed size: less error for the same time.
    For all of them, past what costs no more than the threshold: where that brought the goal hardly nearer. Else some of
    it may be left, of a block that has given its share."""
    costs = np.abs(keys) if share == ALL else keys[:: max(1, len(keys) // ENOUGH)]
    costs = costs[(costs > 0) & (costs < NEVER)]
    dearer = costs[costs > threshold] if share == ALL else costs
    if len(dearer) == 0:
        return NEVER if share == ALL else threshold * LEAST
    enough = min(_quantile(costs, max(share, 0.0)), threshold * most)
    return max(enough, threshold * LEAST, float(dearer.min()))


def _quantile(values: Array, share: float) -> float:
    """One of them; numpy's own, which may lie between two, takes longer than to find it."""
    at = int(share * (len(values) - 1))
    return float(np.partition(values, at)[at])


def _is_beyond_all(state: State, rules: Rules, threshold: float) -> bool:
    """Whether no edge within the gate costs more: area times squared error, and a little for its length."""
    for every in (SPARSE, 1):
        area = float(state.arrays["record"][::every, AREA].max(initial=0.0))
        if threshold < 8.0 * area * (min(rules.gate, FARTHEST) + SHORT * FARTHEST):
            return False
    return True


def _tidy(state: State) -> State:
    """Without the dead once they are the most; with clocks that have room."""
    if np.count_nonzero(state.alive) * 2 < len(state.group):
        return compact(state)
    if state.arrays["counts"][CLOCK] > CLOCK_LIMIT:
        state.arrays["slot"].fill(-1)
        for one in (state, *state.workers):
            one.arrays["counts"][CLOCK] = 0
    return state


def _forget(keys: Array, threshold: float) -> None:
    """Vertices with edges that were refused are to be weighed anew under other rules. The others' keys hold."""
    keys[(keys <= np.float32(LATER * threshold)) | ((keys >= NEVER) & (keys < DEAD))] = 0.0
