"""Images of a GLB -> their size and range of values, by libvips (KTX2 by its header)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyvips

from assetpipe.asset import Json
from assetpipe.quality.reading import Reading, ReadingError

KTX2_MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
SIGNATURES: Mapping[str, tuple[int, bytes]] = {
    "image/png": (0, b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": (0, b"\xff\xd8\xff"),
    "image/webp": (8, b"WEBP"),
    "image/avif": (4, b"ftyp"),
    "image/ktx2": (0, KTX2_MAGIC),
}
TEXTURE_SOURCES = ("KHR_texture_basisu", "EXT_texture_webp", "EXT_texture_avif")


@dataclass(frozen=True)
class Picture:
    index: int
    mime: str
    width: int
    height: int

    @property
    def longest(self) -> int:
        return max(self.width, self.height)


def pictures(reading: Reading) -> list[Picture]:
    return [_picture(reading, index) for index in range(len(reading.document.images))]


def base_colour_range(reading: Reading) -> tuple[float, float] | None:
    """The darkest and the brightest pixel of all base colour textures: 0..255, a pixel's largest channel (HSV value).
    None without such a texture."""
    ranges = [_value_range(reading, index) for index in sorted(_base_colour_images(reading))]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def texture_images(reading: Reading, texture: int) -> set[int]:
    """The image of a texture, and those that extensions offer in its place."""
    item = reading.document.textures[texture]
    extensions: Json = item.extensions or {}
    offered = [extensions[name]["source"] for name in TEXTURE_SOURCES if name in extensions]
    return {index for index in (item.source, *offered) if index is not None}


def _picture(reading: Reading, index: int) -> Picture:
    data, declared = _bytes(reading, index), reading.document.images[index].mimeType
    mime = next((mime for mime, (at, magic) in SIGNATURES.items() if data[at : at + len(magic)] == magic), "unknown")
    if declared and declared != mime:
        raise ReadingError(f"image {index} says {declared} and is {mime}")
    if mime == "image/ktx2":
        width, height = struct.unpack_from("<II", data, 20)
        return Picture(index, mime, width, max(height, 1))
    header = _decode(data, index)
    return Picture(index, mime, int(header.width), int(header.height))


def _value_range(reading: Reading, index: int) -> tuple[float, float]:
    data = _bytes(reading, index)
    if data.startswith(KTX2_MAGIC):
        raise ReadingError(f"image {index} is KTX2, whose pixels are not decoded here")
    picture = _decode(data, index)
    try:
        colour = picture.colourspace("srgb")[0:3] if picture.bands >= 3 else picture.colourspace("srgb")
        bands = colour.bandsplit()
        value = bands[0].bandrank(bands[1:], index=len(bands) - 1) if len(bands) > 1 else bands[0]
        stats = value.stats()
        return float(stats(0, 0)[0]), float(stats(1, 0)[0])
    except pyvips.Error as error:
        raise ReadingError(f"image {index}: {' '.join(str(error).split())}") from None


def _base_colour_images(reading: Reading) -> Iterator[int]:
    for material in reading.document.materials:
        pbr = material.pbrMetallicRoughness
        if pbr is not None and pbr.baseColorTexture is not None:
            yield from texture_images(reading, pbr.baseColorTexture.index)


def _bytes(reading: Reading, index: int) -> bytes:
    image = reading.document.images[index]
    if image.bufferView is None:
        raise ReadingError(f"image {index} lies outside the file")
    return reading.view(image.bufferView)


def _decode(data: bytes, index: int) -> Any:
    try:
        return pyvips.Image.new_from_buffer(data, "", access="sequential")
    except pyvips.Error as error:
        raise ReadingError(f"image {index}: {' '.join(str(error).split())}") from None
