"""The encoded bytes of a picture -> what it is, how large, whether it is whole: from its headers, before any decode."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG, JPEG, WEBP, AVIF, KTX2 = "image/png", "image/jpeg", "image/webp", "image/avif", "image/ktx2"
START_OF_SCAN, END_OF_IMAGE = 0xDA, b"\xff\xd9"
KTX2_MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
# Pictures that are no glTF textures, but that a person can convert.
FOREIGN = (
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "PSD"),
    (b"DDS ", "DDS"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"\xabKTX 11", "KTX 1"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML or SVG"),
    (b"%!PS", "EPS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
)


class BrokenPictureError(Exception):
    """Cannot become pixels; the text says why."""


@dataclass(frozen=True)
class Header:
    mime: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


def foreign_picture(data: memoryview) -> str:
    """The name of a picture format that glTF does not know, or ""."""
    head = bytes(data[:16])
    return next((word for magic, word in FOREIGN if head.startswith(magic)), "")


def read_header(data: memoryview) -> Header:
    head = bytes(data[:16])
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return Header(PNG, *struct.unpack_from(">II", data, 16))
        if head.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(data)
        if head[4:8] == b"ftyp" and any(brand in bytes(data[8:64]) for brand in (b"avif", b"avis")):
            return _avif(data)
        if head.startswith(KTX2_MAGIC):
            return Header(KTX2, *struct.unpack_from("<II", data, 20))
    except (struct.error, IndexError):
        raise BrokenPictureError("is cut off in its header") from None
    raise BrokenPictureError("is neither PNG, JPEG, WebP, AVIF nor KTX2")


def check_whole(data: memoryview, header: Header) -> None:
    """Truncation and flipped bits, as far as the container tells without decoding."""
    if header.width == 0 or header.height == 0:
        raise BrokenPictureError(f"has {header.width} x {header.height} pixels")
    if header.mime == PNG:
        _check_png(data)
    elif header.mime == JPEG:
        _check_jpeg(data)
    elif header.mime == WEBP and struct.unpack_from("<I", data, 4)[0] + 8 > len(data) + 1:
        raise BrokenPictureError(
            f"is cut off: {struct.unpack_from('<I', data, 4)[0] + 8:,} bytes, {len(data):,} present"
        )
    elif header.mime == AVIF:
        _check_boxes(data)


def _jpeg(data: memoryview) -> Header:
    """ITU T.81, B.2.2: the frame header after any number of marker segments."""
    for marker, offset in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width = struct.unpack_from(">BHH", data, offset + 4)
            if bits != 8 or marker not in (0xC0, 0xC1, 0xC2):
                raise BrokenPictureError(
                    f"is a JPEG of a kind that browsers do not show ({bits} bits, SOF{marker - 0xC0})"
                )
            return Header(JPEG, width, height)
    raise BrokenPictureError("has no frame header")


def _jpeg_segments(data: memoryview) -> Iterator[tuple[int, int]]:
    """Marker and offset of each segment, the first scan being the last."""
    offset, marker = 2, 0
    while marker != START_OF_SCAN:
        while data[offset] == 0xFF and data[offset + 1] == 0xFF:
            offset += 1
        marker, length = data[offset + 1], struct.unpack_from(">H", data, offset + 2)[0]
        if data[offset] != 0xFF or length < 2:
            raise BrokenPictureError("is damaged in its header")
        yield marker, offset
        offset += 2 + length


def _check_jpeg(data: memoryview) -> None:
    """Behind the start of the scan, so that the end of a thumbnail in the header does not count."""
    try:
        scan = [offset for _, offset in _jpeg_segments(data)][-1]
    except (struct.error, IndexError):
        raise BrokenPictureError("is cut off in its header") from None
    if bytes(data[scan:]).rfind(END_OF_IMAGE) < 0:
        raise BrokenPictureError("is cut off: no end-of-image marker")


def _webp(data: memoryview) -> Header:
    kind = bytes(data[12:16])
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise BrokenPictureError("is a WebP without a picture")
    return Header(WEBP, width, height)


def _avif(data: memoryview) -> Header:
    """The largest image extent among the item properties (tiles and thumbnails are smaller)."""
    head, sizes, at = bytes(data[:65536]), [], -1
    while (at := head.find(b"ispe", at + 1)) >= 0:
        sizes.append(struct.unpack_from(">II", head, at + 8))
    if not sizes:
        raise BrokenPictureError("is an AVIF without a size")
    return Header(AVIF, *max(sizes, key=lambda size: size[0] * size[1]))


def _check_png(data: memoryview) -> None:
    offset = 8
    while offset + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + 12 + length
        if end > len(data):
            break
        # A lower-case first letter marks what a decoder may ignore: text, times, profiles.
        needed = not kind[0] & 0x20
        if needed and struct.unpack_from(">I", data, end - 4)[0] != zlib.crc32(data[offset + 4 : end - 4]):
            raise BrokenPictureError(
                f"is damaged: wrong checksum of its chunk {kind.decode('latin-1')!r} at {offset:,}"
            )
        if kind == b"IEND":
            return
        offset = end
    raise BrokenPictureError(f"is cut off after {len(data):,} bytes")


def _check_boxes(data: memoryview) -> None:
    offset = 0
    while offset + 8 <= len(data):
        length = struct.unpack_from(">I", data, offset)[0]
        if length == 1 and offset + 16 <= len(data):
            length = struct.unpack_from(">Q", data, offset + 8)[0]
        if length == 0:
            return
        if length < 8 or offset + length > len(data):
            raise BrokenPictureError(f"is cut off after {len(data):,} bytes")
        offset += length
