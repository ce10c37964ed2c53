"""Materials -> what each image is for: colour, vectors or numbers, and whether its alpha counts.

The table holds the texture slots of glTF 2.0 and of every ratified KHR_materials extension; an image's use is decided
by all slots of all materials that show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from assetpipe.asset import Image, Material, Scene, TextureSlot

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
    channels: str = "rgb"
    """Those of red, green and blue that somebody reads, in this order."""
    alpha: Alpha = "unused"
    cutoff: float | None = None
    """Where every material that shows it tests its alpha (MASK), if they agree."""


Users = list[tuple[Material, TextureSlot]]


def find_uses(scene: Scene, digest: Callable[[Image], str]) -> tuple[dict[int, ImageUse], list[str]]:
    """Image index -> its use, for images that a material shows; and a warning per image used in conflicting ways.

    Images with the same data are one image to us, unless that would make a conflict: many exporters write one
    occlusion-roughness-metallic map twice, and it should be encoded, stored and uploaded once.
    """
    own: dict[int, Users] = {}
    shared: dict[str, Users] = {}
    for material, slot, image in shown_images(scene):
        own.setdefault(image, []).append((material, slot))
        shared.setdefault(digest(scene.images[image]), []).append((material, slot))

    def users(image: int) -> Users:
        together = shared[digest(scene.images[image])]
        return together if len(_roles(together)) <= 1 else own[image]

    uses = {image: _use(users(image)) for image in sorted(own)}
    return uses, [_conflict(scene, image, own[image]) for image in sorted(own) if len(_roles(own[image])) > 1]


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


def _use(users: Users) -> ImageUse:
    roles = _roles(users)
    role: Role = next((role for role in _VECTORS_FIRST if role in roles), "data")
    read = "".join(slot_named(slot.name).channels for _, slot in users)
    channels = "".join(channel for channel in "rgb" if channel in read)
    alphas = {_alpha(material, slot) for material, slot in users}
    if "data" in alphas:
        return ImageUse(role, channels, "data")
    if "coverage" not in alphas:
        return ImageUse(role, channels)
    cutoffs = {_cutoff(material) for material, slot in users if _alpha(material, slot) == "coverage"}
    return ImageUse(role, channels, "coverage", cutoffs.pop() if len(cutoffs) == 1 else None)


def _roles(users: Users) -> set[Role]:
    """Of red, green and blue: sheenRoughness, in alpha, may share an image with sheenColor."""
    slots = [slot_named(slot.name) for _, slot in users]
    return {slot.role for slot in slots if slot.channels != "a"}


def _alpha(material: Material, slot: TextureSlot) -> Alpha:
    if slot.name == "baseColor":
        return "unused" if material.alpha_mode == "OPAQUE" else "coverage"
    return "data" if "a" in slot_named(slot.name).channels else "unused"


def _cutoff(material: Material) -> float | None:
    return float(material.json.get("alphaCutoff", 0.5)) if material.alpha_mode == "MASK" else None


def _conflict(scene: Scene, image: int, users: Users) -> str:
    names = ", ".join(sorted({slot.name for _, slot in users}))
    return f"{image_label(scene, image)} serves as {names} at once and is resized as {_use(users).role}"


def image_label(scene: Scene, index: int) -> str:
    name = scene.images[index].name
    return f"images/{index} ({name})" if name else f"images/{index}"
