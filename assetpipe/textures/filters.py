"""How images are averaged: the box and Lanczos filters, and the way from sRGB code values to light and back."""

from __future__ import annotations

import numpy as np
import pyvips

from assetpipe.asset import Array

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


def to_light(rgb: pyvips.Image) -> pyvips.Image:
    """8 or 16 bits of sRGB -> 16 bits of light."""
    return _look_up(rgb, LIGHT_OF_16_BITS if rgb.format == "ushort" else LIGHT_OF_8_BITS)


def to_code(light: pyvips.Image) -> pyvips.Image:
    """16 bits of light -> 8 bits of sRGB."""
    return _look_up(light, CODE_OF_LIGHT)


def shrink(image: pyvips.Image, size: Size) -> pyvips.Image:
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


def _look_up(image: pyvips.Image, table: Array) -> pyvips.Image:
    kind = "uchar" if table.dtype == np.uint8 else "ushort"
    return image.maplut(pyvips.Image.new_from_memory(table.data, len(table), 1, 1, kind))
