"""glTF materials and decoded textures -> the layers that a bake reads: constant factors become texels.

The level's material then has factors of 1, or those in `factors` where texels could not hold them (light brighter than
1, metres of thickness). Anisotropy, which turns with the UVs, and the range of iridescence's thickness are not baked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from assetpipe.asset import Json, Material
from assetpipe.baking.surface import Coat, Kind, Layer, Texture

BASE_COLOUR, NORMAL, EMISSIVE, ORM = "baseColor", "normal", "emissive", "occlusionRoughnessMetallic"
Factor = tuple[float, ...]


@dataclass(frozen=True)
class Slot:
    """A texture slot and its factor."""

    name: str
    map: str
    channels: str
    kind: Kind
    home: str
    """where in the material: "" or an extension's name"""
    factor: str
    default: Factor
    """of the factor, where the extension is there"""
    absent: Factor = (0.0, 0.0, 0.0)
    """and where it is not"""


_KHR = "KHR_materials_"
EXTENSION_SLOTS = (
    Slot("clearcoat", "clearcoat", "r", "data", _KHR + "clearcoat", "clearcoatFactor", (0.0,)),
    Slot("clearcoatRoughness", "clearcoat", "g", "data", _KHR + "clearcoat", "clearcoatRoughnessFactor", (0.0,)),
    Slot("sheenColor", "sheen", "rgb", "colour", _KHR + "sheen", "sheenColorFactor", (0.0, 0.0, 0.0)),
    Slot("sheenRoughness", "sheen", "a", "data", _KHR + "sheen", "sheenRoughnessFactor", (0.0,)),
    Slot(
        "specularColor",
        "specular",
        "rgb",
        "colour",
        _KHR + "specular",
        "specularColorFactor",
        (1.0, 1.0, 1.0),
        (1.0, 1.0, 1.0),
    ),
    Slot("specular", "specular", "a", "data", _KHR + "specular", "specularFactor", (1.0,), (1.0,)),
    Slot("transmission", "transmission", "r", "data", _KHR + "transmission", "transmissionFactor", (0.0,)),
    Slot("thickness", "transmission", "g", "data", _KHR + "volume", "thicknessFactor", (0.0,)),
)


@dataclass(frozen=True, eq=False)
class Layers:
    layers: tuple[Layer, ...]
    factors: Mapping[str, float] = field(default_factory=dict)
    """slot -> what the map's texels must be multiplied by, where that is not 1: `emissive` (the factor times
    KHR_materials_emissive_strength), `thickness`, `specularColor`"""


def read_layers(materials: Sequence[Material], textures: Mapping[int, Texture]) -> Layers:
    """`materials`: by the rows that a Surface names; `textures`: by glTF texture index, one that is missing counts as
    white. Base colour, normals and occlusion-roughness-metallic are always there, others where a material has them."""
    slots = [{slot.name: slot.info for slot in material.textures} for material in materials]
    coats = [_Reader(material, infos, textures) for material, infos in zip(materials, slots, strict=True)]
    opaque = all(material.alpha_mode == "OPAQUE" for material in materials)
    layers = [
        Layer(BASE_COLOUR, "colour", "rgb" if opaque else "rgba", [coat.base() for coat in coats], base=True),
        Layer(NORMAL, "normal", "rgb", [coat.normal("normal") for coat in coats]),
        *_packed([coat.occlusion() for coat in coats], [coat.metal_rough() for coat in coats]),
    ]
    factors: dict[str, float] = {}
    glow = [coat.emissive() for coat in coats]
    if any(max(coat.factor[:3]) > 0 for coat in glow):
        layers.append(_scaled("emissive", Layer(EMISSIVE, "colour", "rgb", glow), factors))
    for slot in EXTENSION_SLOTS:
        if any(slot.home in _table(material.json, "extensions") for material in materials):
            layer = Layer(slot.map, slot.kind, slot.channels, [coat.extension(slot) for coat in coats])
            layers.append(_scaled(slot.name, layer, factors))
    if any("clearcoatNormal" in infos for infos in slots):
        layers.append(Layer("clearcoatNormal", "normal", "rgb", [coat.normal("clearcoatNormal") for coat in coats]))
    return Layers(tuple(layers), factors)


