"""Encoded pictures <-> arrays of 8 bit pixels, for the few cases in which a reader must compute on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips

from assetpipe.asset import Array
from assetpipe.memory import starved

# Larger files that are written in a third of the time: the textures are encoded anew for every level anyway.
PNG_EFFORT = 1


class UndecodableError(Exception):
    """A picture whose pixels cannot be had; the text says why."""


def encode_png(pixels: Array) -> bytes:
    """(h, w, 1..4) uint8 -> PNG."""
    height, width, channels = pixels.shape
    kind = {1: "b-w", 2: "b-w", 3: "srgb", 4: "srgb"}[channels]
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).data, width, height, channels, "uchar")
    data: bytes = image.copy(interpretation=kind).pngsave_buffer(compression=PNG_EFFORT)
    return data


def decode_rgba(data: bytes | memoryview, size: tuple[int, int] | None = None) -> Array:
    """(h, w, 4) uint8, values as stored whatever profile the file names; `size` (w, h) scales it to that."""
    try:
        return _decode(pyvips.Image.new_from_buffer(bytes(data), "", fail_on="truncated"), size)
    except pyvips.Error as error:
        if starved(str(error)):
            raise MemoryError(str(error)) from None
        raise UndecodableError(str(error).strip().splitlines()[-1]) from None


def _decode(image: Any, size: tuple[int, int] | None) -> Array:
    if image.interpretation == "cmyk":
        image = image.colourspace("srgb")
    if image.format == "ushort":
        image = (image / 257 + 0.5).cast("uchar")
    if image.bands < 3:
        image = image[0].bandjoin([image[0], image[0], *([image[1]] if image.bands == 2 else [])])
    image = image[0:3].bandjoin(image[3] if image.bands == 4 else 255)
    if size and (image.width, image.height) != size:
        image = image.resize(size[0] / image.width, vscale=size[1] / image.height, kernel="linear")
    rows: Array = np.frombuffer(image.cast("uchar").write_to_memory(), np.uint8).reshape(image.height, image.width, 4)
    return rows
