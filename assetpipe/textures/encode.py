"""8-bit pixels -> WebP, JPEG, PNG or KTX2 bytes without metadata."""

from __future__ import annotations

from typing import Any

import pyvips

from assetpipe.textures.decode import Pixels
from assetpipe.textures.ktx2 import encode_ktx2
from assetpipe.textures.target import Format, TextureTarget
from assetpipe.textures.uses import ImageUse

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


def encode(pixels: Pixels, use: ImageUse, kind: Format, quality: int) -> bytes:
    if kind == "ktx2":
        return encode_ktx2(pixels.rgba, use, quality)
    image = pixels.vips.copy(interpretation="srgb")
    if kind == "png":
        return bytes(_png(image))
    return bytes(_webp(image, use, quality) if kind == "webp" else _jpeg(image, use, quality))


def _webp(image: pyvips.Image, use: ImageUse, quality: int) -> Any:
    return image.webpsave_buffer(
        Q=quality, effort=4, smart_subsample=True, alpha_q=100, exact=use.alpha == "data", keep="none"
    )


def _jpeg(image: pyvips.Image, use: ImageUse, quality: int) -> Any:
    """Vectors and packed channels keep their full chroma: each channel has a meaning of its own."""
    mode = "on" if use.role == "colour" else "off"
    return image.jpegsave_buffer(Q=quality, subsample_mode=mode, optimize_coding=True, interlace=True, keep="none")


def _png(image: pyvips.Image) -> Any:
    return image.pngsave_buffer(compression=9, filter="all", keep="none")
