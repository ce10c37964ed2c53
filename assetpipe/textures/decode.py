"""An encoded image -> its pixels, as the source stored them: 8 or 16 bits, RGB or RGBA.

glTF forbids colour management (no ICC profile, gAMA or EXIF orientation is applied). The loader is chosen by the data's
magic, never by its name or MIME type, and only loaders that we name are ever reached.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import PIL.Image
import pyvips

from assetpipe.asset import Array
from assetpipe.errors import LimitExceeded, SourceError
from assetpipe.lossless import to_8_bits
from assetpipe.memory import starved
from assetpipe.textures.ktx2 import decode_ktx2, is_ktx2

pyvips.cache_set_max(0)  # its cache of operations would hold on to every large image
PIL.Image.MAX_IMAGE_PIXELS = 16384 * 16384  # the reader has already held the header against the configured limit
PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TGA", "TIFF", "GIF", "DDS")


@dataclass(frozen=True, eq=False)
class Pixels:
    """(height, width, 3 or 4) uint8 or uint16. Alpha is left out when it is full everywhere."""

    array: Array

    @property
    def size(self) -> tuple[int, int]:
        return self.array.shape[1], self.array.shape[0]

    @property
    def has_alpha(self) -> bool:
        return bool(self.array.shape[2] == 4)

    @property
    def rgba(self) -> Array:
        """8 bits, (height, width, 4)."""
        bytes_ = to_8_bits(self.array)
        return bytes_ if self.has_alpha else np.dstack([bytes_, np.full(bytes_.shape[:2], 255, np.uint8)])

    @property
    def vips(self) -> pyvips.Image:
        """The same memory as libvips' noun."""
        height, width, bands = self.array.shape
        kind = "uchar" if self.array.dtype == np.uint8 else "ushort"
        return pyvips.Image.new_from_memory(np.ascontiguousarray(self.array).data, width, height, bands, kind)


def decode(data: bytes | memoryview, label: str) -> Pixels:
    """`label` names the image in the error."""
    if is_ktx2(data):
        return _without_full_alpha(decode_ktx2(data, label))
    try:
        image = _load(data)
        return _without_full_alpha(vips_pixels(image))
    except (pyvips.Error, OSError) as fault:
        raise _unreadable(label, fault) from None


def vips_pixels(image: pyvips.Image) -> Array:
    """Run the pipeline."""
    kind = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}[image.format]
    return np.frombuffer(image.write_to_memory(), kind).reshape(image.height, image.width, image.bands)


def open_header(data: bytes | memoryview) -> pyvips.Image | None:
    """The image with nothing but its header read; None where libvips cannot say."""
    loader = _loader(bytes(data[:16]))
    try:
        return loader(data, access="sequential", fail_on="error") if loader else None
    except pyvips.Error:
        return None


def _load(data: bytes | memoryview) -> pyvips.Image:
    header = open_header(data)
    return _to_rgb(header) if header is not None else _load_with_pillow(data)


def _loader(magic: bytes) -> Callable[..., pyvips.Image] | None:
    known: list[tuple[bool, Callable[..., pyvips.Image]]] = [
        (magic.startswith(b"\x89PNG\r\n\x1a\n"), pyvips.Image.pngload_buffer),
        (magic.startswith(b"\xff\xd8\xff"), pyvips.Image.jpegload_buffer),
        (magic.startswith(b"RIFF") and magic[8:12] == b"WEBP", pyvips.Image.webpload_buffer),
        (magic[4:8] == b"ftyp" and magic[8:12] in (b"avif", b"avis", b"mif1"), pyvips.Image.heifload_buffer),
    ]
    return next((loader for matches, loader in known if matches), None)


def _to_rgb(image: pyvips.Image) -> pyvips.Image:
    """Grey, grey + alpha, CMYK -> RGB or RGBA of the same depth."""
    if image.interpretation == "cmyk":
        # As browsers do without a profile: ink multiplies. 255 is full ink here (libvips turns Adobe's inverted ones).
        black = 255 - image[3]
        return ((255 - image[:3]) * black / 255).rint().cast("uchar")
    if image.bands <= 2:
        grey = image[0]
        return grey.bandjoin([grey, grey, *([image[1]] if image.bands == 2 else [])])
    return image[:4] if image.bands > 4 else image


@contextmanager
def open_with_pillow(data: bytes | memoryview) -> Iterator[PIL.Image.Image]:
    """Its plug-ins raise whatever comes on damaged data (RuntimeError, struct.error, EOFError): OSError for all."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=PILLOW_FORMATS) as image:
            yield image
    except Exception as fault:
        raise OSError(str(fault) or type(fault).__name__) from fault


def _load_with_pillow(data: bytes | memoryview) -> pyvips.Image:
    with open_with_pillow(data) as image:
        if image.mode.startswith("I;16"):
            return _to_rgb(Pixels(np.asarray(image).astype(np.uint16)[..., None]).vips)
        transparent = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La")
        return Pixels(np.asarray(image.convert("RGBA" if transparent else "RGB"))).vips


def _without_full_alpha(array: Array) -> Pixels:
    full = np.iinfo(array.dtype).max
    if array.shape[2] == 4 and int(array[..., 3].min()) == full:
        return Pixels(np.ascontiguousarray(array[..., :3]))
    return Pixels(array)


def _unreadable(label: str, fault: Exception) -> SourceError | LimitExceeded:
    first_line = (str(getattr(fault, "detail", "")) or str(fault)).strip().splitlines() or ["no reason given"]
    if starved(first_line[0]):
        fault_said = f"{label}: out of memory where it was decoded: {first_line[0]}"
        return LimitExceeded("E_MEMORY", fault_said, hint="build it on a larger machine, or use smaller pictures")
    return SourceError(
        "E_IMAGE",
        f"{label}: cannot be decoded: {first_line[0]}",
        hint="open the texture in an image editor and export it again as PNG, JPEG or WebP",
    )
