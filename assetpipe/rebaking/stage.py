"""Source, material -> Stage: its triangles, ready to be baked from, and what must stay as it is.

Most levels need nothing: so what is measured is staged first (the shape alone), and tangents and textures, which take
longer, only when some level asks for them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assetpipe.asset import TRIANGLES, Material, Primitive, Scene
from assetpipe.baking import Staged, stage_source
from assetpipe.baking.materials import BASE_COLOUR, NORMAL
from assetpipe.queries.device import Device
from assetpipe.rebaking.loss import LAYER
from assetpipe.rebaking.maps import layers_of, maps_of, pictures_of, unknown_to, uv_set_of
from assetpipe.rebaking.surfaces import (
    Key,
    keys_of,
    mesh_scales,
    primitives_of,
    stretch,
    surface_of,
    with_source_tangents,
)
from assetpipe.rebaking.tiles import repeats
from assetpipe.textures import TextureCache

TEXELS_EACH = 8
"""For each triangle of the source: more would show nothing that it has."""
LEAST_PX = 64
FILL = 0.6
"""Of a square that charts cover."""
VARIANTS, POINTER, ANISOTROPY = "KHR_materials_variants", "KHR_animation_pointer", "KHR_materials_anisotropy"


@dataclass(frozen=True, eq=False)
class Stage:
    number: int | None
    """of the material"""
    material: Material
    primitives: Mapping[Key, Primitive]
    scales: Sequence[float]
    """of the source's meshes"""
    stretch: float
    """Times a deviation in metres: how far that may be in a mesh that nodes stretch more one way than another."""
    shape: Staged
    maps: frozenset[str]
    """that its textures, or colours of its vertices, fill"""
    own_px: int
    """Side of a picture that shows all there is, in the UVs that it has."""
    new_px: int
    """And where it is unwrapped: what tiles takes more, what shows a corner of its picture less."""
    normal_px: int
    """The same of its normal map alone; 0 where it has none."""
    repeats: bool
    """Whether its maps show the same one tile on."""
    bound: str
    """Why nothing about the material may change; "" where it may."""
    fixed: str
    """Why its UVs must stay."""

    @property
    def name(self) -> str:
        return self.material.name or "what has no name"


def stage_shape(source: Scene, number: int | None, device: Device) -> Stage:
    material = Material({}) if number is None else source.materials[number]
    keys, scales = keys_of(source, number), mesh_scales(source)
    primitives = primitives_of(source, keys)
    surface = surface_of(primitives, scales)
    coloured = {BASE_COLOUR} if surface.colours is not None else set()
    shape = math.isqrt(TEXELS_EACH * surface.triangles)
    pictures = list(pictures_of(source, material))
    shown = {picture.slot: math.sqrt(picture.shown_by(surface) / FILL) for picture in pictures}
    return Stage(
        number,
        material,
        primitives,
        scales,
        stretch(source, {mesh for mesh, _ in keys}),
        stage_source(surface, (LAYER,), device),
        frozenset(maps_of(material) | coloured),
        own_px=_power_of_two(max([*(max(each.size) for each in pictures), shape, LEAST_PX])),
        new_px=_power_of_two(max([*shown.values(), shape, LEAST_PX])),
        normal_px=_power_of_two(shown.get("normal", 0.0)),
        repeats=repeats(source, material),
        bound=next(_bonds(source, number), ""),
        fixed=next(_fixtures(material), ""),
    )


def stage_maps(stage: Stage, source: Scene, maps: Collection[str], cache: TextureCache) -> Staged:
    """The same with all that `maps` are baked from."""
    layers = layers_of(source, stage.material, maps, cache)
    bent = NORMAL in maps and NORMAL in stage.maps
    primitives = with_source_tangents(stage.primitives, looked_up(stage.material)) if bent else stage.primitives
    return stage_source(surface_of(primitives, stage.scales), layers, stage.shape.device)


def looked_up(material: Material) -> int:
    """The UV set for a normal map."""
    slots = {slot.name: slot for slot in material.textures}
    slot = slots.get("normal") or next(iter(slots.values()), None)
    return uv_set_of(slot.info) if slot else 0


def _bonds(scene: Scene, number: int | None) -> Iterator[str]:
    """What else shows the material would be changed with it."""
    for mesh in scene.meshes:
        for each in mesh.primitives:
            mappings = each.json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
            if mappings and number in (each.material, *(mapping.get("material") for mapping in mappings)):
                yield "variants of the asset name it"
            if each.mode != TRIANGLES and each.material == number and number is not None:
                yield "lines or points show it"
    animations = json.dumps(scene.json.get("animations", []))
    if POINTER in animations and re.search(rf'"/materials/{number}/[^"]*Texture', animations):
        yield "an animation moves its textures"


def _fixtures(material: Material) -> Iterator[str]:
    unknown = unknown_to(material)
    if unknown:
        yield f"{unknown} is not baked"
    if ANISOTROPY in material.json.get("extensions", {}):
        yield "its anisotropy turns with them"


def _power_of_two(texels: float) -> int:
    return 1 << (math.ceil(texels) - 1).bit_length() if texels else 0
