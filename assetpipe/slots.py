"""A material -> its sheets: which pictures it is painted with and the factors on them, channel by channel. The one
table of texture slots, for merging (`atlas/`) and baking (`baking/`, `rebaking/`).

A sheet is one picture of an atlas; what it holds is what glTF lets share a picture: occlusion, roughness and
metalness in the channels of one, sheen's roughness in the alpha of its colour. Each channel of a material is
`low + gain * texel`, which is how a factor, an occlusion strength and a thickness between two ends become texels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assetpipe.asset import Json

PBR = ("pbrMetallicRoughness",)
TRANSFORM = "KHR_texture_transform"
STRAIGHT = 1e-3
"""Of a turn: nobody sees a twentieth of a degree."""


def _extension(name: str) -> tuple[str, ...]:
    return ("extensions", f"KHR_materials_{name}")


@dataclass(frozen=True)
class Channel:
    """One channel of a sheet: which slot fills it, and the factor that multiplies it."""

    slot: str
    """`baseColor`, ...: TextureSlot.name"""
    holder: tuple[str, ...]
    """Where in the material's JSON the slot and the factor are."""
    factor: str = ""
    part: int | None = None
    """of a factor that is a list"""
    default: float = 0.0
    """of the factor"""
    neutral: float = 1.0
    """what the texel counts as where the material has no such map, 0..1"""


@dataclass(frozen=True)
class Sheet:
    name: str
    channels: Mapping[str, Channel]
    """by component of the picture: "r", "g", "b", "a"."""
    role: str = "data"
    """of red, green and blue: "colour", "normal" or "data"."""

    @property
    def slots(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(channel.slot for channel in self.channels.values()))


def _colour(slot: str, holder: tuple[str, ...], default: float) -> dict[str, Channel]:
    return {name: Channel(slot, holder, f"{slot}Factor", at, default) for at, name in enumerate("rgb")}


def _normal(name: str, holder: tuple[str, ...]) -> Sheet:
    return Sheet(
        name, {part: Channel(name, holder, neutral=1.0 if part == "b" else 0.5) for part in "rgb"}, role="normal"
    )


COAT, SHEEN, SPECULAR = _extension("clearcoat"), _extension("sheen"), _extension("specular")
IRIDESCENCE, ANISOTROPY = _extension("iridescence"), _extension("anisotropy")
TRANSMISSION, VOLUME, DIFFUSE = _extension("transmission"), _extension("volume"), _extension("diffuse_transmission")
STRENGTH = _extension("emissive_strength")

SHEETS = (
    Sheet(
        "baseColor",
        {**_colour("baseColor", PBR, 1.0), "a": Channel("baseColor", PBR, "baseColorFactor", 3, 1.0)},
        role="colour",
    ),
    Sheet(
        "occlusionRoughnessMetallic",
        {
            "r": Channel("occlusion", ()),
            "g": Channel("metallicRoughness", PBR, "roughnessFactor", default=1.0),
            "b": Channel("metallicRoughness", PBR, "metallicFactor", default=1.0),
        },
    ),
    _normal("normal", ()),
    Sheet("emissive", _colour("emissive", (), 0.0), role="colour"),
    Sheet(
        "clearcoat",
        {
            "r": Channel("clearcoat", COAT, "clearcoatFactor"),
            "g": Channel("clearcoatRoughness", COAT, "clearcoatRoughnessFactor"),
        },
    ),
    _normal("clearcoatNormal", COAT),
    Sheet(
        "sheen",
        {
            **_colour("sheenColor", SHEEN, 0.0),
            "a": Channel("sheenRoughness", SHEEN, "sheenRoughnessFactor"),
        },
        role="colour",
    ),
    Sheet(
        "specular",
        {
            **_colour("specularColor", SPECULAR, 1.0),
            "a": Channel("specular", SPECULAR, "specularFactor", default=1.0),
        },
        role="colour",
    ),
    Sheet("transmission", {"r": Channel("transmission", TRANSMISSION, "transmissionFactor")}),
    Sheet("thickness", {"g": Channel("thickness", VOLUME, "thicknessFactor")}),
    Sheet(
        "diffuseTransmission",
        {
            **_colour("diffuseTransmissionColor", DIFFUSE, 1.0),
            "a": Channel("diffuseTransmission", DIFFUSE, "diffuseTransmissionFactor"),
        },
        role="colour",
    ),
    Sheet(
        "iridescence",
        {
            "r": Channel("iridescence", IRIDESCENCE, "iridescenceFactor"),
            "g": Channel("iridescenceThickness", IRIDESCENCE),
        },
    ),
    Sheet(
        "anisotropy",
        {
            "r": Channel("anisotropy", ANISOTROPY),
            "g": Channel("anisotropy", ANISOTROPY, neutral=0.5),
            "b": Channel("anisotropy", ANISOTROPY, "anisotropyStrength"),
        },
    ),
)
SLOTS = frozenset(slot for sheet in SHEETS for slot in sheet.slots)
THICKNESS = {"iridescenceThicknessMinimum": 100.0, "iridescenceThicknessMaximum": 400.0}


@dataclass(frozen=True)
class Laid:
    """How a textureInfo lays its picture: from which UVs, by which transform."""

    uv_set: int
    turn: tuple[float, float, float, float]
    """row by row, UVs -> texture coordinates"""
    move: tuple[float, float]

    @property
    def is_straight(self) -> bool:
        """Whether tangents along the picture are those along the UVs: scaled against them, not turned or mirrored."""
        a, b, c, d = self.turn
        return a > 0 and d > 0 and max(abs(b), abs(c)) <= STRAIGHT * min(a, d)


def laid(info: Json) -> Laid:
    """By KHR_texture_transform: scale first, then turn counter-clockwise in (u, v), then move."""
    moved = info.get("extensions", {}).get(TRANSFORM, {})
    angle, (x, y) = float(moved.get("rotation", 0.0)), moved.get("scale", (1.0, 1.0))
    u, v = moved.get("offset", (0.0, 0.0))
    turn = (math.cos(angle) * x, math.sin(angle) * y, -math.sin(angle) * x, math.cos(angle) * y)
    return Laid(int(moved.get("texCoord", info.get("texCoord", 0))), turn, (float(u), float(v)))


def find(json: Json, path: Sequence[str]) -> Json:
    """The object at `path`, empty where there is none."""
    for key in path:
        json = json.get(key, {})
    return json


def span(json: Json, channel: Channel) -> tuple[float, float]:
    """(low, gain): a texel of 0..1 in this channel stands for `low + gain * texel`."""
    holder = find(json, channel.holder)
    if channel.slot == "occlusion":
        strength = float(holder.get("occlusionTexture", {}).get("strength", 1.0))
        return 1.0 - strength, strength
    if channel.slot == "iridescenceThickness":
        low, high = (float(holder.get(key, default)) for key, default in THICKNESS.items())
        return low, high - low
    if not channel.factor:
        return 0.0, 1.0
    value = holder.get(channel.factor)
    if channel.part is not None:
        value = None if value is None else value[channel.part]
    factor = channel.default if value is None else float(value)
    if channel.slot == "emissive":
        factor *= float(find(json, STRENGTH).get("emissiveStrength", 1.0))
    return 0.0, factor


def common_span(spans: Sequence[tuple[float, float]], channel: Channel) -> tuple[float, float]:
    """What the merged material's factors say, so that every member's values are texels of 0..1; as it is where the
    members agree."""
    if channel.slot == "occlusion":
        strength = max(gain for _, gain in spans)
        return 1.0 - strength, strength
    low = min(low for low, _ in spans)
    return low, max(low + gain for low, gain in spans) - low
