"""What Khronos' validator (2.0.0-dev.3.10) says wrongly, not knowing an extension that the file uses rightly.

    UNSUPPORTED_EXTENSION       on KHR_texture_basisu itself; for any other extension the remark is true and stays
    VALUE_NOT_IN_LIST           on the mimeType image/ktx2 of an image that KHR_texture_basisu names
    IMAGE_UNRECOGNIZED_FORMAT   on such an image, provided that its bytes do begin like a KTX2 file
    UNUSED_OBJECT               on such an image, and on a bufferView that KHR_draco_mesh_compression names

Anything else, however similar, stays in the report.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from assetpipe.asset import Json

KTX2_MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
SUSPECTS = frozenset({"UNSUPPORTED_EXTENSION", "VALUE_NOT_IN_LIST", "IMAGE_UNRECOGNIZED_FORMAT", "UNUSED_OBJECT"})


def false_alarms(data: bytes | memoryview, issues: Sequence[Json]) -> Callable[[Json], bool]:
    """Whether one of `issues`, found in the GLB `data`, is a false alarm."""
    if not any(issue["code"] in SUSPECTS for issue in issues):
        return lambda _: False
    try:
        known = frozenset(_known(*_open(data)))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error):
        return lambda _: False  # what cannot be read cannot be excused
    return lambda issue: (issue["code"], issue.get("pointer")) in known


def _known(document: Json, binary: memoryview) -> Iterator[tuple[str, str]]:
    """(code, pointer) of every message that would be false."""
    for i, extension in enumerate(document.get("extensionsUsed", ())):
        if extension == "KHR_texture_basisu":
            yield "UNSUPPORTED_EXTENSION", f"/extensionsUsed/{i}"
    for i in _named_by(document.get("textures", ()), "KHR_texture_basisu", "source"):
        image = document["images"][i]
        yield "UNUSED_OBJECT", f"/images/{i}"
        if image.get("mimeType") == "image/ktx2":
            yield "VALUE_NOT_IN_LIST", f"/images/{i}/mimeType"
        if "bufferView" in image and _view(document, binary, image["bufferView"])[:12] == KTX2_MAGIC:
            yield "IMAGE_UNRECOGNIZED_FORMAT", f"/images/{i}"
    primitives = [primitive for mesh in document.get("meshes", ()) for primitive in mesh["primitives"]]
    for i in _named_by(primitives, "KHR_draco_mesh_compression", "bufferView"):
        yield "UNUSED_OBJECT", f"/bufferViews/{i}"


def _named_by(things: Sequence[Json], extension: str, key: str) -> list[int]:
    uses = [thing.get("extensions", {}).get(extension, {}).get(key) for thing in things]
    return sorted({use for use in uses if isinstance(use, int)})


def _view(document: Json, binary: memoryview, index: int) -> memoryview:
    view = document["bufferViews"][index]
    start = view.get("byteOffset", 0)
    return binary[start : start + view["byteLength"]]


def _open(data: bytes | memoryview) -> tuple[Any, memoryview]:
    """The document and the binary chunk. Read here and not by our reader, whose mistakes would hide its own."""
    view = memoryview(data).cast("B")
    (length,) = struct.unpack_from("<I", view, 12)
    return json.loads(bytes(view[20 : 20 + length])), view[20 + length + 8 :]
