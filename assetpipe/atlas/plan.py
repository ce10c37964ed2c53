"""Scene -> Plan: which materials become one, where each patch of theirs goes, and why, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Scene
from assetpipe.atlas.colourways import partings
from assetpipe.atlas.groups import Groups, group_materials
from assetpipe.atlas.layout import gather, lay_out, sizes
from assetpipe.atlas.looks import Atlas, cut, mix_looks, subjects
from assetpipe.atlas.lookups import Doubles, Pictures
from assetpipe.atlas.outlines import Outline, outline, parts_of
from assetpipe.atlas.worth import draw_calls, texels_freed, texels_of
from assetpipe.config import Textures
from assetpipe.transforms import mesh_scales
from assetpipe.worn import Worn

NAMED = 4
FEW = 16
"""Members that are dropped one by one; of more, one in so many at once: 300 with maps of 1024² each were planned in
40 s of CPU one by one, and in 9."""


@dataclass(frozen=True)
class Sizes:
    """Longest sides of the levels' pictures, and what is seen of them."""

    finest: int
    coarsest: int
    pixel: float = 0.0
    """Metres that a pixel of the coarsest level's screen spans; 0: finer than any texel."""


@dataclass(frozen=True, eq=False)
class Plan:
    atlases: tuple[Atlas, ...]
    notes: tuple[str, ...] = ()


def plan_atlas(
    scene: Scene, settings: Textures, levels: Sizes, pictures: Pictures, tiled: Collection[Worn] = ()
) -> Plan:
    """`tiled`: members that are cut along their tiles."""
    if settings.atlas == "never":
        return Plan(())
    groups = group_materials(scene)
    chooser = Chooser(scene, settings, levels, pictures, tiled)
    plans = [_plan_group(chooser, group) for group in groups.mergeable]
    if len(groups.alone) + sum(map(len, groups.mergeable)) > 1:
        plans.append(Plan((), tuple(_left_alone(scene, groups))))
    return _together(plans)


def _together(plans: Sequence[Plan]) -> Plan:
    atlases = (atlas for plan in plans for atlas in plan.atlases)
    return Plan(tuple(atlases), tuple(note for plan in plans for note in plan.notes))


@dataclass(frozen=True, eq=False)
class Chooser:
    """What every choice depends on."""

    scene: Scene
    settings: Textures
    levels: Sizes
    pictures: Pictures
    tiled: Collection[Worn]

    def name(self, worn: Worn) -> str:
        return name_of(self.scene, worn)

    def worth(self, atlas: Atlas) -> float:
        """Texels that it spares, with what draw calls count."""
        return draws_saved(self, atlas) * self.settings.atlas_draw_texels - texels_added(self, atlas)


def name_of(scene: Scene, worn: Worn) -> str:
    """Of the first looks."""
    names = [scene.materials[at].name or f"material {at}" for at in dict.fromkeys(worn)]
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return " / ".join([*names[:NAMED], *more])


def draws_saved(chooser: Chooser, atlas: Atlas) -> int:
    return draw_calls(chooser.scene) - draw_calls(chooser.scene, atlas.members)


def texels_added(chooser: Chooser, atlas: Atlas) -> int:
    freed = texels_freed(chooser.scene, atlas.members, chooser.pictures, chooser.levels.finest)
    return texels_of(atlas) - freed


def _plan_group(chooser: Chooser, group: Sequence[Worn]) -> Plan:
    """What changes in variants unlike its neighbours makes all of them be painted once for each look: it has an atlas
    of its own, or none, where that is worth more."""
    if chooser.settings.atlas == "always":
        return _plan_atlas(chooser, group)
    plans = [_plan_parts(chooser, parts) for parts in partings(chooser.scene, group, chooser.pictures)]
    values = [sum(map(chooser.worth, plan.atlases)) for plan in plans]
    return plans[values.index(max(values))]


def _plan_parts(chooser: Chooser, parts: Sequence[Sequence[Worn]]) -> Plan:
    lone = [worn for part in parts for worn in part if len(part) == 1]
    notes = (
        f"{chooser.name(worn)} keeps its own maps: no other material changes as it does in the variants, and in one "
        "atlas with those that change otherwise each look would take pictures of its own"
        for worn in lone
    )
    return _together([*(_plan_atlas(chooser, part) for part in parts if len(part) > 1), Plan((), tuple(notes))])


def _plan_atlas(chooser: Chooser, group: Sequence[Worn]) -> Plan:
    scene, parts = chooser.scene, parts_of(chooser.scene)
    scales = mesh_scales(scene)
    every = subjects(group, mix_looks(scene, group, chooser.pictures))
    known = [cut(each) if each.worn in chooser.tiled else each for each in every]
    drawn = {each.worn: outline(each, parts[each.worn], chooser.levels.finest, scales) for each in known}
    reason = "keeps its own maps: in one set of UVs its halves share texels, in another they do not"
    notes = tuple(f"{chooser.name(worn)} {reason}" for worn, each in drawn.items() if each.frame.folded)
    whole = [worn for worn in group if not drawn[worn].frame.folded]
    return _together([Plan((), notes), _plan_drawn(chooser, whole, drawn)])


