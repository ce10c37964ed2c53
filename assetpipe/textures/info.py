"""An encoded image -> what its header says, without decoding it."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import PIL.Image

from assetpipe.asset import Image
from assetpipe.errors import SourceError
from assetpipe.textures.decode import PILLOW_FORMATS, open_header

KTX2_MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
KTX2_HEADER = struct.Struct("<12s9I")
ETC1S, UASTC = 163, 166  # Khronos Data Format colour models


@dataclass(frozen=True)
class ImageInfo:
    width: int
    height: int
    channels: int
    mime: str
    """By the data, whatever the source calls it."""
    bytes: int
    gpu_bytes: int
    """With all mip levels: 4 bytes per texel, but 1 (1/2 for opaque ETC1S) for KTX2, which stays compressed."""


@dataclass(frozen=True)
class Ktx2Header:
    width: int
    height: int
    levels: int
    supercompression: int
    colour_model: int
    transfer: int
    """1 linear, 2 sRGB."""
    channels: int


def image_info(image: Image) -> ImageInfo:
    if bytes(image.data[:12]) == KTX2_MAGIC:
        return _ktx2_info(image)
    width, height, channels, mime = _picture_header(image)
    return ImageInfo(width, height, channels, mime, len(image.data), with_mips(width * height * 4))


def with_mips(texel_bytes: int) -> int:
    return texel_bytes * 4 // 3


def read_ktx2_header(data: bytes | memoryview, label: str = "image") -> Ktx2Header:
    try:
        _, _, _, width, height, _, _, _, levels, supercompression = KTX2_HEADER.unpack_from(data)
        start, length = struct.unpack_from("<2I", data, 48)
        model, _, transfer = struct.unpack_from("<3B", data, start + 12)
        samples = (length - 28) // 16
        kinds = [data[start + 28 + 16 * i + 3] & 15 for i in range(samples)]
    except (struct.error, IndexError):
        raise _unknown(label, "its KTX2 header is cut short") from None
    has_alpha = 15 in kinds or (model == UASTC and 3 in kinds)
    return Ktx2Header(width, height, max(levels, 1), supercompression, model, transfer, 4 if has_alpha else 3)


def _ktx2_info(image: Image) -> ImageInfo:
    header = read_ktx2_header(image.data, image.name or "image")
    texels = header.width * header.height
    size = texels // 2 if header.colour_model == ETC1S and header.channels == 3 else texels
    gpu_bytes = with_mips(size) if header.levels > 1 else size
    return ImageInfo(header.width, header.height, header.channels, "image/ktx2", len(image.data), gpu_bytes)


def _picture_header(image: Image) -> tuple[int, int, int, str]:
    header = open_header(image.data)
    if header is not None:
        kind = header.get("vips-loader").removesuffix("load_buffer")
        return header.width, header.height, header.bands, f"image/{'avif' if kind == 'heif' else kind}"
    try:
        with PIL.Image.open(io.BytesIO(image.data), formats=PILLOW_FORMATS) as picture:
            mime = str(picture.get_format_mimetype() or image.mime)
            return picture.width, picture.height, len(picture.getbands()), mime
    except (OSError, SyntaxError, ValueError) as fault:
        raise _unknown(image.name or "image", str(fault)) from None


def _unknown(label: str, fault: str) -> SourceError:
    return SourceError("E_IMAGE", f"{label}: {fault}", hint="export the texture again as PNG, JPEG, WebP, AVIF or KTX2")
