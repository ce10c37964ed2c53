"""The nouns of baking: two surfaces in one space, what the source's materials are made of, what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Floats, Indices

REPEAT = 10497

Bytes = NDArray[np.uint8]
Kind = Literal["colour", "data", "normal"]
"""How texels are averaged: in linear light, as they are, as unit vectors."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles in the space that source and level share. Rows that no triangle uses do no harm."""

    positions: Floats
    """(n, 3) metres"""
    indices: Indices
    """(3 f,)"""
    normals: Floats | None = None
    """(n, 3); None: flat faces"""
    tangents: Floats | None = None
    """(n, 4), w the side of the bitangent, as glTF has it. A level's normal map cannot be baked without."""
    uvs: Mapping[int, Floats] = field(default_factory=dict)
    """TEXCOORD set -> (n, 2)"""
    colours: Floats | None = None
    """(n, 3) or (n, 4) linear"""
    materials: Array | None = None
    """(f,) rows of each layer's coats; None: 0"""
    two_sided: Array | None = None
    """(f,) whether both sides of a source's face are drawn; None: none. Ambient occlusion asks."""
    parts: Array | None = None
    """(f,) a level's triangle meets those of its own part alone (a button never leaves its colour on the cloth below);
    None: 0"""

    @property
    def triangles(self) -> int:
        return len(self.indices) // 3

    def check(self) -> None:
        """Kernels look at no bounds."""
        count = len(self.positions)
        by_vertex = [self.normals, self.tangents, self.colours, *self.uvs.values()]
        assert int(self.indices.max(initial=0)) < max(count, 1), "indices beyond the positions"
        assert all(values is None or len(values) == count for values in by_vertex), "attributes of different lengths"
        for rows in (self.materials, self.two_sided, self.parts):
            assert rows is None or len(rows) == self.triangles, "not one row for each triangle"
            assert rows is None or int(rows.min(initial=0)) >= 0, "a row below 0"


@dataclass(frozen=True, eq=False)
class Texture:
    """A decoded texture: an image and how it goes on beyond its edges."""

    pixels: Bytes
    """(h, w, 3 or 4), as stored (sRGB for colours)"""
    wrap: tuple[int, int] = (REPEAT, REPEAT)
    """the sampler's wrapS and wrapT"""


@dataclass(frozen=True, eq=False)
class Coat:
    """What one material has in a layer: `factor` times texel plus `offset`, channel by channel."""

    texture: Texture | None = None
    uv_set: int = 0
    matrix: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    """KHR_texture_transform: (u, v) -> (m0 u + m1 v + m2, m3 u + m4 v + m5)"""
    factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """of the linear texel; of a normal map, x and y are `scale`"""
    offset: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    opaque: bool = False
    """of base colour: alpha is not looked at and comes out as 1"""


@dataclass(frozen=True, eq=False)
class Layer:
    """One texture slot of glTF, over all materials of the source, and the channels that it fills of the map `map`."""

    map: str
    kind: Kind
    channels: str
    """of rgba: those that the slot reads are those that it fills"""
    coats: Sequence[Coat]
    """by material"""
    base: bool = False
    """base colour: vertex colours multiply it, and alpha is how much of it is there"""


@dataclass(frozen=True, eq=False)
class BakeRequest:
    px: int
    """side of the square maps"""
    distance: float
    """Metres from the level, both ways, at which the source is looked for along the cage: twice the level's measured
    deviation. Where no line meets it, the nearest point within twice `distance` is taken."""
    maps: tuple[str, ...] = ()
    """of those that the source's layers fill; (): all"""
    uv_set: int = 0
    """of the level"""
    samples: int = 0
    """per texel: 1, 4 or 16; 0: by how fine the source's triangles are against the texels"""
    gutter: int = 8
    """texels about each chart that take its edge's value; beyond, the maps fade into their surroundings"""
    occlusion: Occlusion | None = None
    """Instead of the layers' maps."""
    threads: int = 0
    """on the CPU; 0: one per core. Changes no byte."""


@dataclass(frozen=True)
class Occlusion:
    """Ambient occlusion from the source's own shape, into `occlusion`, a map of one channel: how much of the sky about
    a place is open. What is met counts the less the farther away it is. A sheet that is drawn from both sides has the
    shade of the one that is seen; what nobody can see takes its neighbours'."""

    rays: int = 64
    reach: float = 0.25
    """of the source's largest extent: nothing farther darkens"""


@dataclass(frozen=True, eq=False)
class Baked:
    maps: Mapping[str, Bytes]
    """map -> (px, px, 3 or 4): colours as sRGB, red first; alpha only in `baseColor` and where a layer asks for it;
    `occlusion` (px, px, 1)"""
    coverage: Bytes
    """(px, px): 1 where a triangle of the level shows the texel and the source was met"""
    misses: float
    """share of the samples on the level where the source was not met; their texels are filled from around them"""
    samples: int
    """per texel, as taken"""
