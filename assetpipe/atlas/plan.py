"""Scene -> Plan: which materials become one, where each patch of theirs goes, and why, in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Scene
from assetpipe.atlas.groups import Groups, group_materials
from assetpipe.atlas.layout import Layout, gather, lay_out, sizes
from assetpipe.atlas.lookups import Doubles, Pictures
from assetpipe.atlas.outlines import Outline, outline
from assetpipe.atlas.paints import Paints, mix_paints
from assetpipe.atlas.worth import draw_calls, texels_freed, texels_of
from assetpipe.config import Textures
from assetpipe.transforms import mesh_scales


@dataclass(frozen=True)
class Sizes:
    """Longest sides of the levels' pictures."""

    finest: int
    coarsest: int


@dataclass(frozen=True, eq=False)
class Atlas:
    """One group of materials, and its layout."""

    paints: Paints
    outlines: tuple[Outline, ...]
    layout: Layout

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(paint.material for paint in self.paints.members)

    def own(self, at: int) -> Doubles:
        """The scales of a member's patches."""
        return self.layout.scale[self.layout.first[at] : self.layout.first[at + 1]]


@dataclass(frozen=True, eq=False)
class Plan:
    atlases: tuple[Atlas, ...]
    notes: tuple[str, ...] = ()


def plan_atlas(
    scene: Scene, settings: Textures, levels: Sizes, pictures: Pictures, tiled: Collection[int] = ()
) -> Plan:
    """`tiled`: materials that are cut along their tiles."""
    if settings.atlas == "never":
        return Plan(())
    groups = group_materials(scene)
    atlases, notes = [], []
    for group in groups.mergeable:
        atlas, said = _plan_group(Chooser(scene, settings, levels, pictures, tiled), group)
        notes += said
        if atlas:
            atlases.append(atlas)
    if len(groups.alone) + sum(map(len, groups.mergeable)) > 1:
        notes += _left_alone(scene, groups)
    return Plan(tuple(atlases), tuple(notes))


@dataclass(frozen=True, eq=False)
class Chooser:
    """What every choice depends on."""

    scene: Scene
    settings: Textures
    levels: Sizes
    pictures: Pictures
    tiled: Collection[int]

    def name(self, at: int) -> str:
        return self.scene.materials[at].name or f"material {at}"


def _plan_group(chooser: Chooser, group: Sequence[int]) -> tuple[Atlas | None, list[str]]:
    """Drops the material that takes most texels until the rest is sharp enough, and worth it."""
    notes: list[str] = []
    left, scene = list(group), chooser.scene
    scales = mesh_scales(scene)
    drawn = {
        paint.material: outline(scene, paint, chooser.levels.finest, scales, chooser.tiled)
        for paint in mix_paints(scene, left, chooser.pictures).members
    }
    while len(left) > 1:
        paints = mix_paints(scene, left, chooser.pictures)
        outlines = tuple(replace(drawn[paint.material], paint=paint) for paint in paints.members)
        side = 1 << (chooser.levels.finest.bit_length() - 1)
        atlas = Atlas(paints, outlines, lay_out(gather(outlines), sizes(side), chooser.levels.coarsest))
        fault = _too_coarse(chooser, atlas) or _too_dear(chooser, atlas)
        if fault is None:
            return atlas, [*notes, _told(chooser, atlas)]
        notes.append(fault[1])
        del left[fault[0]]
    return None, notes


def _too_coarse(chooser: Chooser, atlas: Atlas) -> tuple[int, str] | None:
    """Of the members that lost more sharpness than they may, the one that takes most texels, and what to say of it."""
    if chooser.settings.atlas == "always":
        return None
    losses = [_loss(each, atlas.own(at)) for at, each in enumerate(atlas.outlines)]
    wanted = [float(each.texels.sum()) for each in atlas.outlines]
    worst = max(range(len(losses)), key=lambda at: (losses[at] > chooser.settings.atlas_loss, wanted[at]))
    if losses[worst] <= chooser.settings.atlas_loss:
        return None
    reason = f"in one atlas they would be {losses[worst]:.1f} times coarser"
    return worst, _kept(chooser, atlas.outlines[worst], reason)


def _loss(outline: Outline, scale: Doubles) -> float:
    """How many times coarser than the finest level would have it."""
    wanted, kept = float(outline.texels.sum()), float((scale**2 * outline.texels).sum())
    return outline.finest * float(np.sqrt(wanted / kept)) if outline.paint.lookups and kept > 0 else 1.0


def _too_dear(chooser: Chooser, atlas: Atlas) -> tuple[int, str] | None:
    """The member that takes most texels, where the draw calls saved are not worth the texels that all of it takes."""
    scene, members = chooser.scene, atlas.members
    saved = draw_calls(scene) - draw_calls(scene, members)
    freed = texels_freed(scene, members, chooser.pictures, chooser.levels.finest)
    extra = texels_of(atlas.outlines, atlas.layout, atlas.paints.sheets) - freed
    if chooser.settings.atlas == "always" or (saved and extra <= saved * chooser.settings.atlas_draw_texels):
        return None
    own = [float((atlas.own(at) ** 2 * each.texels).sum()) for at, each in enumerate(atlas.outlines)]
    worst = max(range(len(own)), key=own.__getitem__)
    calls = f"{saved} draw call{'s'[: saved != 1]}"
    reason = (
        f"an atlas with them saves {calls} and costs {extra / 1e6:.1f} million texels"
        if saved
        else ("an atlas with them saves no draw call")
    )
    return worst, _kept(chooser, atlas.outlines[worst], reason)


def _kept(chooser: Chooser, outline: Outline, reason: str) -> str:
    lookups = outline.paint.lookups
    unrolled = lookups and not outline.is_tile
    growth = float(outline.texels.sum()) / np.prod(lookups[0].size) if unrolled else 0.0
    tiled = f" (unrolled, its tiling maps take {growth:.0f} times their texels)" if growth > 1.5 else ""
    return f"{chooser.name(outline.paint.material)} keeps its own maps: {reason}{tiled}"


def _told(chooser: Chooser, atlas: Atlas) -> str:
    names = ", ".join(chooser.name(at) for at in atlas.members)
    (width, height), layout = atlas.layout.size, atlas.layout
    return (
        f"{len(atlas.members)} materials share one atlas of {width} x {height}, {layout.fill:.0%} full, "
        f"padding for mip levels down to 1/{layout.cell}: {names}"
    )


def _left_alone(scene: Scene, groups: Groups) -> list[str]:
    """One sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for at, why in sorted(groups.alone.items()):
        reasons.setdefault(why, []).append(scene.materials[at].name or f"material {at}")
    return [f"kept as they are, because {why}: {', '.join(names)}" for why, names in reasons.items()]
