"""What the renderer draws: triangles in world space and decoded pictures. The pipeline makes them from a Scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Floats, Indices, Material

REPEAT = 10497


@dataclass(frozen=True, eq=False)
class Drawable:
    """Triangles of one material, where they stand in the world. A mirrored copy (a matrix with a negative determinant)
    comes with two corners of each triangle swapped."""

    positions: Floats
    """(n, 3) metres"""
    indices: Indices
    """(3 f,)"""
    normals: Floats | None = None
    """(n, 3); None: flat faces"""
    uvs: Mapping[int, Floats] = field(default_factory=dict)
    """TEXCOORD set -> (n, 2)"""
    colours: Floats | None = None
    """(n, 3) or (n, 4) linear"""
    material: Material | None = None
    """None: glTF's default material"""


@dataclass(frozen=True, eq=False)
class Texture:
    """A decoded texture: an image and how it goes on beyond its edges."""

    pixels: NDArray[np.uint8]
    """(h, w, 4) RGBA, as stored (sRGB for colours)"""
    wrap: tuple[int, int] = (REPEAT, REPEAT)
    """the sampler's wrapS and wrapT"""


@dataclass(frozen=True, eq=False)
class Box:
    """An upright box about what is drawn, metres."""

    low: Array
    """(3,) float64"""
    high: Array

    @property
    def centre(self) -> Array:
        return (self.low + self.high) / 2.0

    @property
    def size(self) -> float:
        """The largest extent; 1 when there is none."""
        return float((self.high - self.low).max()) or 1.0


def drawn_box(drawables: Sequence[Drawable]) -> Box:
    """Of the vertices that triangles use."""
    used = [drawable.positions[drawable.indices] for drawable in drawables if len(drawable.indices)]
    if not used:
        return Box(np.zeros(3), np.zeros(3))
    low = np.min([points.min(axis=0) for points in used], axis=0)
    high = np.max([points.max(axis=0) for points in used], axis=0)
    return Box(low.astype(np.float64), high.astype(np.float64))
