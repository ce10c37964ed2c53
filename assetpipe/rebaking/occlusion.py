"""Source, its levels -> the levels with ambient occlusion, cast from the source, each material's in a map of its own.

Only where the author has painted none; where his map leaves charts white, as merged materials' do, the darker of both.
What is seen through neither casts nor gets any. The map lies in UVs in which every triangle has texels of its own;
other maps go on tiling in theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from assetpipe.asset import Array, Material, Primitive, Scene
from assetpipe.baking import BakeRequest, Occlusion, Staged, bake, stage_source
from assetpipe.baking.occlusion import NAME
from assetpipe.geometry import Decimated, drawn_triangles, scene_bounds
from assetpipe.geometry.sights import MOST
from assetpipe.lossless import lossless
from assetpipe.queries.device import Device
from assetpipe.rebaking.dressing import SAMPLER, shown, with_material, with_own_materials
from assetpipe.rebaking.gutters import area
from assetpipe.rebaking.laying import Place, Sheet, as_baked, find_place, make_room
from assetpipe.rebaking.maps import with_pictures
from assetpipe.rebaking.painted import Painted, find_painted
from assetpipe.rebaking.placed import Point, first_copies, is_solid, materials_of, occluders
from assetpipe.rebaking.plan import REACH
from assetpipe.rebaking.stage import bonds
from assetpipe.rebaking.surfaces import keys_of
from assetpipe.rebaking.tiles import REPEAT
from assetpipe.textures import TextureCache
from assetpipe.worn import Key, Worn

SAMPLES = 4
"""Of a texel, which share its rays: the edges of what darkens are as soft as it is large."""
LIGHT = 250
"""A map without a darker byte shows nothing."""
UNLIT = "KHR_materials_unlit"
UNBAKED = "no ambient occlusion baked, for"
KEPT = "keeps the ambient occlusion of its author"
Outcome = tuple[Decimated, str]
"""A level, and what was done, in words."""


@dataclass(frozen=True)
class AskedOcclusion:
    """Of all levels."""

    px: Sequence[int]
    """Sides of the levels' pictures, in their order."""
    pixels: Sequence[float]
    """Metres that a pixel of each level's screen spans."""
    device: Device
    cast: Occlusion = field(default_factory=Occlusion)


@dataclass(frozen=True, eq=False)
class Sky:
    """What stands under it, and how it is looked at."""

    source: Scene
    asked: AskedOcclusion

    @cached_property
    def centre(self) -> Point:
        return scene_bounds(self.source).centre

    @cached_property
    def staged(self) -> Staged:
        """When first asked for: where all maps are authors' nobody asks."""
        return stage_source(occluders(self.source, self.centre), (), self.asked.device)


def occlude(source: Scene, levels: Sequence[Decimated], asked: AskedOcclusion, cache: TextureCache) -> list[Decimated]:
    """`levels` as `rebake` leaves them."""
    drawn = drawn_triangles(source)
    if drawn > MOST:
        why = f"{UNBAKED} {drawn:,} triangles are drawn, more than {MOST:,}"
        return [replace(level, notes=(*level.notes, why)) for level in levels]
    sky = Sky(source, asked)
    sheets = [Sheet(px, pixel) for px, pixel in zip(asked.px, asked.pixels, strict=True)]
    return [_occluded(level, sky, sheet, cache) for level, sheet in zip(levels, sheets, strict=True)]


def _occluded(level: Decimated, sky: Sky, sheet: Sheet, cache: TextureCache) -> Decimated:
    said: dict[str, list[str]] = {}
    for worn in shown(level.scene):
        name = " / ".join(each.name or "what has no name" for each in materials_of(level.scene, worn))
        why = _left_alone(level.scene, worn)
        if not why:
            level, why = _shaded(level, worn, (sky, sheet), cache)
        said.setdefault(why, []).append(name)
    notes = [f"{', '.join(names)}: {why}" for why, names in said.items()]
    return replace(level, notes=(*level.notes, *notes))


def _left_alone(scene: Scene, worn: Worn) -> str:
    """Why none of these materials gets a map; "" where one does."""
    materials = materials_of(scene, worn)
    if not all(map(is_solid, materials)):
        return f"{UNBAKED} it is seen through"
    if all(UNLIT in each.json.get("extensions", {}) for each in materials):
        return f"{UNBAKED} no light falls on it"
    bond = next(bonds(scene, list(dict.fromkeys(worn))), "")
    return f"no ambient occlusion baked because {bond}" if bond else ""


def _lacks_one(material: Material) -> bool:
    return "occlusionTexture" not in material.json and UNLIT not in material.json.get("extensions", {})


def _shaded(level: Decimated, worn: Worn, how: tuple[Sky, Sheet], cache: TextureCache) -> Outcome:
    (scene, worn), (sky, sheet) = with_own_materials(level.scene, worn), how
    keys, materials = keys_of(scene, worn), materials_of(scene, worn)
    painted = None
    if not any(map(_lacks_one, materials)):
        painted = find_painted(scene, _at(scene, keys), materials, cache)
        if not painted:
            return level, KEPT
    place = find_place(_at(scene, keys), materials)
    metres = area(first_copies(scene, _at(scene, keys), None, sky.centre))
    room = make_room(scene, worn[0], _at(scene, keys), place, (metres, sheet))
    scene, own = room.scene, as_baked(_at(room.scene, keys), place)
    distance = REACH * level.deviation.max
    request = BakeRequest(room.px, distance, samples=SAMPLES, gutter=room.gutter, occlusion=sky.asked.cast)
    texels = bake(sky.staged, first_copies(scene, own, place.uv_set, sky.centre), request).maps["occlusion"]
    if texels.min() >= LIGHT:
        return level, f"{UNBAKED} nothing shades it"
    if painted:
        texels = np.minimum(texels, painted.baked(own, place.uv_set, room, sky.asked.device))
    made = replace(level, scene=_with_map(scene, worn, place, texels), notes=(*level.notes, *room.notes))
    return made, _told(place, painted)


def _told(place: Place, painted: Painted | None) -> str:
    where = "UVs of its own" if place.unwrapped else "UVs that it had"
    beside = ", with what its author had painted" if painted else ""
    return f"ambient occlusion baked from the source into {where}{beside}"


def _at(scene: Scene, keys: Sequence[Key]) -> dict[Key, Primitive]:
    return {(mesh, at): scene.meshes[mesh].primitives[at] for mesh, at in keys}


def _with_map(scene: Scene, worn: Worn, place: Place, texels: Array) -> Scene:
    """Shared by all of the materials that lack one; where none does, in place of theirs."""
    picture = lossless(texels.repeat(3, axis=2), NAME)
    wrap = {"wrapS": REPEAT, "wrapT": REPEAT} if place.home else {}
    scene, found = with_pictures(scene, {NAME: picture}, {**SAMPLER, **wrap})
    numbers = dict(zip(dict.fromkeys(worn), materials_of(scene, worn), strict=True))
    lacking = [at for at, each in numbers.items() if _lacks_one(each)]
    for number in lacking or numbers:
        scene = with_material(scene, number, partial(_showing, texture=found[NAME], uv_set=place.uv_set))
    return scene


def _showing(material: Material, texture: int, uv_set: int) -> Material:
    info = {"index": texture, **({"texCoord": uv_set} if uv_set else {})}
    return Material({**material.json, "occlusionTexture": info})
