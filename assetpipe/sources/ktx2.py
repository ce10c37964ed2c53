"""A KTX2 texture -> PNG: Basis Universal through its transcoder under node, plain 8 bit pixels here."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from assetpipe.asset import Array
from assetpipe.errors import AssetpipeError, LimitExceeded, ServiceUnavailable
from assetpipe.node import run_node
from assetpipe.sources.pixels import BrokenPictureError
from assetpipe.sources.raster import encode_png

BASIS = 0
# VkFormat -> channels: R8G8B8 and R8G8B8A8, UNORM and SRGB.
PLAIN = {23: 3, 29: 3, 37: 4, 43: 4}
NOT_COMPRESSED, ZLIB = 0, 3
SECONDS = 300


def decode_ktx2(data: memoryview, name: str, place: str) -> bytes:
    """Khronos KTX 2.0, section 3: the largest level of the first layer and face."""
    if len(data) < 104:
        raise BrokenPictureError(f"{len(data)} bytes are less than its header")
    vk_format, depth, layers, faces = struct.unpack_from("<I12xI", data, 12) + struct.unpack_from("<II", data, 32)
    if depth > 1 or layers > 1 or faces != 1:
        raise BrokenPictureError("is a volume, an array or a cube map, not one picture")
    if vk_format == BASIS:
        return encode_png(_basis(data, name, place))
    if vk_format not in PLAIN:
        raise BrokenPictureError(f"pixels of VkFormat {vk_format}, which browsers do not show as they are")
    return encode_png(_plain(data, PLAIN[vk_format]))


def _basis(data: memoryview, name: str, place: str) -> Array:
    try:
        result = run_node("ktx2_decode", data, timeout=SECONDS)
    except ServiceUnavailable as error:
        hint = f"{error.hint or error.message}; or export the textures as PNG, JPEG or WebP"
        fault = f"{name}: {place}: a KTX2 texture is decoded by node, which is not ready ({error.message})"
        raise ServiceUnavailable("E_KTX2_NEEDS_NODE", fault, hint=hint) from None
    except LimitExceeded:
        raise
    except AssetpipeError as error:
        raise BrokenPictureError(error.message) from None
    width, height, alpha = struct.unpack_from("<III", result)
    pixels: Array = np.frombuffer(result, np.uint8, offset=12).reshape(height, width, 4)
    return pixels if alpha else pixels[:, :, :3]


def _plain(data: memoryview, channels: int) -> Array:
    width, height = struct.unpack_from("<II", data, 20)
    scheme = struct.unpack_from("<I", data, 44)[0]
    start, length = struct.unpack_from("<QQ", data, 80)
    size, stored = width * height * channels, data[start : start + length]
    if scheme not in (NOT_COMPRESSED, ZLIB):
        raise BrokenPictureError(f"plain pixels under supercompression {scheme}")
    try:
        level = zlib.decompressobj().decompress(stored, size) if scheme == ZLIB else bytes(stored)
    except zlib.error as error:
        raise BrokenPictureError(str(error)) from None
    if len(level) != size:
        raise BrokenPictureError(f"{len(level):,} bytes for {width} x {height} pixels of {channels} bytes")
    return np.frombuffer(level, np.uint8).reshape(height, width, channels)
