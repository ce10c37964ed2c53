"""Scene + slots -> the same scene without those maps, each material's factors multiplied by the average of what left.

Without that an emissive map that lights one lamp would leave its factor behind and light the whole chair.
"""

from __future__ import annotations

import copy
from collections.abc import Set
from dataclasses import replace
from typing import Any

import numpy as np

from assetpipe.asset import Array, Json, Material, Scene
from assetpipe.textures.cache import TextureCache
from assetpipe.textures.filters import linear
from assetpipe.textures.uses import find_image, image_label, slot_named
from assetpipe.textures.work import decoded

# slot -> the factors that its channels are multiplied with. Normal and occlusion maps leave nothing behind.
FACTORS: dict[str, tuple[tuple[str, str], ...]] = {
    "baseColor": (("baseColorFactor", "rgba"),),
    "metallicRoughness": (("roughnessFactor", "g"), ("metallicFactor", "b")),
    "emissive": (("emissiveFactor", "rgb"),),
    "anisotropy": (("anisotropyStrength", "b"),),
    "clearcoat": (("clearcoatFactor", "r"),),
    "clearcoatRoughness": (("clearcoatRoughnessFactor", "g"),),
    "diffuseTransmission": (("diffuseTransmissionFactor", "a"),),
    "diffuseTransmissionColor": (("diffuseTransmissionColorFactor", "rgb"),),
    "iridescence": (("iridescenceFactor", "r"),),
    "iridescenceThickness": (("iridescenceThicknessMaximum", "g"),),
    "sheenColor": (("sheenColorFactor", "rgb"),),
    "sheenRoughness": (("sheenRoughnessFactor", "a"),),
    "specular": (("specularFactor", "a"),),
    "specularColor": (("specularColorFactor", "rgb"),),
    "thickness": (("thicknessFactor", "g"),),
    "transmission": (("transmissionFactor", "r"),),
}
# What a factor is where the material leaves it out; the others are 0 or black.
DEFAULTS: dict[str, Any] = {
    "baseColorFactor": [1.0, 1.0, 1.0, 1.0],
    "roughnessFactor": 1.0,
    "metallicFactor": 1.0,
    "iridescenceThicknessMaximum": 400.0,
    "specularFactor": 1.0,
    "specularColorFactor": [1.0, 1.0, 1.0],
    "diffuseTransmissionColorFactor": [1.0, 1.0, 1.0],
}


def drop_maps(scene: Scene, dropped: Set[str], cache: TextureCache) -> Scene:
    if not any(slot.name in dropped for material in scene.materials for slot in material.textures):
        return scene
    return replace(scene, materials=tuple(_drop(scene, material, dropped, cache) for material in scene.materials))


def _drop(scene: Scene, material: Material, dropped: Set[str], cache: TextureCache) -> Material:
    json = copy.deepcopy(material.json)
    for slot in material.textures:
        if slot.name not in dropped:
            continue
        holder = json
        for key in slot.path[:-1]:
            holder = holder[key]
        del holder[slot.path[-1]]
        image = find_image(scene, slot)
        if image is not None and slot.name in FACTORS:
            _scale_factors(holder, slot.name, _average(scene, image, slot.name, cache))
    return replace(material, json=json)


def _scale_factors(holder: Json, slot: str, average: dict[str, float]) -> None:
    """`holder` is our own copy: the object that had the texture and has its factors."""
    for factor, channels in FACTORS[slot]:
        value = holder.get(factor, DEFAULTS.get(factor, 0.0 if len(channels) == 1 else [0.0] * len(channels)))
        if factor == "iridescenceThicknessMaximum":  # the map blends between two ends
            low = holder.get("iridescenceThicknessMinimum", 100.0)
            holder[factor] = low + (value - low) * average["g"]
        elif len(channels) == 1:
            holder[factor] = value * average[channels]
        else:
            holder[factor] = [part * average[channel] for part, channel in zip(value, channels, strict=True)]


def _average(scene: Scene, image: int, slot: str, cache: TextureCache) -> dict[str, float]:
    """Per channel, 0..1, of light where the map is colour; rounded so that the JSON stays short."""
    pixels = decoded(scene.images[image], image_label(scene, image), cache).array
    means = [
        _mean(pixels[..., band], as_light=band < 3 and slot_named(slot).role == "colour")
        for band in range(pixels.shape[2])
    ]
    return dict(zip("rgba", [*means, 1.0], strict=False))


def _mean(channel: Array, *, as_light: bool) -> float:
    """Through the histogram: exact, and no copy of the image."""
    levels = np.iinfo(channel.dtype).max
    counts = np.bincount(channel.reshape(-1), minlength=levels + 1)
    codes = np.arange(levels + 1) / levels
    return round(float(counts @ (linear(codes) if as_light else codes)) / channel.size, 6)
