"""An encoded image -> the same picture without metadata, without decoding it.

What viewers would wrongly obey (ICC profile, gAMA, EXIF orientation: glTF forbids all three) goes, and with it names,
places and thumbnails. Data that is already bare comes back as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
WEBP_KEPT = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH")
WEBP_ALPHA_FLAG = 0x10
# Of the application segments only JFIF (APP0) and Adobe (APP14: how to read the colours) stay.
JPEG_DROPPED = frozenset(range(0xE1, 0xF0)) - {0xEE} | {0xFE}
START_OF_SCAN = 0xDA


def strip_metadata(data: bytes | memoryview, mime: str) -> bytes | None:
    """None where the data is not what it should be: then it is encoded again from its pixels."""
    strip = _STRIPPERS.get(mime)
    try:
        return strip(memoryview(data)) if strip else None
    except (struct.error, IndexError):
        return None


def _strip_png(data: memoryview) -> bytes:
    kept = [data[start:end] for name, start, end in _png_chunks(data) if name in PNG_KEPT]
    return b"".join([data[:8], *kept])


def _png_chunks(data: memoryview) -> Iterator[tuple[bytes, int, int]]:
    start = 8
    while start < len(data):
        length, name = struct.unpack_from(">I4s", data, start)
        yield name, start, start + 12 + length
        start += 12 + length
        if name == b"IEND":
            return


def _strip_webp(data: memoryview) -> bytes | None:
    """None for an animation: its first frame has to be cut out."""
    chunks = list(_webp_chunks(data))
    if any(name == b"ANMF" for name, _, _ in chunks):
        return None
    body = bytearray().join(data[start:end] for name, start, end in chunks if name in WEBP_KEPT)
    if body[:4] == b"VP8X":
        body[8] &= WEBP_ALPHA_FLAG
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + bytes(body)


def _webp_chunks(data: memoryview) -> Iterator[tuple[bytes, int, int]]:
    start, stop = 12, 8 + struct.unpack_from("<I", data, 4)[0]
    while start + 8 <= min(stop, len(data)):
        name, length = struct.unpack_from("<4sI", data, start)
        end = start + 8 + length + length % 2
        yield name, start, end
        start = end


def _strip_jpeg(data: memoryview) -> bytes | None:
    kept, start = [data[:2]], 2
    while data[start + 1] != START_OF_SCAN:
        (fill, marker, length) = struct.unpack_from(">BBH", data, start)
        if fill != 0xFF:
            return None
        end = start + 2 + length
        if marker not in JPEG_DROPPED:
            kept.append(data[start:end])
        start = end
    return b"".join([*kept, data[start:]])


_STRIPPERS: dict[str, Callable[[memoryview], bytes | None]] = {
    "image/png": _strip_png,
    "image/webp": _strip_webp,
    "image/jpeg": _strip_jpeg,
}
