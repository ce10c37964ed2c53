"""Texels that a stage made -> an Image: PNG, quickly written, for the textures stage encodes every level's anew."""

from __future__ import annotations

import numpy as np
import pyvips

from assetpipe.asset import Array, Image


def lossless(texels: Array, name: str) -> Image:
    """(height, width, 3 or 4) uint8."""
    height, width, bands = texels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(texels).data, width, height, bands, "uchar")
    data = bytes(image.copy(interpretation="srgb").pngsave_buffer(compression=1, filter="sub", keep="none"))
    return Image(data, "image/png", {"name": name})
