"""Scene, targets -> one Scene for each target, out of a single descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np

from assetpipe.asset import Deviation, Scene
from assetpipe.geometry.deviation import Apart, forget_source, measure_apart
from assetpipe.geometry.doubts import Astray, find_astray, raise_doubts
from assetpipe.geometry.influences import MOST, most_joints
from assetpipe.geometry.join import Joined, join
from assetpipe.geometry.morphs import drop_morphs, has_morphs
from assetpipe.geometry.parts import Bools, Pieces, crowded_out, find_pieces, unseen, without
from assetpipe.geometry.split import split
from assetpipe.geometry.surface import Copy, Surface, Target
from assetpipe.geometry.trim import trim_attributes
from assetpipe.transforms import drawn_triangles

THREADS = 2
NONE = Deviation(0.0, 0.0)
TORN = 3
"""Stage of a descent from which on seams may end and holes may close."""
SPENT = 1.01
"""Times the allowed error: a larger estimate tells that the budget ended the descent, not the error."""
CLOSE = 1.1
"""Times the error that is allowed: what samples say of the largest distance is no more certain than that."""
ROUNDS = 4
"""Descents more, at most, for levels that were measured to stray farther than they may."""


@dataclass(frozen=True, eq=False)
class Decimated:
    """One level's shape."""

    scene: Scene
    error: float
    """Metres: the decimator's own estimate of how far the surface strays."""
    notes: tuple[str, ...] = ()
    """What had to be given up, one sentence each."""
    deviation: Deviation = NONE
    """Measured against the scene that was decimated."""
    torn: bool = False
    """Seams of textures were let go: UVs lead nowhere."""


def decimate(scene: Scene, targets: Sequence[Target]) -> list[Decimated]:
    """`targets` from fine to coarse. A scene that meets all of them as it is comes back as it is; morph targets live on
    in the finest level only; points and lines are left alone."""
    if all(_is_met(scene, target) for target in targets):
        return [_morphless(Decimated(scene, 0.0), at) for at in range(len(targets))]
    trimmed = trim_attributes(scene)
    joined = join(trimmed.scene)
    if joined is None:
        return [_morphless(Decimated(scene, 0.0), at) for at in range(len(targets))]
    levels = list(_levels(joined, targets))
    forget_source()
    return [_morphless(replace(level, notes=(*trimmed.notes, *level.notes)), at) for at, level in enumerate(levels)]


def _is_met(scene: Scene, target: Target) -> bool:
    return target.error <= 0 and drawn_triangles(scene) <= target.triangles


def _morphless(level: Decimated, at: int) -> Decimated:
    if at == 0 or not has_morphs(level.scene):
        return level
    return replace(level, scene=drop_morphs(level.scene), notes=(*level.notes, "morph targets dropped"))


@dataclass(frozen=True, eq=False)
class Attempt:
    """At a level."""

    level: Decimated
    apart: Apart | None = None
    """How far it strays, and where; None: not at all."""
    left_out: Bools | None = None
    """(pieces,) that are not there at all, so that nothing can bring them nearer."""
    copy: Copy | None = None
    """That the next level's descent may go on from."""

    @property
    def triangles(self) -> int:
        return drawn_triangles(self.level.scene)

    def __lt__(self, other: Attempt) -> bool:
        return self.level.deviation.max < other.level.deviation.max


@dataclass(frozen=True, eq=False)
class Plan:
    joined: Joined
    targets: Sequence[Target]
    pieces: Pieces
    crowded: Sequence[Bools]
    """For each target, the pieces that there are too few triangles for."""
    surface: Surface
    """That the descents start from."""


def _levels(joined: Joined, targets: Sequence[Target]) -> Iterator[Decimated]:
    pieces = find_pieces(joined.surface)
    crowded = [crowded_out(pieces, target.triangles) for target in targets]
    plan = Plan(joined, targets, pieces, crowded, joined.surface)
    finer: Attempt | None = None
    for group in _descents(crowded):
        for attempt in _settle(plan, group, finer):
            yield attempt.level
            finer = attempt


def _settle(plan: Plan, group: Sequence[int], finer: Attempt | None) -> Iterator[Attempt]:
    """Again, from the next finer level on, where levels strayed farther than they may. A finer level that has come to
    fewer triangles, by a descent of its own or by going again, serves as this one too."""
    first, after = _descend(plan, group), None
    for at in group:
        attempt = first[at]
        if finer and finer.copy and attempt.triangles > finer.triangles:
            plan, finer = _again(plan, at, _finish(plan, at, finer.copy), after)
        else:
            plan, finer = _again(plan, at, attempt, after)
            after = finer.copy
        yield finer


