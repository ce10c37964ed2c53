"""The picture files that MTL and PLY name -> glTF images: kept as they are where glTF can hold them, else as PNG."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np
import PIL.Image

from assetpipe.asset import Array, Image
from assetpipe.config import Limits
from assetpipe.errors import LimitExceeded, MissingFile
from assetpipe.sources.files import Source

KEPT = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "AVIF": "image/avif"}
CONVERTED = ("TGA", "BMP", "TIFF", "GIF", "DDS")
FORMATS = (*KEPT, *CONVERTED)
"""The only decoders of Pillow that a source can reach."""
PIL.Image.MAX_IMAGE_PIXELS = 16384 * 16384  # the configured limit is held against the header before anything is decoded
FOREIGN_PATH = re.compile(r"[a-zA-Z]:[\\/]|[\\/]")


@dataclass(frozen=True, eq=False)
class Picture:
    """A file that was found, or the reason why not."""

    image: Image | None
    fault: str = ""
    repair: str = ""
    pixels: int = 0


class Album:
    """Opens the pictures of one source, each once, however many materials name it."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source, self._limits = source, limits
        self._opened: dict[str, Picture] = {}
        self._pixels = 0

    def open(self, uri: str, place: str) -> Picture:
        """A missing or broken picture is a fault to report; a name that leaves the source's folder raises."""
        if uri not in self._opened:
            self._opened[uri] = _open(self._source, uri, place, self._limits)
            self._pixels += self._opened[uri].pixels
            self._check_total()
        return self._opened[uri]

    def _check_total(self) -> None:
        counts = {"total_image_pixels": self._pixels, "textures": len(self._opened)}
        for word, count in counts.items():
            limit = int(getattr(self._limits, word))
            if count > limit:
                code = "E_LIMIT_PIXELS" if word == "total_image_pixels" else "E_LIMIT_TEXTURES"
                hint = f"use fewer or smaller pictures, or raise limits.{word} in the config"
                raise LimitExceeded(code, f"{self._source.name}: {count:,} {word}, limit {limit:,}", hint=hint)


def _open(source: Source, uri: str, place: str, limits: Limits) -> Picture:
    name, repair = portable_name(uri)
    try:
        data = source.resolve_name(name, place)
    except MissingFile as missing:
        return Picture(None, missing.message.removeprefix(f"{source.name}: "))
    try:
        image, pixels = _convert(data, name, place, limits)
        return Picture(image, repair=repair, pixels=pixels)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as broken:
        return Picture(None, f"{place}: {name!r} cannot be read as a picture: {broken}")


def portable_name(uri: str) -> tuple[str, str]:
    """An author's own absolute path means the file of that name beside the source."""
    if not FOREIGN_PATH.match(uri) or uri.startswith("//"):
        return uri, ""
    name = re.split(r"[\\/]", uri)[-1]
    return name, f"W_URI_BASENAME {uri!r} was looked for as {name!r} beside the source"


def _convert(data: memoryview, name: str, place: str, limits: Limits) -> tuple[Image, int]:
    """The image, and its pixels."""
    with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_pixels(picture.size, f"{place}: {name!r}", limits)
        picture.load()  # a file that is cut off is told now, by its name
        if picture.format in KEPT:
            return Image(data, KEPT[picture.format], {"name": _stem(name)}, name), picture.width * picture.height
        mode = "RGBA" if picture.has_transparency_data else "L" if picture.mode in ("1", "L") else "RGB"
        return png(picture.convert(mode), name), picture.width * picture.height


def _check_pixels(size: tuple[int, int], place: str, limits: Limits) -> None:
    """Before a pixel is decoded."""
    if size[0] * size[1] > limits.image_pixels:
        raise LimitExceeded(
            "E_LIMIT_PIXELS",
            f"{place}: {size[0]} x {size[1]} are {size[0] * size[1]:,} pixels, limit {limits.image_pixels:,}",
            hint="resize it, or raise limits.image_pixels in the config",
        )


def png(picture: PIL.Image.Image, name: str) -> Image:
    packed = io.BytesIO()
    picture.save(packed, "PNG", compress_level=1)  # it is decoded again in a moment, and never published
    return Image(packed.getvalue(), "image/png", {"name": _stem(name)}, name)


def read_channel(image: Image, channel: str = "") -> Array:
    """(height, width) uint8: the channel `r`, `g`, `b`, `m` (matte: alpha), or the luminance; 16 bits are rounded."""
    with PIL.Image.open(io.BytesIO(image.data), formats=FORMATS) as picture:
        if picture.mode.startswith("I") or picture.mode == "F":
            return np.asarray(np.clip(np.asarray(picture, np.float64) / 257 + 0.5, 0, 255), np.uint8)
        if channel in ("r", "g", "b"):
            return np.asarray(picture.convert("RGB"))[:, :, "rgb".index(channel)]
        if channel == "m" and picture.has_transparency_data:
            return np.asarray(picture.convert("RGBA"))[:, :, 3]
        return np.asarray(picture.convert("L"))


def read_colour(image: Image) -> PIL.Image.Image:
    with PIL.Image.open(io.BytesIO(image.data), formats=FORMATS) as picture:
        return picture.convert("RGB")


def is_grey(image: Image) -> bool:
    """Whether the three channels are the same up to what JPEG makes of it: a height map, not a normal map."""
    with PIL.Image.open(io.BytesIO(image.data), formats=FORMATS) as picture:
        picture.draft("RGB", (256, 256))
        picture.thumbnail((256, 256))
        small = np.asarray(picture.convert("RGB"), np.int16)
    return bool(np.abs(small - small.mean(axis=2, keepdims=True)).mean() < 4)


def resize_like(values: Array, size: tuple[int, int]) -> Array:
    """(h, w) uint8 -> `size` (width, height)."""
    if values.shape[::-1] == size:
        return values
    return np.asarray(PIL.Image.fromarray(values).resize(size, PIL.Image.Resampling.LANCZOS))


def _stem(name: str) -> str:
    return re.split(r"[\\/]", name)[-1].rpartition(".")[0] or name
