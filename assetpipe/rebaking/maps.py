"""A material -> the layers that its pictures are baked from, and the material that shows what was baked.

Factors stay where they are: what is baked is a texel for a texel. Only `scale` of a normal map goes into it, for the
level's lost shape, which is baked with it, has none.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assetpipe.asset import Image, Json, Material, Scene, TextureSlot
from assetpipe.baking import Layer, Surface, Texture
from assetpipe.baking.materials import BASE_COLOUR, EXTENSION_SLOTS, MAPS, NORMAL, read_layers
from assetpipe.lossless import to_8_bits
from assetpipe.textures import TextureCache, decoded, image_info

REPEAT = 10497
TRANSFORM = "KHR_texture_transform"
FACTORS = ("baseColorFactor", "metallicFactor", "roughnessFactor")


@dataclass(frozen=True)
class Picture:
    """A texture as a material looks it up."""

    slot: str
    uv_set: int
    size: tuple[int, int]
    repeats: float
    """Pictures that a unit square of UVs shows."""

    def shown(self, squares: float) -> float:
        """Texels in so many unit squares of UVs."""
        return squares * self.repeats * self.size[0] * self.size[1]


def unit_squares(surface: Surface, uv_set: int) -> float:
    """Of UVs that it covers, those that are covered twice counted twice."""
    if uv_set not in surface.uvs:
        return 0.0
    a, b, c = (surface.uvs[uv_set][surface.indices[at::3]].astype(np.float64) for at in range(3))
    u, v = b - a, c - a
    areas = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    return float(areas[np.isfinite(areas)].sum())


def maps_of(material: Material) -> set[str]:
    """That its textures fill."""
    return {MAPS[slot.name] for slot in material.textures if slot.name in MAPS}


def unknown_to(material: Material) -> str:
    """A texture that is not known here, or ""."""
    return next((slot.name for slot in material.textures if slot.name not in MAPS), "")


def pictures_of(scene: Scene, material: Material) -> Iterator[Picture]:
    for slot in material.textures:
        source = scene.json["textures"][slot.texture].get("source")
        if source is not None:
            x, y = slot.info.get("extensions", {}).get(TRANSFORM, {}).get("scale", (1.0, 1.0))
            info = image_info(scene.images[source])
            yield Picture(slot.name, uv_set_of(slot.info), (info.width, info.height), abs(x * y))


def uv_set_of(info: Json) -> int:
    return int(info.get("extensions", {}).get(TRANSFORM, {}).get("texCoord", info.get("texCoord", 0)))


@dataclass(frozen=True, eq=False)
class Dresses:
    """What several materials' maps are baked from; maps that come out alike are there once."""

    layers: tuple[Layer, ...]
    names: tuple[Mapping[str, str], ...]
    """By material: map -> the layers' word for it, so that two materials' base colours can be told apart."""


def dress(scene: Scene, materials: Sequence[Material], maps: Mapping[str, bool], cache: TextureCache) -> Dresses:
    """`maps`: map -> whether all get one, not only those that have textures of it."""
    textures = _textures(scene, materials, maps, cache)
    layers: dict[str, tuple[Layer, ...]] = {}
    known: dict[object, str] = {}
    names: list[Mapping[str, str]] = []
    for material in materials:
        own = {}
        read = read_layers([_unit(material)], textures).layers
        for name in sorted(each for each, for_all in maps.items() if for_all or each in maps_of(material)):
            recipe = tuple(each for each in read if each.map == name)
            own[name] = known.setdefault((name, *map(_likeness, recipe)), f"{name} {len(names)}" if names else name)
            layers.setdefault(own[name], tuple(replace(each, map=own[name]) for each in recipe))
        names.append(own)
    return Dresses(tuple(layer for each in layers.values() for layer in each), tuple(names))


def _likeness(layer: Layer) -> object:
    (coat,) = layer.coats
    looked_up = (id(coat.texture), coat.uv_set, coat.matrix) if coat.texture else None
    return layer.kind, layer.channels, layer.base, looked_up, coat.factor, coat.offset, coat.opaque


