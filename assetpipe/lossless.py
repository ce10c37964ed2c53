"""Texels between stages: an Image without loss (PNG, quickly written: every level's is encoded anew); 16 bits as 8."""

from __future__ import annotations

import numpy as np
import pyvips

from assetpipe.asset import Array, Image

# The full range 0..65535 onto 0..255, rounded: x / 257, not the high byte.
TO_8_BITS = np.round(np.arange(65536) / 257).astype(np.uint8)


def to_8_bits(texels: Array) -> Array:
    """uint8 or uint16 -> uint8."""
    return texels if texels.dtype == np.uint8 else TO_8_BITS[texels]


def lossless(texels: Array, name: str) -> Image:
    """(height, width, 3 or 4) uint8."""
    height, width, bands = texels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(texels).data, width, height, bands, "uchar")
    data = bytes(image.copy(interpretation="srgb").pngsave_buffer(compression=1, filter="sub", keep="none"))
    return Image(data, "image/png", {"name": name})
