"""Materials -> what each image is for: colour, vectors or numbers, and whether its alpha counts.

The table holds the texture slots of glTF 2.0 and of every ratified KHR_materials extension; an image's use is decided
by all slots of all materials that show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assetpipe.asset import Material, Scene, TextureSlot

Role = Literal["colour", "normal", "data"]
Alpha = Literal["unused", "coverage", "data"]


@dataclass(frozen=True)
class Slot:
    """How a material reads a texture."""

    role: Role
    channels: str
    """Those that it reads, of rgba."""


SLOTS: dict[str, Slot] = {
    "baseColor": Slot("colour", "rgba"),
    "metallicRoughness": Slot("data", "gb"),
    "normal": Slot("normal", "rgb"),
    "occlusion": Slot("data", "r"),
    "emissive": Slot("colour", "rgb"),
    "anisotropy": Slot("data", "rgb"),  # RG is a direction, but its zero is a legal value
    "clearcoat": Slot("data", "r"),
    "clearcoatRoughness": Slot("data", "g"),
    "clearcoatNormal": Slot("normal", "rgb"),
    "diffuseTransmission": Slot("data", "a"),
    "diffuseTransmissionColor": Slot("colour", "rgb"),
    "iridescence": Slot("data", "r"),
    "iridescenceThickness": Slot("data", "g"),
    "sheenColor": Slot("colour", "rgb"),
    "sheenRoughness": Slot("data", "a"),
    "specular": Slot("data", "a"),
    "specularColor": Slot("colour", "rgb"),
    "thickness": Slot("data", "g"),
    "transmission": Slot("data", "r"),
}
_VECTORS_FIRST: tuple[Role, ...] = ("normal", "data", "colour")


@dataclass(frozen=True)
class ImageUse:
    """What an image is for. Part of the cache's key: same image and use, same pixels."""

    role: Role
    alpha: Alpha = "unused"
    cutoff: float | None = None
    """Where every material that shows it tests its alpha (MASK), if they agree."""


def find_uses(scene: Scene) -> tuple[dict[int, ImageUse], list[str]]:
    """Image index -> its use, for images that a material shows; and a warning per image used in conflicting ways."""
    shown: dict[int, list[tuple[Material, TextureSlot]]] = {}
    for material, slot, image in shown_images(scene):
        shown.setdefault(image, []).append((material, slot))
    warnings = [_conflict(scene, image, users) for image, users in sorted(shown.items()) if len(_roles(users)) > 1]
    return {image: _use(users) for image, users in sorted(shown.items())}, warnings


def shown_images(scene: Scene) -> Iterator[tuple[Material, TextureSlot, int]]:
    """Every use of an image by a material; a texture without a source shows nothing."""
    for material in scene.materials:
        for slot in material.textures:
            image = find_image(scene, slot)
            if image is not None:
                yield material, slot, image


def find_image(scene: Scene, slot: TextureSlot) -> int | None:
    textures = scene.json.get("textures", [])
    source = textures[slot.texture].get("source") if slot.texture < len(textures) else None
    return None if source is None else int(source)


def slot_named(name: str) -> Slot:
    """A slot of an extension that the table lacks goes by its name, and keeps its alpha."""
    if name in SLOTS:
        return SLOTS[name]
    if "Normal" in name:
        return Slot("normal", "rgba")
    return Slot("colour" if "Color" in name or name == "diffuse" else "data", "rgba")


def _use(users: list[tuple[Material, TextureSlot]]) -> ImageUse:
    roles = _roles(users)
    role: Role = next((role for role in _VECTORS_FIRST if role in roles), "data")
    alphas = {_alpha(material, slot) for material, slot in users}
    if "data" in alphas:
        return ImageUse(role, "data")
    if "coverage" not in alphas:
        return ImageUse(role)
    cutoffs = {_cutoff(material) for material, slot in users if _alpha(material, slot) == "coverage"}
    return ImageUse(role, "coverage", cutoffs.pop() if len(cutoffs) == 1 else None)


def _roles(users: list[tuple[Material, TextureSlot]]) -> set[Role]:
    """Of red, green and blue: sheenRoughness, in alpha, may share an image with sheenColor."""
    slots = [slot_named(slot.name) for _, slot in users]
    return {slot.role for slot in slots if slot.channels != "a"}


def _alpha(material: Material, slot: TextureSlot) -> Alpha:
    if slot.name == "baseColor":
        return "unused" if material.alpha_mode == "OPAQUE" else "coverage"
    return "data" if "a" in slot_named(slot.name).channels else "unused"


def _cutoff(material: Material) -> float | None:
    return float(material.json.get("alphaCutoff", 0.5)) if material.alpha_mode == "MASK" else None


def _conflict(scene: Scene, image: int, users: list[tuple[Material, TextureSlot]]) -> str:
    names = ", ".join(sorted({slot.name for _, slot in users}))
    return f"{image_label(scene, image)} serves as {names} at once and is resized as {_use(users).role}"


def image_label(scene: Scene, index: int) -> str:
    name = scene.images[index].name
    return f"images/{index} ({name})" if name else f"images/{index}"
