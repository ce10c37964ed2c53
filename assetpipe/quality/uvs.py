"""UVs of a GLB -> how well they can carry a texture: range, mirroring, density, overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assetpipe.asset import Array
from assetpipe.quality.pictures import Picture, texture_images
from assetpipe.quality.reading import Reading, ReadingError

# Draco and quantised UVs land up to half a step of 12 bits outside.
ROUNDING = 1.0 / 4096.0
# Triangles smaller than this have no density worth the name: half a millimetre's square, and one texel of 16384².
SMALLEST_SQUARE_METRES = 2.5e-7
SMALLEST_UV = 1.0 / 16384.0**2
RASTER = 1024
# Decimated and quantised UVs fold slivers over their neighbours (0.06 % of a mixer at a fifth of its triangles): so
# much of the covered area, in percent, is no overlap.
FOLDS = 0.2


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """The triangles of one drawn primitive, in space and in texture space."""

    primitive: Any
    points: Array
    """(n, 3, 3) metres"""
    uvs: Array
    """(n, 3, 2)"""
    material: int | None


def unwrapped(reading: Reading) -> list[Unwrapped]:
    """Every drawn primitive that has UVs."""
    found = []
    for part in reading.parts:
        uvs = reading.attribute(part.primitive, "TEXCOORD_0")
        points = reading.attribute(part.primitive, "POSITION")
        if uvs is None or points is None or not reading.triangles(part.primitive):
            continue
        corners = reading.corners(part.primitive)
        if corners.size and corners.max() >= min(len(uvs), len(points)):
            raise ReadingError(f"index {corners.max()} is beyond the {len(points)} vertices")
        world = points @ part.world[:3, :3].T + part.world[:3, 3]
        found.append(Unwrapped(part.primitive, world[corners], uvs[corners], part.primitive.material))
    return found


def outside(pieces: list[Unwrapped]) -> float:
    """How far the farthest UV lies outside 0..1; what rounding explains is none."""
    worst = max((max(-piece.uvs.min(), piece.uvs.max() - 1.0) for piece in pieces if piece.uvs.size), default=0.0)
    return float(worst) if worst > ROUNDING else 0.0


def mirrored(pieces: list[Unwrapped]) -> int:
    """Triangles whose texture is seen as in a mirror: glTF's v runs down, so upright ones turn clockwise in (u, v)."""
    return sum(int((signed_areas(piece.uvs) > SMALLEST_UV).sum()) for piece in pieces)


def density(reading: Reading, pieces: list[Unwrapped], images: list[Picture]) -> float | None:
    """Texels per metre where they lie closest, of the base colour textures; None without such a texture."""
    densest = [
        float(np.sqrt((area * texels)[solid] / metres[solid]).max())
        for piece in pieces
        if (texels := _texels(reading, piece.material, images))
        for area, metres in [(np.abs(signed_areas(piece.uvs)), _square_metres(piece.points))]
        if (solid := (metres > SMALLEST_SQUARE_METRES) & (area > SMALLEST_UV)).any()
    ]
    return max(densest, default=None)


def overlapping(pieces: list[Unwrapped]) -> float:
    """Percent of the texels that a material's triangles cover, covered more than once. A primitive that several nodes
    draw counts once, and materials do not share a texture."""
    from assetpipe.queries.uv_raster import cover_square  # Warp takes half a second; few checks need it

    if outside(pieces):
        raise ReadingError("the texture is tiled, so triangles share it on purpose")
    once = {id(piece.primitive): piece for piece in pieces}
    by_material: dict[int | None, list[Array]] = {}
    for piece in once.values():
        by_material.setdefault(piece.material, []).append(piece.uvs * RASTER)
    covers = [cover_square(np.concatenate(corners), RASTER) for corners in by_material.values()]
    share = 100.0 * sum(each.twice for each in covers) / max(sum(each.once for each in covers), 1)
    return share if share > FOLDS else 0.0


def signed_areas(uvs: Array) -> Array:
    """(n,) of (n, 3, 2) triangles."""
    first, second = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    return np.asarray((first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2.0)


def _square_metres(points: Array) -> Array:
    return np.asarray(np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1) / 2.0)


def _texels(reading: Reading, material: int | None, images: list[Picture]) -> int:
    if material is None:
        return 0
    pbr: Any = reading.document.materials[material].pbrMetallicRoughness
    if pbr is None or pbr.baseColorTexture is None:
        return 0
    used = texture_images(reading, pbr.baseColorTexture.index)
    return max((image.width * image.height for image in images if image.index in used), default=0)
