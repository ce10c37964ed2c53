"""Skin and its UVs -> how well they carry a texture, and whether they can at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.geometry.unwrapping.charts import signed_areas
from assetpipe.geometry.unwrapping.skin import Doubles, Skin
from assetpipe.queries.uv_raster import cover_square

RASTER = 2048  # texels on which overlaps are looked for, at most


@dataclass(frozen=True)
class Verdict:
    fill: float
    """Share of the square that triangles cover."""
    stretch: float
    """1 where every triangle is as in space, but for one scale: L2 of P. Sander et al., 2001, over the surface."""
    overlap: float
    """Share of the covered texels that two triangles or more cover."""


def judge(skin: Skin, uvs: Doubles, px: int) -> Verdict | None:
    """(f, 3, 2) -> None where some are no numbers or outside 0..1."""
    if not len(uvs):
        return Verdict(0.0, 1.0, 0.0)
    if not np.isfinite(uvs).all() or uvs.min() < 0 or uvs.max() > 1:
        return None
    raster = min(px, RASTER)
    fill = float(np.abs(signed_areas(uvs)).sum())
    return Verdict(fill, _stretch(skin, uvs), cover_square(uvs * raster, raster).overlap)


def _stretch(skin: Skin, uvs: Doubles) -> float:
    a, b, c = (skin.points[skin.corners[:, at]].astype(np.float64) for at in range(3))
    twice = 2 * signed_areas(uvs)
    drawn = np.abs(twice) > 1e-14
    safe = np.where(drawn, twice, 1.0)[:, None]
    (u1, v1), (u2, v2) = (uvs[:, at].T - uvs[:, 0].T for at in (1, 2))
    along_u = ((b - a) * v2[:, None] - (c - a) * v1[:, None]) / safe
    along_v = ((c - a) * u1[:, None] - (b - a) * u2[:, None]) / safe
    square = ((along_u**2).sum(axis=1) + (along_v**2).sum(axis=1)) / 2
    areas = np.where(drawn, skin.areas, 0.0)
    total = float(areas.sum())
    return float(np.sqrt((square * areas).sum() / total * np.abs(twice[drawn]).sum() / 2 / total)) if total else 1.0
