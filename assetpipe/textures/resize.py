"""Pixels + use -> 8-bit pixels of the target's size, averaged in the space where averages mean something.

Colour is averaged as light, not as sRGB code values; colour with coverage weighted by it, so that what is hidden does
not bleed into edges; normals as vectors, made unit again; everything else as it is. Always from the source's own
pixels, so that the bytes of a level do not depend on which levels were made before.
"""

from __future__ import annotations

import numpy as np
import pyvips

from assetpipe.lossless import to_8_bits
from assetpipe.textures.coverage import fill_hidden, resize_covered
from assetpipe.textures.decode import Pixels, vips_pixels
from assetpipe.textures.filters import Size, shrink, to_code, to_light
from assetpipe.textures.ktx2 import MAX_TEXELS
from assetpipe.textures.target import TextureTarget
from assetpipe.textures.uses import ImageUse


def target_size(size: Size, target: TextureTarget) -> Size:
    """Never enlarged, but for KTX2, whose sides are multiples of 4.

    Powers of two: each side is rounded down by itself, then both are halved together until they fit. So every output
    has power-of-two sides (what AR viewers ask for), a 1000 x 600 source at 512 keeps 512 x 512 of its texels, and no
    source loses a half because it was one texel off; UVs span 0..1 whatever the sides are.
    """
    width, height = size
    if target.power_of_two:
        width, height = (1 << (side.bit_length() - 1) for side in size)
        while not _fits(width, height, target):
            width, height = max(1, width // 2), max(1, height // 2)
    elif not _fits(width, height, target):
        scale = min(_longest(target) / max(size), (_texels(target) / (width * height)) ** 0.5)
        width, height = (max(1, int(side * scale + 0.5)) for side in size)
    return (_multiple_of_4(width), _multiple_of_4(height)) if target.format == "ktx2" else (width, height)


def _fits(width: int, height: int, target: TextureTarget) -> bool:
    return max(width, height) <= _longest(target) and width * height <= _texels(target)


def _longest(target: TextureTarget) -> int:
    """libwebp holds 14 bits per side, less one."""
    return min(target.px, 16383) if target.format == "webp" else target.px


def _texels(target: TextureTarget) -> int:
    return MAX_TEXELS if target.format == "ktx2" else 1 << 32


def resize(pixels: Pixels, use: ImageUse, size: Size) -> Pixels:
    """To `size`, 8 bits per channel; alpha is left out where nothing reads it."""
    if pixels.has_alpha and use.alpha == "unused":
        pixels = Pixels(np.ascontiguousarray(pixels.array[..., :3]))
    covered = use.role == "colour" and use.alpha == "coverage" and pixels.has_alpha
    if pixels.size == size:
        resized = _to_8_bits(pixels)
    else:
        resized = resize_covered(pixels, size, use.cutoff) if covered else _resize_plain(pixels, use, size)
    return fill_hidden(resized) if covered else _spread(resized, use.channels)


def is_flat(pixels: Pixels, use: ImageUse) -> bool:
    """One value all over in every channel that somebody reads."""
    bands = ["rgba".index(channel) for channel in use.channels]
    if pixels.has_alpha and use.alpha != "unused":
        bands.append(3)
    first = pixels.array[0, 0, bands]
    sparse = pixels.array[::61, ::61]  # settles nearly every picture without a look at all of it
    return all(bool((part[..., bands] == first).all()) for part in (sparse, pixels.array))


def _resize_plain(pixels: Pixels, use: ImageUse, size: Size) -> Pixels:
    image = pixels.vips
    rgb = _RESIZERS[use.role](image[:3], size)
    return Pixels(vips_pixels(rgb.bandjoin(_resize_data(image[3], size)) if pixels.has_alpha else rgb))


def _spread(pixels: Pixels, channels: str) -> Pixels:
    """What nobody reads follows a channel that somebody reads, so that it costs no bits and no precision.

    A roughness-metallic map at WebP quality 90: 87 KB and 41.7 dB of roughness with an unread noise in red, 49 KB and
    45.3 dB without.
    """
    if channels == "rgb":
        return pixels
    source = {"r": "rrr", "g": "ggg", "b": "bbb", "rg": "rgg", "rb": "rrb", "gb": "ggb"}.get(channels)
    array = pixels.array.copy()
    array[..., :3] = 255 if source is None else pixels.array[..., ["rgb".index(name) for name in source]]
    return Pixels(array)


def _resize_colour(rgb: pyvips.Image, size: Size) -> pyvips.Image:
    return to_code(shrink(to_light(rgb), size))


def _resize_data(image: pyvips.Image, size: Size) -> pyvips.Image:
    full = 65535 if image.format == "ushort" else 255
    return (shrink(image.cast("float"), size) * (255 / full)).rint().cast("uchar")


def _resize_normal(rgb: pyvips.Image, size: Size) -> pyvips.Image:
    """Vectors that cancel out become flat."""
    half = (65535 if rgb.format == "ushort" else 255) / 2
    vector = shrink(rgb.cast("float") / half - 1, size)
    length = (vector * vector).bandmean() * 3
    flat = length < 1e-6
    unit = flat.ifthenelse([0, 0, 1], vector / (flat.ifthenelse(1, length) ** 0.5))
    return ((unit + 1) * 127.5).rint().cast("uchar")


_RESIZERS = {"colour": _resize_colour, "normal": _resize_normal, "data": _resize_data}


def _to_8_bits(pixels: Pixels) -> Pixels:
    return pixels if pixels.array.dtype == np.uint8 else Pixels(to_8_bits(pixels.array))


def _multiple_of_4(side: int) -> int:
    return max(4, side // 4 * 4)
