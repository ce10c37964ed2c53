"""glTF materials and decoded textures -> the layers that a bake reads: constant factors become texels.

The level's material then has factors of 1, or those in `factors` where texels could not hold them (light brighter than
1, metres of thickness). Anisotropy, which turns with the UVs, and the range of iridescence's thickness are not baked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from assetpipe.asset import Json, Material
from assetpipe.baking.surface import Coat, Kind, Layer, Texture
from assetpipe.slots import SHEETS, Channel, laid, span

BASE_COLOUR, NORMAL, EMISSIVE, ORM = "baseColor", "normal", "emissive", "occlusionRoughnessMetallic"
OF_EXTENSIONS = ("clearcoat", "sheen", "specular", "transmission", "thickness")
"""Sheets that are baked where a material has their extension."""
BESIDE = {"thickness": "transmission"}
"""A sheet that is baked into another one's free channels."""
Four = tuple[float, float, float, float]
NONE: Four = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Slot:
    """A texture slot of an extension, and the channels that it fills."""

    name: str
    map: str
    kind: Kind
    channels: Mapping[str, Channel]

    @property
    def home(self) -> str:
        """The extension."""
        return self._one.holder[-1]

    @property
    def factor(self) -> str:
        return self._one.factor

    @property
    def is_colour(self) -> bool:
        return self._one.part is not None

    @property
    def _one(self) -> Channel:
        return next(iter(self.channels.values()))


def _slots() -> Iterator[Slot]:
    for sheet in SHEETS:
        for name in sheet.slots if sheet.name in OF_EXTENSIONS else ():
            channels = {part: channel for part, channel in sheet.channels.items() if channel.slot == name}
            kind: Kind = "colour" if sheet.role == "colour" and channels.keys() != {"a"} else "data"
            yield Slot(name, BESIDE.get(sheet.name, sheet.name), kind, channels)


EXTENSION_SLOTS = tuple(_slots())
MAPS: Mapping[str, str] = {
    slot: BESIDE.get(sheet.name, sheet.name)
    for sheet in SHEETS
    if sheet.name in {BASE_COLOUR, NORMAL, EMISSIVE, ORM, "clearcoatNormal", *OF_EXTENSIONS}
    for slot in sheet.slots
}
"""Slot -> the map that it is read from."""
_SHEET = {sheet.name: sheet for sheet in SHEETS}


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
        if any(slot.home in material.json.get("extensions", {}) for material in materials):
            coated = [coat.painted(slot.name, slot.channels) for coat in coats]
            layer = Layer(slot.map, slot.kind, "".join(slot.channels), coated)
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

    def coat(self, slot: str, factor: Four, offset: Four = NONE) -> Coat:
        info = self.infos.get(slot, {})
        how = laid(info)
        (a, b, c, d), (u, v) = how.turn, how.move
        return Coat(self.textures.get(info.get("index", -1)), how.uv_set, (a, b, u, c, d, v), factor, offset)

    def painted(self, slot: str, channels: Mapping[str, Channel]) -> Coat:
        """With what the table says of the slot's factors."""
        spans = {part: span(self.material.json, channel) for part, channel in channels.items() if channel.slot == slot}
        r, g, b, a = (spans.get(part, (0.0, 0.0)) for part in "rgba")
        return self.coat(slot, (r[1], g[1], b[1], a[1]), (r[0], g[0], b[0], a[0]))

    def base(self) -> Coat:
        opaque = self.material.alpha_mode == "OPAQUE"
        return replace(self.painted("baseColor", _SHEET[BASE_COLOUR].channels), opaque=opaque)

    def normal(self, slot: str) -> Coat:
        scale = float(self.infos.get(slot, {}).get("scale", 1.0))
        return self.coat(slot, (scale, scale, 1.0, 1.0))

    def occlusion(self) -> Coat:
        return self.painted("occlusion", _SHEET[ORM].channels)

    def metal_rough(self) -> Coat:
        return self.painted("metallicRoughness", _SHEET[ORM].channels)

    def emissive(self) -> Coat:
        return self.painted("emissive", _SHEET[EMISSIVE].channels)


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
