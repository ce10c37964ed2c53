"""A texture slot -> how it is looked up: from which UV set, by which transform, in which image, how it goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Image, Json, Material, Scene, TextureSlot
from assetpipe.atlas.flat import inverse, product
from assetpipe.slots import Laid, laid

Doubles = NDArray[np.float64]
REPEAT, MIRROR, CLAMP = 10497, 33648, 33071
NEAREST = 9728


@dataclass(frozen=True)
class Pictures:
    """How images are read; the textures stage knows."""

    size: Callable[[Image], tuple[int, int]]
    """(width, height)"""
    decode: Callable[[Image], Array]
    """(height, width, 3 or 4) uint8 or uint16, as stored"""


@dataclass(frozen=True)
class Lookup:
    """Equal lookups read equal texels."""

    image: int
    uv_set: int
    turn: tuple[float, float, float, float]
    """row by row, UVs -> texture coordinates"""
    move: tuple[float, float]
    wrap: tuple[int, int]
    size: tuple[int, int]
    """(width, height) of the image"""

    @property
    def matrix(self) -> Doubles:
        """(2, 3) UVs -> texels of the image"""
        coordinates = np.column_stack([np.reshape(self.turn, (2, 2)), self.move])
        return coordinates * np.array(self.size, np.float64)[:, None]

    @property
    def density(self) -> float:
        """Texels that one unit of UV spans, both ways averaged."""
        (a, b, _), (c, d, _) = self.matrix.tolist()
        return math.sqrt(abs(a * d - b * c))

    def is_along(self, other: Lookup) -> bool:
        return are_along(Laid(self.uv_set, self.turn, self.move), Laid(other.uv_set, other.turn, other.move))


def are_along(one: Laid, other: Laid) -> bool:
    """Whether tangents point the same ways in both: scaled against each other, not turned or mirrored."""
    if one.uv_set != other.uv_set:
        return False
    (a, b), (c, d) = product(np.reshape(one.turn, (2, 2)), inverse(np.reshape(other.turn, (2, 2)))).tolist()
    return Laid(one.uv_set, (a, b, c, d), one.move).is_straight


def look_up(scene: Scene, slot: TextureSlot, pictures: Pictures) -> Lookup | None:
    """None for a texture that shows nothing."""
    textures = scene.json.get("textures", [])
    texture: Json = textures[slot.texture] if slot.texture < len(textures) else {}
    if texture.get("source") is None:
        return None
    sampler = sampler_of(scene, slot)
    how = laid(slot.info)
    return Lookup(
        image=int(texture["source"]),
        uv_set=how.uv_set,
        turn=how.turn,
        move=how.move,
        wrap=(sampler.get("wrapS", REPEAT), sampler.get("wrapT", REPEAT)),
        size=pictures.size(scene.images[int(texture["source"])]),
    )


def sampler_of(scene: Scene, slot: TextureSlot) -> Json:
    textures = scene.json.get("textures", [])
    at = textures[slot.texture].get("sampler") if slot.texture < len(textures) else None
    sampler: Json = {} if at is None else scene.json["samplers"][at]
    return sampler


def is_blocky(scene: Scene, material: Material) -> bool:
    """A pixelated look is one that the author chose."""
    return any(sampler_of(scene, slot).get("magFilter") == NEAREST for slot in material.textures)