def _again(plan: Plan, at: int, attempt: Attempt, after: Copy | None) -> tuple[Plan, Attempt]:
    """Until the level strays no farther than it may or has no triangles to spare; and the plan with all doubts. The
    first time from halfway, as a rule far enough back: on the scan that spares two thirds of a descent."""
    best = last = attempt
    start = after or _halfway(attempt.copy)
    for _ in range(ROUNDS):
        astray = _astray(plan, at, last)
        if not len(astray.faces):
            break
        plan = replace(plan, surface=raise_doubts(plan.surface, astray))
        last, start = _descend(plan, [at], start)[at], after
        best = min(last, best)
    return plan, best


def _halfway(copy: Copy | None) -> Copy | None:
    return replace(copy, rest=copy.halfway, stage=1) if copy and copy.halfway else None


def _astray(plan: Plan, at: int, attempt: Attempt) -> Astray:
    """What more triangles could bring nearer: nothing where the budget was what ended the descent."""
    allowed = plan.targets[at].error
    done = attempt.level.deviation.max <= CLOSE * allowed or attempt.level.error >= SPENT * allowed
    if done or attempt.apart is None or attempt.left_out is None:
        return Astray(np.zeros(0, np.int64), np.zeros(0, np.float32))
    there = ~attempt.left_out[plan.pieces.of_wedge[plan.joined.surface.corners[:, 0]]]
    return find_astray(plan.joined, attempt.apart, allowed).on(there)


def _descend(plan: Plan, group: Sequence[int], after: Copy | None = None) -> dict[int, Attempt]:
    """For targets that leave out the same crowd."""
    from assetpipe.geometry.kernels.collapse import collapse  # compiled on first use

    start = without(plan.surface, plan.pieces, plan.crowded[group[0]])
    targets = [plan.targets[at] for at in group]
    copies = collapse(start, targets, after, again=any(target.error > 0 for target in targets))
    with ThreadPoolExecutor(THREADS) as pool:  # splitting and measuring are numpy and kernels: both let go of the lock
        return dict(zip(group, pool.map(partial(_finish, plan), group, copies), strict=True))


def _finish(plan: Plan, at: int, copy: Copy) -> Attempt:
    target, crowded = plan.targets[at], plan.crowded[at]
    small = unseen(plan.pieces, 2 * target.error) & ~crowded
    seen = replace(copy, surface=without(copy.surface, plan.pieces, small | crowded))
    notes = _notes(seen, target, int(small.sum()), int(crowded.sum()))
    return replace(_attempt(plan.joined, seen, notes, small | crowded, 2 * target.error), copy=copy)


def _descents(crowded: Sequence[Bools]) -> Iterator[list[int]]:
    """Levels that start from the same pieces share one descent: as a rule all of them."""
    for _, group in groupby(range(len(crowded)), key=lambda at: crowded[at].tobytes()):
        yield list(group)


def _notes(copy: Copy, target: Target, small: int, crowded: int) -> tuple[str, ...]:
    asked = f"{target.triangles:,} triangles"
    notes = (
        (small, f"{small:,} parts smaller than a pixel left out"),
        (crowded, f"the {crowded:,} smallest parts left out: {asked} are too few to draw them all"),
        (copy.stage >= TORN, f"seams of textures and open borders were let go to come down to {asked}"),
        (
            copy.surface.drawn > target.triangles,
            f"{asked} asked, {copy.surface.drawn:,} left: nothing more can be collapsed",
        ),
    )
    return tuple(note for applies, note in notes if applies)


def _attempt(joined: Joined, copy: Copy, notes: tuple[str, ...], left_out: Bools, pixel: float) -> Attempt:
    if len(copy.surface.corners) == len(joined.surface.corners):
        return Attempt(Decimated(joined.scene, 0.0, notes))
    scene = split(joined, copy.surface, pixel=pixel)
    joints = max(most_joints(part.source.attributes) for part in joined.parts)
    if joints > MOST:
        notes = (*notes, f"the four strongest of up to {joints} joints kept at each vertex")
    apart = measure_apart(joined.scene, scene)
    made = Decimated(scene, copy.error, notes, apart.deviation, torn=copy.stage >= TORN)
    return Attempt(made, apart, left_out)