def _plan_drawn(chooser: Chooser, group: Sequence[Worn], drawn: Mapping[Worn, Outline]) -> Plan:
    """Drops the member that takes most texels (of hundreds, some at a time) until the rest is sharp enough, and worth
    it. Of more patches than any sheet has room for each half has one of its own."""
    notes: list[str] = []
    left, scene = list(group), chooser.scene
    while len(left) > 1:
        outlines = tuple(drawn[worn] for worn in left)
        side = 1 << (chooser.levels.finest.bit_length() - 1)
        layout = lay_out(gather(outlines), sizes(side), chooser.levels.coarsest, chooser.levels.pixel)
        if layout is None:
            halves = [_plan_drawn(chooser, half, drawn) for half in (left[: len(left) // 2], left[len(left) // 2 :])]
            return _together([Plan((), tuple(notes)), *halves])
        atlas = Atlas(mix_looks(scene, left, chooser.pictures), outlines, layout)
        faults = _too_coarse(chooser, atlas) or _too_dear(chooser, atlas)
        if not faults:
            return Plan((atlas,), (*notes, _told(chooser, atlas)))
        dropped = dict(faults[: max(1, len(left) // FEW)])
        notes += dropped.values()
        left = [worn for at, worn in enumerate(left) if at not in dropped]
    return Plan((), tuple(notes))


Faults = list[tuple[int, str]]
"""Members that had better go, that which takes most texels first, and what to say of each."""


def _too_coarse(chooser: Chooser, atlas: Atlas) -> Faults:
    """Those that lost more sharpness than they may."""
    if chooser.settings.atlas == "always":
        return []
    losses = {at: _loss(each, atlas.own(at)) for at, each in enumerate(atlas.outlines)}
    wanted = [float(each.texels.sum()) for each in atlas.outlines]
    worst = sorted((at for at in losses if losses[at] > chooser.settings.atlas_loss), key=lambda at: -wanted[at])
    limit = f"{chooser.settings.atlas_loss:g} is the limit (atlas_loss)"
    reasons = {at: f"in one atlas they would be {losses[at]:.1f} times coarser, {limit}" for at in worst}
    return [(at, _kept(chooser, atlas.outlines[at], reason)) for at, reason in reasons.items()]


def _loss(outline: Outline, scale: Doubles) -> float:
    """How many times coarser than the finest level would have it."""
    wanted, kept = float(outline.texels.sum()), float((scale**2 * outline.texels).sum())
    return outline.finest * float(np.sqrt(wanted / kept)) if outline.lookups and kept > 0 else 1.0


def _too_dear(chooser: Chooser, atlas: Atlas) -> Faults:
    """All, where the draw calls saved are not worth the texels that all of it takes."""
    saved, extra = draws_saved(chooser, atlas), texels_added(chooser, atlas)
    if chooser.settings.atlas == "always" or (saved and extra <= saved * chooser.settings.atlas_draw_texels):
        return []
    own = [float((atlas.own(at) ** 2 * each.texels).sum()) for at, each in enumerate(atlas.outlines)]
    worst = sorted(range(len(own)), key=lambda at: -own[at])
    calls = f"{saved} draw call{'s'[: saved != 1]}"
    worth = f"{chooser.settings.atlas_draw_texels / 1e6:g} million (atlas_draw_texels)"
    reason = (
        f"an atlas with them saves {calls} and costs {extra / 1e6:.1f} million texels, and a call is worth {worth}"
        if saved
        else ("an atlas with them saves no draw call")
    )
    return [(at, _kept(chooser, atlas.outlines[at], reason)) for at in worst]


def _kept(chooser: Chooser, outline: Outline, reason: str) -> str:
    lookups = outline.lookups
    unrolled = lookups and not outline.is_tile
    growth = float(outline.texels.sum()) / np.prod(lookups[0].size) if unrolled else 0.0
    tiled = f" (unrolled, its tiling maps take {growth:.0f} times their texels)" if growth > 1.5 else ""
    return f"{chooser.name(outline.subject.worn)} keeps its own maps: {reason}{tiled}"


def _told(chooser: Chooser, atlas: Atlas) -> str:
    names = ", ".join(chooser.name(worn) for worn in atlas.members)
    (width, height), layout, looks = atlas.layout.size, atlas.layout, len(atlas.looks.each)
    count = len({at for worn in atlas.members for at in worn})
    shared = "one atlas"
    if looks > 1:
        by_factor = len(atlas.pictures) == len({sheet.name for _, sheet in atlas.pictures.values()})
        apart = f"{looks} atlases, one for each look of the variants,"
        shared = f"one atlas, with factors of its own for each of {looks} looks," if by_factor else apart
    return (
        f"{count} materials share {shared} of {width} x {height}, {layout.fill:.0%} full, "
        f"padding for mip levels down to 1/{layout.cell}: {names}"
    )


def _left_alone(scene: Scene, groups: Groups) -> list[str]:
    """One sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for at, why in sorted(groups.alone.items()):
        reasons.setdefault(why, []).append(scene.materials[at].name or f"material {at}")
    return [f"kept as they are, because {why}: {', '.join(names)}" for why, names in reasons.items()]
