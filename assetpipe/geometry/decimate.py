"""Scene, targets -> one Scene for each target, out of a single descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from assetpipe.asset import Scene
from assetpipe.geometry.join import Joined, join
from assetpipe.geometry.morphs import drop_morphs, has_morphs
from assetpipe.geometry.parts import Bools, crowded_out, find_pieces, unseen, without
from assetpipe.geometry.split import split
from assetpipe.geometry.surface import Copy, Surface, Target
from assetpipe.geometry.transforms import drawn_triangles
from assetpipe.geometry.trim import trim_attributes


@dataclass(frozen=True, eq=False)
class Decimated:
    """One level's shape."""

    scene: Scene
    error: float
    """Metres: the decimator's own estimate of how far the surface strays."""
    notes: tuple[str, ...] = ()
    """What had to be given up, one sentence each."""


def decimate(scene: Scene, targets: Sequence[Target]) -> list[Decimated]:
    """`targets` from fine to coarse. A scene that meets all of them as it is comes back as it is; morph targets live on
    in the finest level only; points and lines are left alone."""
    if all(_is_met(scene, target) for target in targets):
        return [_morphless(Decimated(scene, 0.0), at) for at in range(len(targets))]
    trimmed = trim_attributes(scene)
    joined = join(trimmed.scene)
    if joined is None:
        return [_morphless(Decimated(scene, 0.0), at) for at in range(len(targets))]
    levels = _levels(joined, targets)
    return [_morphless(replace(level, notes=(*trimmed.notes, *level.notes)), at) for at, level in enumerate(levels)]


def _is_met(scene: Scene, target: Target) -> bool:
    return target.error <= 0 and drawn_triangles(scene) <= target.triangles


def _morphless(level: Decimated, at: int) -> Decimated:
    if at == 0 or not has_morphs(level.scene):
        return level
    return replace(level, scene=drop_morphs(level.scene), notes=(*level.notes, "morph targets dropped"))


def _levels(joined: Joined, targets: Sequence[Target]) -> Iterator[Decimated]:
    from assetpipe.geometry.kernels.collapse import collapse  # compiled on first use

    pieces = find_pieces(joined.surface)
    crowded = [crowded_out(pieces, target.triangles) for target in targets]
    for group in _descents(crowded):
        start = without(joined.surface, pieces, crowded[group[0]])
        for at, copy in zip(group, collapse(start, [targets[at] for at in group]), strict=True):
            small = unseen(pieces, 2 * targets[at].error) & ~crowded[at]
            surface = without(copy.surface, pieces, small)
            notes = _notes(surface, targets[at], int(small.sum()), int(crowded[at].sum()))
            yield _level(joined, replace(copy, surface=surface), notes, 2 * targets[at].error)


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
    return Decimated(split(joined, copy.surface, pixel=pixel), copy.error, notes)
