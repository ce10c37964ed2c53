"""UVs that lie whole tiles away -> the same charts within the first tile, where every map that repeats shows the same.

Exporters lay parts of a product out side by side (0..1, 1..2, ...), or leave all of it one tile off: that is no
overlap, and a map can be baked there once charts have come home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from assetpipe.asset import Material, Primitive, Scene
from assetpipe.groups import label_pieces
from assetpipe.worn import Key

REPEAT = 10497
TRANSFORM = "KHR_texture_transform"
EDGE = 1e-4
"""Of a tile: a chart that begins a rounding error before one begins with it."""


def repeats(scene: Scene, material: Material) -> bool:
    """Whether all its maps show the same one tile on: one that is scaled by a fraction does not."""
    return all(
        _repeats(scene, slot.texture) and TRANSFORM not in slot.info.get("extensions", {}) for slot in material.textures
    )


def _repeats(scene: Scene, texture: int) -> bool:
    at = scene.json["textures"][texture].get("sampler")
    sampler = {} if at is None else scene.json["samplers"][at]
    return all(sampler.get(way, REPEAT) == REPEAT for way in ("wrapS", "wrapT"))


def brought_home(primitives: Mapping[Key, Primitive], uv_set: int) -> dict[Key, Primitive]:
    """Each chart moved by whole tiles, so that it begins in the first."""
    return {key: _brought_home(each, f"TEXCOORD_{uv_set}") for key, each in primitives.items()}


def _brought_home(primitive: Primitive, name: str) -> Primitive:
    uvs = primitive.attributes[name].astype(np.float64)
    corners = primitive.indices.reshape(-1, 3)
    chart = label_pieces(corners.astype(np.int32), len(uvs))
    least = np.full(uvs.shape, np.inf)
    np.minimum.at(least, chart, uvs)
    tiles = np.floor(least + EDGE)[chart]
    if not np.isfinite(tiles).all() or not tiles.any():
        return primitive
    return replace(primitive, attributes={**primitive.attributes, name: (uvs - tiles).astype(np.float32)})
