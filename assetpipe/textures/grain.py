"""A normal map, a quality -> whether WebP at that quality takes its grain away; a coverage -> whether it is noise.

Lossy coding smooths what is finer than its steps. On most maps that is noise; where it is all that a map has (a matt
lacquer, a brushed grip), gloss comes back that the product has not: TennisRacquet's `high` from the front at 2160 px
had SSIM 0.938, and 0.985 with its normal maps without loss, at 1.7 MB more.
"""

from __future__ import annotations

import numpy as np
import pyvips

from assetpipe.asset import Array
from assetpipe.textures.decode import Pixels, vips_pixels

NEAR = 5
"""Texels across what counts as about a texel."""
FAINT = 1.0
"""Code values: what stands out less, on average, is the rounding of a smooth map."""
NOISE = 3.0
"""Code values by which a coverage stands out from about it: as much as rounding to 16 values costs."""
BAND, TEXELS = 32, 1 << 20
"""Rows that are looked at together, and about how many texels of a picture in all."""


def loses_grain(pixels: Pixels, quality: int) -> bool:
    """Whether what is lost is as much as all that stands out from about it; means of (x, y), where anything does.

    Lost of what stands out, at WebP quality 90: TennisRacquet's four maps 1.1 to 1.3; Mixer 0.8; leather, knitwear,
    cloth and scanned stone 0.5.
    """
    bands = _bands(pixels.array)
    image = Pixels(bands.reshape(-1, *bands.shape[2:])).vips.copy(interpretation="srgb")
    after = vips_pixels(pyvips.Image.webpload_buffer(image.webpsave_buffer(Q=quality, effort=1, keep="none")))
    before = bands[..., :2].astype(np.int32)
    lost = _length(before - after.reshape(*bands.shape[:3], -1)[..., :2])
    grain = _length(before - _means(before))
    shown = grain > 0
    return bool(lost[shown].sum() > grain[shown].sum() > FAINT * np.count_nonzero(shown))


def is_noise(alpha: Array) -> bool:
    """(h, w) uint8. Where a texel covers in part, its neighbours cover otherwise, so that steps cannot be seen.

    TennisRacquet's strings 5.5; a gradient 0.3.
    """
    bands = _bands(alpha[..., None]).astype(np.int32)
    partly = (bands > 0) & (bands < 255)
    apart = np.abs(bands - _means(bands))[partly]
    return bool(apart.sum() > NOISE * apart.size)


def _bands(array: Array) -> Array:
    """(bands, rows, width, up to 3), evenly from top to bottom: an atlas may be empty anywhere."""
    height, width = array.shape[:2]
    rows = min(BAND, height)
    every = max(1, height * width // TEXELS)
    tops = range(0, height - rows + 1, rows * every)
    return np.stack([array[top : top + rows, :, :3] for top in tops])


def _means(bands: Array) -> Array:
    """Over NEAR x NEAR, each band by itself; its border is repeated."""
    reach, (rows, columns) = NEAR // 2, bands.shape[1:3]
    padded = np.pad(bands, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    tall = np.add.reduce([padded[:, at : at + rows] for at in range(NEAR)])
    wide = np.add.reduce([tall[:, :, at : at + columns] for at in range(NEAR)])
    mean: Array = wide / float(NEAR * NEAR)
    return mean


def _length(vectors: Array) -> Array:
    found: Array = np.sqrt(vectors[..., 0] ** 2.0 + vectors[..., 1] ** 2.0)
    return found
