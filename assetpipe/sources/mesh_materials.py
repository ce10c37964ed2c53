"""MTL materials -> glTF materials with their images and textures.

Kd, map_Kd            base colour; a grey Kd beside a map is an exporter's default and is left out
d, 1 - Tr, map_d      alpha
Pr, map_Pr, Pm, map_Pm, or Ns   roughness (green) and metalness (blue) of one texture
norm, map_Bump        normal, unless the picture is grey: then it is a height map
Ke, map_Ke            emission
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import PIL.Image

from assetpipe.asset import Array, Image, Json, Material
from assetpipe.sources.mesh_images import Album, is_grey, png, read_channel, read_colour, resize_like
from assetpipe.sources.mesh_mtl import Map, Mtl

CLAMP = 33071


@dataclass(frozen=True, eq=False)
class Slot:
    """A picture at a place in a material: ("pbrMetallicRoughness", "baseColorTexture")."""

    path: tuple[str, ...]
    image: Image
    map: Map
    info: Json = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Built:
    """One material whose textures have no numbers yet."""

    json: Json
    slots: tuple[Slot, ...] = ()
    warnings: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Materials:
    materials: tuple[Material, ...]
    images: tuple[Image, ...]
    json: Json
    """`textures`, `samplers`, `extensionsUsed`, where there are any."""
    warnings: tuple[str, ...]
    repairs: tuple[str, ...]


def build_material(mtl: Mtl, album: Album) -> Built:
    pictures = {kind: album.open(m.uri, f"material {mtl.name!r}") for kind, m in mtl.maps.items()}
    images = {kind: picture.image for kind, picture in pictures.items() if picture.image is not None}
    json, slots = _base(mtl, images)
    rough, rough_slots = _rough(mtl, images)
    emissive, emissive_slots = _emissive(mtl, images)
    normal_slots, heights = _normal(mtl, images)
    json["pbrMetallicRoughness"] |= rough
    faults = tuple(f"{picture.fault}; the material goes without it" for picture in pictures.values() if picture.fault)
    ignored = (f"material {mtl.name!r}: {', '.join(mtl.ignored)} have no place in glTF",) if mtl.ignored else ()
    repairs = tuple(picture.repair for picture in pictures.values() if picture.repair)
    all_slots = (*slots, *rough_slots, *normal_slots, *emissive_slots)
    return Built({"name": mtl.name, **json, **emissive}, all_slots, (*faults, *heights, *ignored), repairs)


def _base(mtl: Mtl, images: Mapping[str, Image]) -> tuple[Json, tuple[Slot, ...]]:
    colour = _clamp(mtl.numbers.get("kd", (1.0, 1.0, 1.0)))
    if "base" in images and max(colour) - min(colour) < 0.02:
        colour = [1.0, 1.0, 1.0]
    alpha = _opacity(mtl)
    json: Json = {"pbrMetallicRoughness": {"baseColorFactor": [*colour, alpha]}}
    image, cut = _base_image(mtl, images)
    if cut or alpha < 1:
        json["alphaMode"] = "MASK" if cut == "MASK" and alpha == 1 else "BLEND"
    if image is None:
        return json, ()
    used = mtl.maps["base"] if "base" in images else mtl.maps["alpha"]
    return json, (Slot(("pbrMetallicRoughness", "baseColorTexture"), image, used),)


def _opacity(mtl: Mtl) -> float:
    """`d` 0 and `Tr` 1 are exporters' mistakes: nobody ships a material that cannot be seen."""
    transparency = 1 - mtl.numbers["tr"][0] if "tr" in mtl.numbers else 1.0
    alpha = mtl.numbers["d"][0] if "d" in mtl.numbers else transparency
    return alpha if 0 < alpha < 1 else 1.0


def _base_image(mtl: Mtl, images: Mapping[str, Image]) -> tuple[Image | None, str]:
    """Base colour with the opacity map in its alpha, and MASK when that map is black and white only, BLEND when not."""
    base, alpha = images.get("base"), images.get("alpha")
    if alpha is None:
        return base, ""
    mask = read_channel(alpha, mtl.maps["alpha"].channel or ("m" if alpha.uri == getattr(base, "uri", None) else ""))
    cut = "MASK" if ((mask < 16) | (mask > 239)).mean() > 0.95 else "BLEND"
    size = (mask.shape[1], mask.shape[0])
    colour = read_colour(base) if base is not None else PIL.Image.new("RGB", size, "white")
    joined = np.dstack([np.asarray(colour), resize_like(mask, colour.size)])
    return png(PIL.Image.fromarray(joined), (base or alpha).uri), cut


def _rough(mtl: Mtl, images: Mapping[str, Image]) -> tuple[Json, tuple[Slot, ...]]:
    found = {kind: images[kind] for kind in ("roughness", "metallic") if kind in images}
    factors = {
        "roughnessFactor": 1.0 if "roughness" in found else _roughness(mtl),
        "metallicFactor": 1.0 if "metallic" in found else _clamp(mtl.numbers.get("pm", (0.0,)))[0],
    }
    if not found:
        return factors, ()
    first = next(iter(found))
    image = _pack(mtl, found)
    return factors, (Slot(("pbrMetallicRoughness", "metallicRoughnessTexture"), image, mtl.maps[first]),)