@dataclass(frozen=True, eq=False)
class _Reader:
    """One material."""

    material: Material
    infos: Mapping[str, Json]
    textures: Mapping[int, Texture]

    def coat(self, slot: str, factor: Factor, red: float = 0.0) -> Coat:
        info = self.infos.get(slot, {})
        moved = _extension(info, "KHR_texture_transform")
        turn, (x, y) = _number(moved, "rotation", 0.0), _numbers(moved, "scale", (1.0, 1.0))
        u, v = _numbers(moved, "offset", (0.0, 0.0))
        # Scale first, then turn counter-clockwise in (u, v), then move.
        matrix = (math.cos(turn) * x, math.sin(turn) * y, u, -math.sin(turn) * x, math.cos(turn) * y, v)
        uv_set = int(_number(moved, "texCoord", _number(info, "texCoord", 0.0)))
        r, g, b, a = factor
        return Coat(self.textures.get(info.get("index", -1)), uv_set, matrix, (r, g, b, a), (red, 0.0, 0.0, 0.0))

    def base(self) -> Coat:
        factor = _numbers(_table(self.material.json, "pbrMetallicRoughness"), "baseColorFactor", (1.0, 1.0, 1.0, 1.0))
        return replace(self.coat("baseColor", factor), opaque=self.material.alpha_mode == "OPAQUE")

    def normal(self, slot: str) -> Coat:
        scale = _number(self.infos.get(slot, {}), "scale", 1.0)
        return self.coat(slot, (scale, scale, 1.0, 1.0))

    def occlusion(self) -> Coat:
        strength = _number(self.infos.get("occlusion", {}), "strength", 1.0)
        return self.coat("occlusion", (strength, 0.0, 0.0, 0.0), red=1.0 - strength)

    def metal_rough(self) -> Coat:
        pbr = _table(self.material.json, "pbrMetallicRoughness")
        rough, metal = _number(pbr, "roughnessFactor", 1.0), _number(pbr, "metallicFactor", 1.0)
        return self.coat("metallicRoughness", (0.0, rough, metal, 0.0))

    def emissive(self) -> Coat:
        strength = _number(_extension(self.material.json, "KHR_materials_emissive_strength"), "emissiveStrength", 1.0)
        r, g, b = _numbers(self.material.json, "emissiveFactor", (0.0, 0.0, 0.0))
        return self.coat("emissive", (r * strength, g * strength, b * strength, 0.0))

    def extension(self, slot: Slot) -> Coat:
        there = slot.home in _table(self.material.json, "extensions")
        json = _extension(self.material.json, slot.home)
        if len(slot.default) == 3:
            r, g, b = _numbers(json, slot.factor, slot.default) if there else slot.absent
            return self.coat(slot.name, (r, g, b, 0.0))
        one = _number(json, slot.factor, slot.default[0]) if there else slot.absent[0]
        return self.coat(slot.name, (one, one, one, one))


def _packed(occlusion: Sequence[Coat], metal_rough: Sequence[Coat]) -> Iterator[Layer]:
    """One layer where no material has two different pictures of them: one look-up instead of two."""
    pairs = list(zip(occlusion, metal_rough, strict=True))
    together = [_together(red, others) for red, others in pairs]
    joined = [coat for coat in together if coat is not None]
    if len(joined) == len(pairs):
        yield Layer(ORM, "data", "rgb", joined)
        return
    yield Layer(ORM, "data", "r", occlusion)
    yield Layer(ORM, "data", "gb", metal_rough)


def _together(red: Coat, others: Coat) -> Coat | None:
    """Of a coat without a texture the texel is 1: its factor becomes an offset."""
    factor = (red.factor[0], *others.factor[1:3], 0.0)
    if red.texture is None:
        return replace(others, factor=(0.0, *factor[1:]), offset=(red.factor[0] + red.offset[0], 0.0, 0.0, 0.0))
    if others.texture is None:
        return replace(red, factor=(factor[0], 0.0, 0.0, 0.0), offset=(red.offset[0], *factor[1:]))
    same = (red.texture, red.uv_set, red.matrix) == (others.texture, others.uv_set, others.matrix)
    return replace(red, factor=factor) if same else None


def _scaled(slot: str, layer: Layer, factors: dict[str, float]) -> Layer:
    """Texels end at 1: what is more goes into `factors`, and so does a thickness, however thin."""
    channels = ["rgba".index(channel) for channel in layer.channels]
    most = max(coat.factor[at] for coat in layer.coats for at in channels)
    if most <= 1.0 and not (slot == "thickness" and most > 0.0):
        return layer
    factors[slot] = most
    r, g, b, a = range(4)
    coats = [
        replace(
            coat, factor=(coat.factor[r] / most, coat.factor[g] / most, coat.factor[b] / most, coat.factor[a] / most)
        )
        for coat in layer.coats
    ]
    return replace(layer, coats=coats)


def _table(json: Json, key: str) -> Json:
    found = json.get(key)
    return found if isinstance(found, dict) else {}


def _extension(json: Json, name: str) -> Json:
    return _table(_table(json, "extensions"), name)


def _numbers(json: Json, key: str, default: Factor) -> Factor:
    """What makes no sense counts as absent, as in viewers."""
    found = json.get(key)
    if not isinstance(found, list | tuple) or len(found) != len(default):
        return default
    return tuple(_number({key: part}, key, value) for part, value in zip(found, default, strict=True))


def _number(json: Json, key: str, default: float) -> float:
    found = json.get(key)
    return float(found) if isinstance(found, int | float) and abs(found) < 1e30 else default
