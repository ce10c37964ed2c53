"""KTX2 (Basis Universal) through node: pixels -> file, file -> pixels, and what its header says."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array
from assetpipe.errors import ServiceUnavailable, SourceError
from assetpipe.node import node_ready, node_version, run_node
from assetpipe.textures.uses import ImageUse

MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
ETC1S, UASTC = 163, 166  # Khronos Data Format's colour models
LINEAR, SRGB = 1, 2  # and its transfer functions
# The encoder takes 12 Mi texels, mip levels included (WebAssembly's memory): 4096 x 2048, but not 4096 x 4096.
MAX_TEXELS = 12 * 1024 * 1024 * 3 // 4 - 65536
# Below this, ETC1S for everything: for packed channels at 512² UASTC took 152 KB for 41 dB, ETC1S 32 KB for 37 dB.
UASTC_FROM = 75
NO_NODE = "node 18 or newer is not on PATH", "apt install nodejs npm, then run `assetpipe doctor --fix`"
NO_PACKAGES = "node is too old, or its packages are not installed", "run `assetpipe doctor --fix`"
# Both codecs take 2 to 6 s per million texels on an idle core; the limit is for a machine that is not idle.
SECONDS_PER_MILLION = 40


@dataclass(frozen=True)
class Header:
    width: int
    height: int
    levels: int
    supercompression: int
    colour_model: int
    transfer: int
    channels: int


def is_ktx2(data: bytes | memoryview) -> bool:
    return bytes(data[:12]) == MAGIC


def require_encoder(kind: str) -> None:
    """Other formats need nothing that is not there."""
    if kind != "ktx2" or node_ready():
        return
    lacks, cure = NO_PACKAGES if node_version() else NO_NODE
    hint = f'{cure}; or set [textures] format = "webp"'
    raise ServiceUnavailable("E_KTX2_ENCODER", f"KTX2 textures are written through node: {lacks}", hint=hint)


def encode_ktx2(rgba: Array, use: ImageUse, quality: int) -> bytes:
    """`rgba`: (height, width, 4) uint8. ETC1S for colour; UASTC for vectors and packed channels of some quality."""
    height, width = rgba.shape[:2]
    small = use.role == "colour" or quality < UASTC_FROM
    options = {
        "width": width,
        "height": height,
        "codec": "etc1s" if small else "uastc",
        "quality": quality,
        "role": use.role,
    }
    return run_node("ktx2_encode", rgba.tobytes(), options=options, timeout=_seconds(width * height))


def decode_ktx2(data: bytes | memoryview, label: str) -> Array:
    """(height, width, 3 or 4) uint8 of the largest level."""
    header = read_header(data, label)
    try:
        raw = run_node("ktx2_decode", data, timeout=_seconds(header.width * header.height))
    except SourceError as fault:
        raise _damaged(label, fault.message) from None
    width, height, has_alpha = struct.unpack_from("<3I", raw)
    rgba = np.frombuffer(raw, np.uint8, offset=12).reshape(height, width, 4)
    return rgba if has_alpha else np.ascontiguousarray(rgba[..., :3])


def read_header(data: bytes | memoryview, label: str) -> Header:
    """https://registry.khronos.org/KTX/specs/2.0/ktxspec.v2.html, sections 3 and 3.10 (data format descriptor)."""
    try:
        width, height, _, _, _, levels, supercompression, start, length = struct.unpack_from("<9I", data, 20)
        model, _, transfer = struct.unpack_from("<3B", data, start + 12)
        channels = [data[start + 28 + 16 * sample + 3] & 15 for sample in range((length - 28) // 16)]
    except (struct.error, IndexError):
        raise _damaged(label, "its KTX2 header is cut short") from None
    # ETC1S has a second sample of kind 15 for alpha, UASTC one of kind 3 (RGBA).
    has_alpha = 15 in channels or (model == UASTC and 3 in channels)
    return Header(width, height, max(levels, 1), supercompression, model, transfer, 4 if has_alpha else 3)


def _seconds(texels: int) -> float:
    return 60 + SECONDS_PER_MILLION * texels / 1e6


def _damaged(label: str, fault: str) -> SourceError:
    hint = "export the texture again as PNG, JPEG, WebP or KTX2 with Basis Universal"
    return SourceError("E_IMAGE", f"{label}: {fault}", hint=hint)
