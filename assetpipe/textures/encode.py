"""8-bit pixels -> WebP, JPEG, PNG or KTX2 bytes without metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyvips

from assetpipe.asset import Array
from assetpipe.textures.decode import Pixels
from assetpipe.textures.ktx2 import encode_ktx2
from assetpipe.textures.target import Format, TextureTarget
from assetpipe.textures.uses import ImageUse

NEAR_LOSSLESS_FROM = 95
GRAIN_STEP, MAGNIFIED_STEP = 5, 8
"""Of quality, for normal maps that would lose their grain. TennisRacquet's `high` from the front, normal maps' kB and
SSIM: 90: 53, 0.938; 95: 131, 0.950; 98 and smart_subsample: 256, 0.962; near-lossless: 786."""
MAGNIFIED_DATA_STEP = 5
"""Likewise for data, whatever its grain. In three.js the racket's `high` has from six sides, by quality and kB of
normals and data: 95, 80: 327, 0.964; 98, 80: 422, 0.969; 98, 85: 465, 0.971; without loss 0.993."""
MOST_WEBP = 99
"""Quality of lossy coding; 100 is larger and no better."""
FEW_ALPHAS = 70
"""Quality at which libwebp rounds alpha to 16 values; above 75 it saves nothing. TennisRacquet's strings:
355 kB and 209, SSIM from above at 2160 px 0.9949 and 0.9947. It would show in a gradient, which is cheap as it is."""
PALETTE = 256
STRIP = 64
SMALL_TEXELS = 32 * 32
"""Of a source, up to which it is kept exact: 3 kB at most, and often a palette, of which each part of a product shows
one texel. Sixteen balls in colours of one of 8²: SSIM 0.78 in WebP at quality 85, and 0.9999 for 144 bytes more."""
LARGE_TEXELS = 2048 * 2048
LEAST_WEBP = 30
"""Quality that libwebp manages at any size."""
MIMES: dict[Format, str] = {
    "webp": "image/webp",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "ktx2": "image/ktx2",
}


@dataclass(frozen=True)
class Traits:
    """What pictures differ in that are encoded for the same use."""

    grainy: bool = False
    """A normal map that gets more quality, since its grain would be lost."""
    magnified: bool = False
    """Data, or such a normal map, whose texels are shown larger than a pixel."""
    noisy_alpha: bool = False
    """A coverage in which few values cannot be seen."""
    small: bool = False
    """A source of `SMALL_TEXELS` or less, which is kept exact."""


NONE = Traits()


@dataclass(frozen=True)
class Coding:
    """How a picture is encoded. Part of the cache's key: same pixels and coding, same bytes."""

    kind: Format
    quality: int
    """0 for PNG, which has none, so that it is encoded once whatever the quality is."""
    large: bool
    """Beyond `LARGE_TEXELS`, time and memory count for more than the last per cent."""
    traits: Traits = NONE


def format_for(target: TextureTarget, pixels: Pixels, traits: Traits) -> Format:
    """JPEG has no alpha, and is never exact."""
    unfit = pixels.has_alpha or traits.small
    return "png" if target.format == "jpeg" and unfit else target.format


def coding_for(target: TextureTarget, use: ImageUse, pixels: Pixels, traits: Traits) -> Coding:
    kind = format_for(target, pixels, traits)
    qualities = {"colour": target.colour_quality, "normal": target.normal_quality}
    asked = qualities.get(use.role, target.data_quality)
    large = pixels.size[0] * pixels.size[1] > LARGE_TEXELS
    return Coding(kind, 0 if kind == "png" else asked, large, traits)


def may_lose_grain(target: TextureTarget, use: ImageUse) -> int:
    """The quality at which a map may lose its grain, the same on all rungs of a ladder: what was asked for at first;
    0: none can. Asked on each rung, a map that loses it on one and not on the one above would grow on the way down."""
    lossy = target.format == "webp" and use.role == "normal"
    return min(target.asked_quality, NEAR_LOSSLESS_FROM - GRAIN_STEP) if lossy else 0


