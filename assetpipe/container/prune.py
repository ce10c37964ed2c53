"""Scene -> the scene without what nothing uses: images, textures, samplers, meshes; equal images and textures once.

Materials, nodes, cameras, skins and animations keep their numbers, for extensions of all kinds name them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from assetpipe.asset import Json, Material, Scene
from assetpipe.container.prune_meshes import prune_meshes

T = TypeVar("T")
Places = Mapping[int, int]
"""Old number -> new number of all that is kept; equal things share a new one."""


def prune(scene: Scene) -> Scene:
    """Drop, join and renumber; what is drawn stays the same."""
    if _names_pictures(scene.json.get("extensions", {})):
        return prune_meshes(scene)
    # Textures twice: unused ones must not keep their images, and joined images make more textures equal.
    return prune_meshes(_prune_textures(_prune_samplers(_prune_images(_prune_textures(scene)))))


def _names_pictures(value: Any) -> bool:
    """An extension of the document itself (EXT_lights_image_based) may name images by rules of its own."""
    if isinstance(value, dict):
        return any(
            "image" in key.lower() or "texture" in key.lower() or _names_pictures(own) for key, own in value.items()
        )
    return isinstance(value, list) and any(_names_pictures(own) for own in value)


def _prune_textures(scene: Scene) -> Scene:
    textures: Sequence[Json] = scene.json.get("textures", ())
    named = [slot.texture for material in scene.materials for slot in material.textures]
    places = _join(named, lambda at: _likeness(textures[at]))
    materials = tuple(Material(_renumber_slots(material.json, places)) for material in scene.materials)
    return _with_list(replace(scene, materials=materials), "textures", _kept(textures, places))


def _prune_images(scene: Scene) -> Scene:
    places = _join(_references(scene, "source"), lambda at: _picture(scene, at))
    images = tuple(_kept(scene.images, places))
    return _renumber_textures(replace(scene, images=images), "source", places)


def _prune_samplers(scene: Scene) -> Scene:
    samplers: Sequence[Json] = scene.json.get("samplers", ())
    places = _join(_references(scene, "sampler"), lambda at: _likeness(samplers[at]))
    return _with_list(_renumber_textures(scene, "sampler", places), "samplers", _kept(samplers, places))


def _join(named: Iterable[int], likeness: Callable[[int], object]) -> Places:
    """New numbers in the order of the old ones, the first of each likeness standing for all."""
    new: dict[object, int] = {}
    return {at: new.setdefault(likeness(at), len(new)) for at in sorted(set(named))}


def _kept(values: Sequence[T], places: Places) -> list[T]:
    first = {new: old for old, new in sorted(places.items(), reverse=True)}
    return [values[first[new]] for new in sorted(first)]


def _likeness(value: Json) -> str:
    """Equal for values that differ in nothing but their name."""
    return json.dumps({key: own for key, own in value.items() if key != "name"}, sort_keys=True)


def _picture(scene: Scene, at: int) -> object:
    image = scene.images[at]
    return hashlib.blake2b(image.data, digest_size=16).digest(), image.mime, _likeness(image.json)


def _references(scene: Scene, key: str) -> Iterator[int]:
    """All numbers under `key` in the textures, those in their extensions included."""
    for texture in scene.json.get("textures", ()):
        for holder in (texture, *texture.get("extensions", {}).values()):
            if key in holder:
                yield holder[key]


def _renumber_textures(scene: Scene, key: str, places: Places) -> Scene:
    textures = [_renumber_texture(texture, key, places) for texture in scene.json.get("textures", ())]
    return _with_list(scene, "textures", textures)


def _renumber_texture(texture: Json, key: str, places: Places) -> Json:
    new = {own: places[value] if own == key else value for own, value in texture.items()}
    if "extensions" in texture:
        new["extensions"] = {
            name: {own: places[value] if own == key else value for own, value in holder.items()}
            for name, holder in texture["extensions"].items()
        }
    return new


def _renumber_slots(value: Json, places: Places) -> Json:
    """`index` of every textureInfo, wherever extensions put it; found as `Material.textures` finds them."""
    return {
        key: own if key == "extras" or not isinstance(own, dict) else _renumber_slot(key, own, places)
        for key, own in value.items()
    }


def _renumber_slot(key: str, value: Json, places: Places) -> Json:
    if key.endswith("Texture") and "index" in value:
        return {**value, "index": places[value["index"]]}
    return _renumber_slots(value, places)


def _with_list(scene: Scene, key: str, values: Sequence[Json]) -> Scene:
    """glTF knows no empty lists."""
    document = {own: value for own, value in scene.json.items() if own != key or values}
    return replace(scene, json={**document, key: list(values)} if values else document)
