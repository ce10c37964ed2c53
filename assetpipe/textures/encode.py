"""8-bit pixels -> WebP, JPEG, PNG or KTX2 bytes without metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips

from assetpipe.textures.decode import Pixels
from assetpipe.textures.grain import loses_grain
from assetpipe.textures.ktx2 import encode_ktx2
from assetpipe.textures.target import Format, TextureTarget
from assetpipe.textures.uses import ImageUse

NEAR_LOSSLESS_FROM = 95
GRAIN_STEP = 5
"""Of quality, for normal maps that would lose their grain. TennisRacquet's `high` from the front, normal maps' kB and
SSIM: 90: 53, 0.938; 95: 131, 0.950; 98 and smart_subsample: 256, 0.962; near-lossless: 786."""
PALETTE = 256
STRIP = 64
LARGE_TEXELS = 2048 * 2048
MIMES: dict[Format, str] = {
    "webp": "image/webp",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "ktx2": "image/ktx2",
}


def format_for(target: TextureTarget, pixels: Pixels) -> Format:
    """JPEG has no alpha."""
    return "png" if target.format == "jpeg" and pixels.has_alpha else target.format


def quality_for(target: TextureTarget, use: ImageUse, kind: Format) -> int:
    """0 for PNG, which has none, so that it is encoded once whatever the quality is."""
    if kind == "png":
        return 0
    return target.colour_quality if use.role == "colour" else target.data_quality


def is_large(size: tuple[int, int]) -> bool:
    """Beyond this, time and memory count for more than the last per cent."""
    return size[0] * size[1] > LARGE_TEXELS


def encode(pixels: Pixels, use: ImageUse, kind: Format, quality: int, *, large: bool) -> bytes:
    if kind == "ktx2":
        return encode_ktx2(pixels.rgba, use, quality)
    image = pixels.vips.copy(interpretation="srgb")
    if kind == "png":
        return bytes(image.pngsave_buffer(compression=6, filter="all", keep="none"))  # 9: 3 times as long, 2 %
    if kind == "jpeg":
        return _jpeg(image, use, quality)
    lossy = _webp(image, use, quality, large=large)
    if use.role == "normal" and quality < NEAR_LOSSLESS_FROM and loses_grain(pixels, lossy):
        finer = quality + GRAIN_STEP
        lossy = bytes(image.webpsave_buffer(Q=finer, effort=1 if large else 4, keep="none", exact=True))
    lossless = _webp(image, use, 100, large=large) if quality < 100 and _few_colours(pixels) else lossy
    return min(lossless, lossy, key=len)


def _webp(image: pyvips.Image, use: ImageUse, quality: int, *, large: bool) -> bytes:
    """Chosen at equal sizes on real maps of 1024²:

    Effort 4 takes 2 to 3 times as long as effort 1 and saves 2 to 8 % at 4096² (effort 2 made a normal map half as
    large again).
    smart_subsample takes 3 times as long and at 4096² another 170 MB; saturated colour gains 1 dB, normals and packed
    channels gain nothing.
    Beyond quality 94 packed channels hit the ceiling of halved chroma (254 KB and 41.2 dB at 100), where near-lossless
    is both smaller and better (215 KB and 45.8 dB).
    """
    sharp = use.role == "colour" and not large
    options: dict[str, Any] = {"effort": 1 if large else 4, "keep": "none", "exact": True}
    if quality == 100:
        options |= {"lossless": True}
    elif quality >= NEAR_LOSSLESS_FROM and use.role != "colour":
        options |= {"near_lossless": True, "Q": (quality - NEAR_LOSSLESS_FROM) * 20}
    else:
        options |= {"Q": quality, "alpha_q": _alpha_quality(use, quality), "smart_subsample": sharp}
    return bytes(image.webpsave_buffer(**options))


def _alpha_quality(use: ImageUse, quality: int) -> int:
    """libwebp rounds alpha to few values; it saves nothing down to 80, and at 70 (16 values) two fifths of the file."""
    return 70 if quality < 75 and use.alpha == "coverage" and use.cutoff is None else 100


def _jpeg(image: pyvips.Image, use: ImageUse, quality: int) -> bytes:
    """Vectors and packed channels keep their full chroma: each channel has a meaning of its own."""
    mode = "on" if use.role == "colour" else "off"
    return bytes(
        image.jpegsave_buffer(Q=quality, subsample_mode=mode, optimize_coding=True, interlace=True, keep="none")
    )


def _few_colours(pixels: Pixels) -> bool:
    """A palette: flat art and masks, which lossless coding makes smaller than lossy coding does, and exact."""
    colours: set[int] = set()
    for start in range(0, len(pixels.array), STRIP):  # nearly every picture is settled by its first rows
        rows = pixels.array[start : start + STRIP]
        code = rows[..., 0].astype(np.uint32) << 16 | rows[..., 1].astype(np.uint32) << 8 | rows[..., 2]
        colours.update(np.unique(code).tolist())
        if len(colours) > PALETTE:
            return False
    return True