def _roughness(mtl: Mtl) -> float:
    """Pr; else Ns. Blender writes Ns = 1000 (1 - roughness)^2; from others it is Blinn's exponent, 2 / alpha^2 - 2 of
    GGX with alpha = roughness^2 (Walter 2007). No highlight (Ks black) is as rough as can be."""
    if "pr" in mtl.numbers:
        return _clamp(mtl.numbers["pr"])[0]
    exponent = max(mtl.numbers.get("ns", (0.0,))[0], 0.0)
    if "ns" not in mtl.numbers or not any(mtl.numbers.get("ks", (1.0,))):
        return 1.0
    if mtl.from_blender:
        return 1.0 - math.sqrt(min(exponent / 1000, 1.0))
    return float(math.pow(2 / (exponent + 2), 0.25))


def _pack(mtl: Mtl, found: Mapping[str, Image]) -> Image:
    """Roughness in green, metalness in blue; a picture that already is packed so is taken as it is."""
    uris = {image.uri for image in found.values()}
    first = next(iter(found.values()))
    if len(found) == 2 and len(uris) == 1 and not is_grey(first):
        return first
    channels = {kind: read_channel(image, mtl.maps[kind].channel) for kind, image in found.items()}
    size = max((values.shape[::-1] for values in channels.values()), key=lambda wh: wh[0] * wh[1])
    white: Array = np.full(size[::-1], 255, np.uint8)
    planes = [resize_like(channels[kind], size) if kind in channels else white for kind in ("roughness", "metallic")]
    return png(PIL.Image.fromarray(np.dstack([white, *planes])), first.uri)


def _normal(mtl: Mtl, images: Mapping[str, Image]) -> tuple[tuple[Slot, ...], tuple[str, ...]]:
    kind = next((kind for kind in ("normal", "bump") if kind in images), None)
    if kind is None:
        return (), ()
    image, used = images[kind], mtl.maps[kind]
    if is_grey(image):
        return (), (f"material {mtl.name!r}: {image.uri!r} is a height map, not a normal map: left out",)
    info: Json = {} if used.bump == 1 else {"scale": used.bump}
    return (Slot(("normalTexture",), image, used, info),), ()


def _emissive(mtl: Mtl, images: Mapping[str, Image]) -> tuple[Json, tuple[Slot, ...]]:
    """A map beside a black or absent Ke shines as it is."""
    colour = [max(value, 0.0) for value in mtl.numbers.get("ke", (0.0, 0.0, 0.0))]
    slots = (Slot(("emissiveTexture",), images["emissive"], mtl.maps["emissive"]),) if "emissive" in images else ()
    if slots and not any(colour):
        colour = [1.0, 1.0, 1.0]
    if not any(colour):
        return {}, slots
    strength = max(*colour, 1.0)
    json: Json = {"emissiveFactor": [value / strength for value in colour]}
    if strength > 1:
        json["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
    return json, slots


def collect(built: list[Built]) -> Materials:
    """Number the images, samplers and textures; what two materials share is there once."""
    images: dict[bytes, Image] = {}
    numbers: dict[tuple[bytes, bool], int] = {}
    textures: list[Json] = []
    materials, extensions = [], set()
    for one in built:
        json = one.json
        extensions |= set(json.get("extensions", {}))
        for slot in one.slots:
            digest = hashlib.sha256(slot.image.data).digest()
            images.setdefault(digest, slot.image)
            key = (digest, slot.map.clamp)
            if key not in numbers:
                numbers[key] = len(textures)
                clamp = {"sampler": 0} if slot.map.clamp else {}
                textures.append({"source": list(images).index(digest), **clamp})
            info: Json = {"index": numbers[key], **slot.info, **_transform(slot.map)}
            extensions |= set(info.get("extensions", {}))
            json = _put(json, slot.path, info)
        materials.append(Material(json))
    parts: Json = {
        "textures": textures,
        "samplers": [{"wrapS": CLAMP, "wrapT": CLAMP}] if any(clamp for _, clamp in numbers) else [],
        "extensionsUsed": sorted(extensions),
    }
    return Materials(
        tuple(materials),
        tuple(images.values()),
        {key: value for key, value in parts.items() if value},
        tuple(dict.fromkeys(warning for one in built for warning in one.warnings)),
        tuple(dict.fromkeys(repair for one in built for repair in one.repairs)),
    )


def _transform(used: Map) -> Json:
    """MTL scales and shifts with v upwards: 1 - (s (1 - v) + o) = s v + (1 - s - o)."""
    (su, sv), (ou, ov) = used.scale, used.offset
    if (su, sv, ou, ov) == (1, 1, 0, 0):
        return {}
    return {"extensions": {"KHR_texture_transform": {"scale": [su, sv], "offset": [ou, 1 - sv - ov]}}}


def _put(json: Json, path: tuple[str, ...], value: Json) -> Json:
    if len(path) == 1:
        return {**json, path[0]: value}
    return {**json, path[0]: _put(json.get(path[0], {}), path[1:], value)}


def _clamp(values: tuple[float, ...]) -> list[float]:
    return [min(max(value, 0.0), 1.0) for value in values]
