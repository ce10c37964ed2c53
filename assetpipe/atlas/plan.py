"""Scene -> Plan: which materials become one, where each patch of theirs goes, and why, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Scene
from assetpipe.atlas.groups import group_materials
from assetpipe.atlas.layout import Layout, gather, lay_out, sizes
from assetpipe.atlas.lookups import Pictures
from assetpipe.atlas.outlines import Outline, mesh_scales, outline
from assetpipe.atlas.paints import Paints, mix_paints
from assetpipe.config import Textures


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


@dataclass(frozen=True, eq=False)
class Plan:
    atlases: tuple[Atlas, ...]
    notes: tuple[str, ...] = ()


def plan_atlas(scene: Scene, settings: Textures, levels: Sizes, pictures: Pictures) -> Plan:
    if settings.atlas == "never":
        return Plan(())
    groups = group_materials(scene)
    atlases, notes = [], []
    for group in groups.mergeable:
        atlas, said = _plan_group(scene, group, settings, levels, pictures)
        notes += said
        if atlas:
            atlases.append(atlas)
    if len(groups.alone) + sum(map(len, groups.mergeable)) > 1:
        notes += [f"{_name(scene, at)} keeps its own maps: {why}" for at, why in sorted(groups.alone.items())]
    return Plan(tuple(atlases), tuple(notes))


def _plan_group(
    scene: Scene, group: Sequence[int], settings: Textures, levels: Sizes, pictures: Pictures
) -> tuple[Atlas | None, list[str]]:
    """Drops the material that costs most until the rest is sharp enough."""
    notes: list[str] = []
    left, scales = list(group), mesh_scales(scene)
    while len(left) > 1:
        paints = mix_paints(scene, left, pictures)
        outlines = tuple(outline(scene, paint, levels.finest, scales) for paint in paints.members)
        layout = _lay_out(outlines, settings, levels)
        blurred = _blurred(outlines, layout, settings)
        if blurred is None:
            return Atlas(paints, outlines, layout), [*notes, _told(scene, left, layout)]
        at, loss, growth = blurred
        notes.append(_kept_apart(scene, left[at], loss, growth))
        del left[at]
    return None, notes


def _lay_out(outlines: Sequence[Outline], settings: Textures, levels: Sizes) -> Layout:
    patches = gather(outlines)
    texels = settings.atlas_growth * sum(_own_texels(outlines).values())
    side = 1 << (levels.finest.bit_length() - 1)
    return lay_out(patches, list(sizes(side, texels)), levels.coarsest)


def _own_texels(outlines: Sequence[Outline]) -> dict[int, float]:
    """Of the finest map of each member, as the finest level would show it; a map that members share counts once."""
    found: dict[int, float] = {}
    for each in outlines:
        if each.paint.lookups:
            finest = each.paint.lookups[0]
            found[finest.image] = finest.size[0] * finest.size[1] * each.finest**2
    return found


def _blurred(outlines: Sequence[Outline], layout: Layout, settings: Textures) -> tuple[int, float, float] | None:
    """Of the members that lost more sharpness than they may, the one that takes most texels: where it stands, how many
    times coarser it got, and how many times its own map's texels it would take unwrapped."""
    worst: tuple[int, float, float] | None = None
    most = 0.0
    for at, each in enumerate(outlines):
        if not each.paint.lookups or settings.atlas == "always":
            continue
        own = layout.scale[layout.first[at] : layout.first[at + 1]]
        wanted = float(each.texels.sum())
        kept = float((own**2 * each.texels).sum())
        loss = each.finest * float(np.sqrt(wanted / kept)) if kept > 0 else 1.0
        size = each.paint.lookups[0].size
        if loss > settings.atlas_loss and wanted > most:
            worst, most = (at, loss, wanted / (size[0] * size[1])), wanted
    return worst


def _name(scene: Scene, at: int) -> str:
    return scene.materials[at].name or f"material {at}"


def _told(scene: Scene, members: Sequence[int], layout: Layout) -> str:
    names = ", ".join(_name(scene, at) for at in members)
    width, height = layout.size
    return (
        f"{len(members)} materials share one atlas of {width} x {height}, {layout.fill:.0%} full: {names}; "
        f"padding holds down to 1/{layout.cell} of its size"
    )


def _kept_apart(scene: Scene, at: int, loss: float, growth: float) -> str:
    tiled = f"its tiling maps would take {growth:.0f} times their texels" if growth > 1.5 else "it has the most texels"
    return f"{_name(scene, at)} keeps its own maps: in one atlas it would be {loss:.1f} times coarser, {tiled}"
