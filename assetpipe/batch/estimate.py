"""A source's header -> what its build is expected to take. Nothing is decoded, and a broken file costs a guess only.

Measured on the six sample models, CPU seconds and peak resident memory on one core (docs/batch.md has the table).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from assetpipe.batch.found import Found, is_remote

START_S, START_MB = 8.0, 250
"""An interpreter, its libraries, compiled kernels, the smallest poster and silhouettes."""
MEGATRIANGLE_S, MEGATRIANGLE_MB = 30.0, 150
MEGAPIXEL_S, MEGAPIXEL_MB = 0.45, 12
MATERIAL_S, MATERIAL_MB = 1.7, 12
JSON_BYTES = 64_000_000
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
HEAD = 65_536
"""Bytes of a picture that are looked at for its size."""
UNKNOWN = 4_194_304
"""Pixels of a picture that does not say: 2048 x 2048."""
MOST = 1 << 28
"""Pixels that one picture may have before its build refuses it."""
SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers of frames (ITU T.81, table B.1): height and width follow."""
WRONG = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, struct.error)


@dataclass(frozen=True)
class Facts:
    triangles: int
    pixels: int
    """Of all images, as decoded."""
    materials: int


def estimate(found: Found) -> tuple[float, int]:
    """CPU seconds, and megabytes at the peak."""
    facts = _facts(found)
    triangles, pixels = facts.triangles / 1e6, facts.pixels / 1e6
    seconds = START_S + MEGATRIANGLE_S * triangles + MEGAPIXEL_S * pixels + MATERIAL_S * facts.materials
    memory = START_MB + MEGATRIANGLE_MB * triangles + MEGAPIXEL_MB * pixels + MATERIAL_MB * facts.materials
    return round(seconds, 1), round(memory)


def _facts(found: Found) -> Facts:
    if is_remote(found.source) or not found.source.lower().endswith((".glb", ".gltf")):
        return _guess(found)
    try:
        with Path(found.source).open("rb") as file:
            return _read(file, Path(found.source).parent)
    except WRONG:
        return _guess(found)


def _guess(found: Found) -> Facts:
    """By size. A binary STL has 50 bytes a triangle, PLY and OBJ about as many; a GLB is partly pictures, of which a
    byte is some four pixels."""
    shape_only = found.source.lower().endswith((".stl", ".ply"))
    return Facts(found.bytes // 50, 0 if shape_only else found.bytes * 2, 1 if shape_only else 4)


def _read(file: BinaryIO, folder: Path) -> Facts:
    head = file.read(20)
    if head[:4] != b"glTF":
        document, body = json.loads(head + file.read(JSON_BYTES)), 0
    else:
        size = struct.unpack("<I", head[12:16])[0]
        document, body = json.loads(file.read(min(size, JSON_BYTES))), 28 + size
    pictures = (_head(image, document, file, body, folder) for image in document.get("images", []))
    pixels = sum(_pixels(picture) for picture in pictures)
    return Facts(sum(_triangles(document)), pixels, len(document.get("materials", [])))


def _triangles(document: dict[str, Any]) -> Iterator[int]:
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            accessor = primitive.get("indices", primitive["attributes"]["POSITION"])
            yield int(document["accessors"][accessor]["count"]) // 3


def _head(image: dict[str, Any], document: dict[str, Any], file: BinaryIO, body: int, folder: Path) -> bytes:
    """The first bytes of a picture; none of one that lies elsewhere than in the file or right beside it."""
    if "bufferView" in image and body:
        file.seek(body + int(document["bufferViews"][image["bufferView"]].get("byteOffset", 0)))
        return file.read(HEAD)
    name = unquote(str(image.get("uri", "")))
    path = folder / Path(name).name
    if name != path.name or not path.is_file() or path.is_symlink():
        return b""
    with path.open("rb") as picture:
        return picture.read(HEAD)


def _pixels(head: bytes) -> int:
    if head.startswith(PNG):
        width, height = struct.unpack(">II", head[16:24])
        return min(int(width) * int(height), MOST)
    return _jpeg_pixels(head) if head.startswith(JPEG) else UNKNOWN


def _jpeg_pixels(head: bytes) -> int:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in SIZED:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return int(width * height)
        at += 2 + struct.unpack(">H", head[at + 2 : at + 4])[0]
    return UNKNOWN
