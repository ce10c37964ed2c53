"""Scene, targets -> one Scene for each target, out of a single descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Scene
from assetpipe.geometry.join import Joined, join
from assetpipe.geometry.morphs import drop_morphs, has_morphs
from assetpipe.geometry.parts import Pieces, find_pieces, unseen, without
from assetpipe.geometry.split import split
from assetpipe.geometry.surface import Copy, Target
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
    gone = np.zeros(len(pieces.diameters), bool)
    for copy, target in zip(collapse(joined.surface, targets), targets, strict=True):
        gone = gone | unseen(pieces, 2 * target.error)
        yield _level(joined, copy, target, pieces, gone)


def _level(joined: Joined, copy: Copy, target: Target, pieces: Pieces, gone: np.ndarray) -> Decimated:
    surface = without(copy.surface, pieces, gone)
    if len(surface.corners) == len(joined.surface.corners):
        return Decimated(joined.scene, 0.0)
    notes = []
    if gone.any():
        notes.append(f"{int(gone.sum()):,} parts smaller than a pixel left out")
    if surface.drawn > target.triangles:
        notes.append(f"{target.triangles:,} triangles asked, {surface.drawn:,} left: nothing more can be collapsed")
    return Decimated(split(joined, surface), copy.error, tuple(notes))