def encode(pixels: Pixels, use: ImageUse, coding: Coding) -> bytes:
    if coding.kind == "ktx2":
        return encode_ktx2(pixels.rgba, use, coding.quality)
    image = pixels.vips.copy(interpretation="srgb")
    if coding.kind == "png":
        return bytes(image.pngsave_buffer(compression=6, filter="all", keep="none"))  # 9: 3 times as long, 2 %
    if coding.kind == "jpeg":
        return _jpeg(image, use, coding.quality)
    exact = replace(coding, quality=100, traits=NONE)
    if coding.traits.small:
        return _webp(image, use, exact)
    lossy = _webp(image, use, coding)
    if coding.quality == 100 or not _few_colours(pixels):
        return lossy
    return min(_webp(image, use, exact), lossy, key=len)


def _webp(image: pyvips.Image, use: ImageUse, coding: Coding) -> bytes:
    """libwebp refuses some large maps of noise (how blocks are coded has to fit into 512 KiB), as the scan's normals of
    4096² at quality 90 with effort 1. With more effort they pass; what does not gets less quality."""
    fault: pyvips.Error | None = None
    for options in _attempts(use, coding):
        try:
            return bytes(image.webpsave_buffer(keep="none", exact=True, **options))
        except pyvips.Error as refused:
            fault = refused
    raise fault or AssertionError("nothing was tried")


def _attempts(use: ImageUse, coding: Coding) -> Iterator[dict[str, Any]]:
    first = _webp_options(use, coding)
    yield first
    if "Q" in first and "near_lossless" not in first:
        yield first | {"effort": 4}
        yield from (first | {"Q": quality, "effort": 4} for quality in range(first["Q"] - 5, LEAST_WEBP - 1, -5))


def _webp_options(use: ImageUse, coding: Coding) -> dict[str, Any]:
    """Chosen at equal sizes on real maps of 1024²:

    Effort 4 takes 2 to 3 times as long as effort 1 and saves 2 to 8 % at 4096² (effort 2 made a normal map half as
    large again). Effort 6 takes as long again and saves 5 to 12 % from quality 85 on; below, it costs as much quality
    as it saves.
    smart_subsample takes 3 times as long and at 4096² another 170 MB; saturated colour gains 1 dB, packed channels gain
    nothing, normals only where chroma is all that is left to lose, at quality 98.
    Beyond quality 94 packed channels hit the ceiling of halved chroma (254 KB and 41.2 dB at 100), where near-lossless
    is both smaller and better (215 KB and 45.8 dB).
    """
    quality, effort = coding.quality, 1 if coding.large else 4
    if quality == 100:
        return {"effort": effort, "lossless": True}
    if quality >= NEAR_LOSSLESS_FROM and use.role != "colour":
        return {"effort": effort, "near_lossless": True, "Q": (quality - NEAR_LOSSLESS_FROM) * 20}
    traits = coding.traits
    sharp = (use.role == "colour" or (traits.grainy and traits.magnified)) and not coding.large
    asked = min(quality + _more_quality(traits), MOST_WEBP)
    few = is_blended(use) and (quality < 75 or traits.noisy_alpha)
    effort = 6 if traits.magnified and not coding.large else effort
    return {"effort": effort, "Q": asked, "alpha_q": FEW_ALPHAS if few else 100, "smart_subsample": sharp}


def _more_quality(traits: Traits) -> int:
    if traits.grainy:
        return MAGNIFIED_STEP if traits.magnified else GRAIN_STEP
    return MAGNIFIED_DATA_STEP if traits.magnified else 0


def is_blended(use: ImageUse) -> bool:
    """Whether its alpha is a coverage that no material tests."""
    return use.alpha == "coverage" and use.cutoff is None


def _jpeg(image: pyvips.Image, use: ImageUse, quality: int) -> bytes:
    """Vectors and packed channels keep their full chroma: each channel has a meaning of its own."""
    mode = "on" if use.role == "colour" else "off"
    return bytes(
        image.jpegsave_buffer(Q=quality, subsample_mode=mode, optimize_coding=True, interlace=True, keep="none")
    )


def _few_colours(pixels: Pixels) -> bool:
    """A palette: flat art and masks, which lossless coding makes smaller than lossy coding does, and exact."""
    if _colours(pixels.array[::61, ::61]) > PALETTE:  # settles nearly every picture
        return False
    colours: set[int] = set()
    for start in range(0, len(pixels.array), STRIP):
        colours.update(np.unique(_codes(pixels.array[start : start + STRIP])).tolist())
        if len(colours) > PALETTE:
            return False
    return True


def _codes(texels: Array) -> Array:
    """One number for each colour."""
    red, green, blue = (texels[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _colours(texels: Array) -> int:
    return len(np.unique(_codes(texels)))
