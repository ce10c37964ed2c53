"""An encoded image -> what its header says, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass

import PIL.Image

from assetpipe.asset import Image
from assetpipe.errors import SourceError
from assetpipe.textures.decode import open_header, open_with_pillow
from assetpipe.textures.ktx2 import ETC1S, is_ktx2, read_header


@dataclass(frozen=True)
class ImageInfo:
    width: int
    height: int
    channels: int
    mime: str
    """By the data, whatever the source calls it."""
    bytes: int
    gpu_bytes: int
    """With all mip levels: 4 bytes per texel; KTX2 stays compressed: 1, or 1/2 for opaque ETC1S."""


def image_info(image: Image, label: str = "") -> ImageInfo:
    """`label` names the image in an error, where its own name does not say enough."""
    label = label or image.name or "image"
    if is_ktx2(image.data):
        return _ktx2_info(image, label)
    width, height, channels, mime = _picture_header(image, label)
    return ImageInfo(width, height, channels, mime, len(image.data), _with_mips(width * height * 4))


def _ktx2_info(image: Image, label: str) -> ImageInfo:
    header = read_header(image.data, label)
    blocks = -(-header.width // 4) * -(-header.height // 4)
    size = blocks * (8 if header.colour_model == ETC1S and header.channels == 3 else 16)
    gpu_bytes = _with_mips(size) if header.levels > 1 else size
    return ImageInfo(header.width, header.height, header.channels, "image/ktx2", len(image.data), gpu_bytes)


def _with_mips(level_bytes: int) -> int:
    return level_bytes * 4 // 3


def _picture_header(image: Image, label: str) -> tuple[int, int, int, str]:
    header = open_header(image.data)
    if header is not None:
        kind = header.get("vips-loader").removesuffix("load_buffer")
        return header.width, header.height, header.bands, f"image/{'avif' if kind == 'heif' else kind}"
    try:
        with open_with_pillow(image.data) as picture:
            mime = PIL.Image.MIME.get(picture.format or "", image.mime)
            return picture.width, picture.height, len(picture.getbands()), mime
    except OSError as fault:
        hint = "export the texture again as PNG, JPEG, WebP, AVIF or KTX2"
        raise SourceError("E_IMAGE", f"{label}: no picture that can be read: {fault}", hint=hint) from None