def _textures(
    scene: Scene, materials: Sequence[Material], maps: Collection[str], cache: TextureCache
) -> dict[int, Texture]:
    """Equal ones are the same object."""
    found: dict[int, Texture] = {}
    known: dict[object, Texture] = {}
    for slot in (slot for material in materials for slot in material.textures):
        json = scene.json["textures"][slot.texture]
        if json.get("source") is not None and MAPS.get(slot.name) in maps and slot.texture not in found:
            made = _texture(scene, json, cache)
            found[slot.texture] = known.setdefault((json["source"], made.wrap), made)
    return found


def with_maps(material: Material, maps: Mapping[str, int], *, uv_set: int = 0) -> Material:
    """`maps`: map -> glTF texture, looked up with TEXCOORD_`uv_set`, whatever the slot's transform was."""
    json = copy.deepcopy(material.json)
    shown = {slot.name: slot for slot in material.textures if MAPS.get(slot.name) in maps}
    paths = {slot.path: _info(slot, maps[MAPS[slot.name]], uv_set) for slot in shown.values()}
    if NORMAL in maps and NORMAL not in shown:
        paths[("normalTexture",)] = _placed({"index": maps[NORMAL]}, uv_set)
    if BASE_COLOUR in maps and "baseColor" not in shown:
        paths[("pbrMetallicRoughness", "baseColorTexture")] = _placed({"index": maps[BASE_COLOUR]}, uv_set)
    for path, info in paths.items():
        _table(json, path[:-1])[path[-1]] = info
    return Material(json)


def with_pictures(scene: Scene, pictures: Mapping[str, Image], sampler: Json) -> tuple[Scene, dict[str, int]]:
    """Each as a texture of its own: name -> its number."""
    textures, samplers = list(scene.json.get("textures", ())), list(scene.json.get("samplers", ()))
    first, number = len(textures), len(scene.images)
    textures += [{"source": number + at, "sampler": len(samplers)} for at in range(len(pictures))]
    document = {**scene.json, "textures": textures, "samplers": [*samplers, sampler]}
    found = {name: first + at for at, name in enumerate(pictures)}
    return replace(scene, images=(*scene.images, *pictures.values()), json=document), found


def _info(slot: TextureSlot, texture: int, uv_set: int) -> Json:
    kept: Json = {"strength": slot.info["strength"]} if "strength" in slot.info else {}
    return _placed({"index": texture, **kept}, uv_set)


def _placed(info: Json, uv_set: int) -> Json:
    return {**info, "texCoord": uv_set} if uv_set else info


def _unit(material: Material) -> Material:
    """Every factor 1, so that layers say what the textures say."""
    json = copy.deepcopy(material.json)
    pbr = json.get("pbrMetallicRoughness", {})
    for name in FACTORS:
        pbr.pop(name, None)
    if "occlusionTexture" in json:
        json["occlusionTexture"].pop("strength", None)
    json["emissiveFactor"] = [1.0, 1.0, 1.0] if "emissiveTexture" in json else [0.0, 0.0, 0.0]
    extensions = json.get("extensions", {})
    extensions.pop("KHR_materials_emissive_strength", None)
    for slot in EXTENSION_SLOTS:
        if slot.home in extensions:
            extensions[slot.home][slot.factor] = [1.0] * 3 if slot.is_colour else 1.0
    return Material(json)


def _texture(scene: Scene, json: Json, cache: TextureCache) -> Texture:
    image = scene.images[json["source"]]
    pixels = decoded(image, image.name, cache).array
    sampler = {} if json.get("sampler") is None else scene.json["samplers"][json["sampler"]]
    wrap = sampler.get("wrapS", REPEAT), sampler.get("wrapT", REPEAT)
    return Texture(to_8_bits(pixels), wrap)


def _table(json: Json, path: Sequence[str]) -> dict[str, Any]:
    for key in path:
        json = json.setdefault(key, {})
    return json
