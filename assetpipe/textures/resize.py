"""Pixels + use -> 8-bit pixels of the target's size, averaged in the space where averages mean something.

Colour is averaged as light, not as sRGB code values; colour with coverage weighted by it, so that what is hidden does
not bleed into edges; normals as vectors, made unit again; everything else as it is. Always from the source's own
pixels, so that the bytes of a level do not depend on which levels were made before.
"""

from __future__ import annotations

import numpy as np
import pyvips

from assetpipe.asset import Array
from assetpipe.textures.decode import TO_8_BITS, Pixels, vips_pixels
from assetpipe.textures.ktx2 import MAX_TEXELS
from assetpipe.textures.target import TextureTarget
from assetpipe.textures.uses import ImageUse

Size = tuple[int, int]


def linear(code: Array) -> Array:
    """sRGB code values 0..1 -> light 0..1."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(light: Array) -> Array:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


# Light in 16 bits: the darkest sRGB step is 20 of 65535, so rounding costs a fortieth of a step at worst.
LIGHT_OF_8_BITS = np.round(linear(np.arange(256) / 255) * 65535).astype(np.uint16)
LIGHT_OF_16_BITS = np.round(linear(np.arange(65536) / 65535) * 65535).astype(np.uint16)
CODE_OF_LIGHT = np.round(_linear_to_srgb(np.arange(65536) / 65535) * 255).astype(np.uint8)


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
    if pixels.size == size:
        return _spread(_to_8_bits(pixels), use.channels)
    if use.role == "colour" and use.alpha == "coverage" and pixels.has_alpha:
        return Pixels(_resize_covered(pixels.vips, size))
    image = pixels.vips
    rgb = _RESIZERS[use.role](image[:3], size)
    resized = rgb.bandjoin(_resize_data(image[3], size)) if pixels.has_alpha else rgb
    return _spread(Pixels(vips_pixels(resized)), use.channels)


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
    return _look_up(_shrink(_light(rgb), size), CODE_OF_LIGHT)


def _resize_data(image: pyvips.Image, size: Size) -> pyvips.Image:
    full = 65535 if image.format == "ushort" else 255
    return (_shrink(image.cast("float"), size) * (255 / full)).rint().cast("uchar")


def _resize_normal(rgb: pyvips.Image, size: Size) -> pyvips.Image:
    """Vectors that cancel out become flat."""
    half = (65535 if rgb.format == "ushort" else 255) / 2
    vector = _shrink(rgb.cast("float") / half - 1, size)
    length = (vector * vector).bandmean() * 3
    flat = length < 1e-6
    unit = flat.ifthenelse([0, 0, 1], vector / (flat.ifthenelse(1, length) ** 0.5))
    return ((unit + 1) * 127.5).rint().cast("uchar")


_RESIZERS = {"colour": _resize_colour, "normal": _resize_normal, "data": _resize_data}


def _resize_covered(rgba: pyvips.Image, size: Size) -> Array:
    """Where nothing is covered, the colour is the plain average: a hidden colour must be some colour."""
    full = 65535 if rgba.format == "ushort" else 255
    light = _light(rgba[:3]).cast("float")
    alpha = rgba[3].cast("float") / full
    both = vips_pixels(_shrink((light * alpha).bandjoin(alpha), size))
    plain = vips_pixels(_resize_colour(rgba[:3], size))
    weight = both[..., 3:].clip(0, 1)
    visible = np.round(both[..., :3] / np.maximum(weight, 1e-6)).clip(0, 65535).astype(np.uint16)
    colour = np.where(weight > 0, CODE_OF_LIGHT[visible], plain)
    return np.concatenate([colour, np.round(weight * 255).astype(np.uint8)], axis=-1)


def _shrink(image: pyvips.Image, size: Size) -> pyvips.Image:
    """Box where the ratio is whole: the very texels of the source's own mip level, and no tile borrows from its border.

    Lanczos elsewhere. What KTX2's multiples of 4 enlarge is repeated.
    """
    width, height = min(size[0], image.width), min(size[1], image.height)
    across, down = image.width / width, image.height / height
    if across.is_integer() and down.is_integer():
        image = image.shrink(across, down)
    else:
        image = image.reduce(across, down, kernel="lanczos3")
    if (width, height) == size:
        return image
    return image.resize(size[0] / width, vscale=size[1] / height, kernel="nearest")


def _light(rgb: pyvips.Image) -> pyvips.Image:
    return _look_up(rgb, LIGHT_OF_16_BITS if rgb.format == "ushort" else LIGHT_OF_8_BITS)


def _look_up(image: pyvips.Image, table: Array) -> pyvips.Image:
    kind = "uchar" if table.dtype == np.uint8 else "ushort"
    return image.maplut(pyvips.Image.new_from_memory(table.data, len(table), 1, 1, kind))


def _to_8_bits(pixels: Pixels) -> Pixels:
    return pixels if pixels.array.dtype == np.uint8 else Pixels(TO_8_BITS[pixels.array])


def _multiple_of_4(side: int) -> int:
    return max(4, side // 4 * 4)
