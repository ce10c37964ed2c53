"""Small pictures and scenes that show them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image

from assetpipe.asset import Array, Image, Json, Material, Scene
from assetpipe.textures import TextureTarget
from assetpipe.textures.decode import decode

CORE = {"baseColor": "pbrMetallicRoughness", "metallicRoughness": "pbrMetallicRoughness"}
OWNERS = {
    "clearcoatNormal": "KHR_materials_clearcoat",
    "sheenColor": "KHR_materials_sheen",
    "sheenRoughness": "KHR_materials_sheen",
    "specular": "KHR_materials_specular",
    "transmission": "KHR_materials_transmission",
    "iridescenceThickness": "KHR_materials_iridescence",
}


def png(array: Array) -> Image:
    """(h, w), (h, w, 3) or (h, w, 4) uint8, or (h, w) uint16."""
    return picture(PIL.Image.fromarray(array), "PNG")


def picture(image: PIL.Image.Image, kind: str, **options: Any) -> Image:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return Image(data.getvalue(), f"image/{kind.lower()}", {"name": "wood"})


def material(factors: Json | None = None, **slots: int) -> Material:
    """`material(baseColor=0, normal=1)`; textures are numbered like images. `factors` are merged at the top."""
    json: Json = dict(factors or {})
    for slot, texture in slots.items():
        holder = json
        if slot in CORE:
            holder = json.setdefault(CORE[slot], {})
        elif slot in OWNERS:
            holder = json.setdefault("extensions", {}).setdefault(OWNERS[slot], {})
        holder[f"{slot}Texture"] = {"index": texture}
    return Material(json)


def scene(*materials: Material, images: list[Image]) -> Scene:
    return Scene((), (), materials, tuple(images), json={"textures": [{"source": i} for i in range(len(images))]})


def target(**changes: Any) -> TextureTarget:
    qualities = {"colour_quality": 85, "normal_quality": 90, "data_quality": 80}
    asked = {"format": "png", "px": 4096, **qualities, "power_of_two": True, "screen_px": 0, **changes}
    return TextureTarget(**{"asked_quality": asked["normal_quality"], **asked})


def pixels(image: Image) -> Array:
    return decode(image.data, image.name).array


def checkerboard(side: int) -> Array:
    """One texel black, one white."""
    rows, columns = np.indices((side, side))
    return np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


def cloth(side: int, channels: int = 3, seed: int = 7) -> Array:
    """Smooth waves with a little grain, the like of which a camera sees."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((side, side)) / side * 2 * np.pi
    waves = [np.sin(rows * (2 + i) + columns * (3 - i)) * 90 + 128 for i in range(channels)]
    return (np.stack(waves, axis=-1) + random.normal(0, 3, (side, side, channels))).clip(0, 255).astype(np.uint8)


def bumps(side: int) -> Array:
    """A normal map of gentle waves."""
    rows, columns = np.indices((side, side)) / side * 2 * np.pi
    vector = np.stack([0.5 * np.sin(columns * 4), 0.4 * np.cos(rows * 3), np.ones((side, side))], axis=-1)
    unit = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.round((unit + 1) * 127.5).astype(np.uint8)


def psnr(a: Array, b: Array) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2))))
