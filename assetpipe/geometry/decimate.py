"""Scene, targets -> one Scene for each target, out of a single descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from assetpipe.asset import Deviation, Scene
from assetpipe.geometry.deviation import forget_source, measure_deviation
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
class Plan:
    joined: Joined
    targets: Sequence[Target]
    pieces: Pieces
    crowded: Sequence[Bools]
    """For each target, the pieces that there are too few triangles for."""


def _levels(joined: Joined, targets: Sequence[Target]) -> Iterator[Decimated]:
    pieces = find_pieces(joined.surface)
    plan = Plan(joined, targets, pieces, [crowded_out(pieces, target.triangles) for target in targets])
    for group in _descents(plan.crowded):
        yield from _descend(plan, group)


def _descend(plan: Plan, group: Sequence[int]) -> list[Decimated]:
    """For targets that leave out the same crowd."""
    from assetpipe.geometry.kernels.collapse import collapse  # compiled on first use

    start = without(plan.joined.surface, plan.pieces, plan.crowded[group[0]])
    copies = collapse(start, [plan.targets[at] for at in group])
    with ThreadPoolExecutor(THREADS) as pool:  # splitting and measuring are numpy and kernels: both let go of the lock
        return list(pool.map(partial(_finish, plan), group, copies))


def _finish(plan: Plan, at: int, copy: Copy) -> Decimated:
    target, crowded = plan.targets[at], plan.crowded[at]
    small = unseen(plan.pieces, 2 * target.error) & ~crowded
    surface = without(copy.surface, plan.pieces, small)
    notes = _notes(surface, target, int(small.sum()), int(crowded.sum()))
    return _level(plan.joined, replace(copy, surface=surface), notes, 2 * target.error)


def _descents(crowded: Sequence[Bools]) -> Iterator[list[int]]:
    """Levels that start from the same pieces share one descent: as a rule all of them."""
    for _, group in groupby(range(len(crowded)), key=lambda at: crowded[at].tobytes()):
        yield list(group)


def _notes(surface: Surface, target: Target, small: int, crowded: int) -> tuple[str, ...]:
    asked = f"{target.triangles:,} triangles"
    notes = (
        (small, f"{small:,} parts smaller than a pixel left out"),
        (crowded, f"the {crowded:,} smallest parts left out: {asked} are too few to draw them all"),
        (surface.drawn > target.triangles, f"{asked} asked, {surface.drawn:,} left: nothing more can be collapsed"),
    )
    return tuple(note for applies, note in notes if applies)


def _level(joined: Joined, copy: Copy, notes: tuple[str, ...], pixel: float) -> Decimated:
    if len(copy.surface.corners) == len(joined.surface.corners):
        return Decimated(joined.scene, 0.0, notes)
    scene = split(joined, copy.surface, pixel=pixel)
    joints = max(most_joints(part.source.attributes) for part in joined.parts)
    if joints > MOST:
        notes = (*notes, f"the four strongest of up to {joints} joints kept at each vertex")
    return Decimated(scene, copy.error, notes, measure_deviation(joined.scene, scene))
