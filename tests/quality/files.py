"""GLBs written by hand, so that the judges are not tested with the writer that they judge."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image as Picture

from assetpipe.asset import Array, Json, Primitive


def glb(document: Json, binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def model(*primitives: Primitive, images: Sequence[bytes] = (), mime: str = "image/png", **extra: object) -> bytes:
    """One mesh on one node, one plain accessor per attribute, `images` as textures of the same index."""
    parts: list[bytes] = []
    views: list[Json] = []
    accessors: list[Json] = []
    written = [_primitive(primitive, parts, views, accessors) for primitive in primitives]
    pictures = [{"bufferView": _add(image, parts, views), "mimeType": mime} for image in images]
    document: Json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": written}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": sum(len(part) for part in parts)}],
    }
    if pictures:
        document |= {"images": pictures, "textures": [{"source": i} for i in range(len(pictures))]}
    return glb(document | extra, b"".join(parts))


def document_of(data: bytes) -> Json:
    (length,) = struct.unpack_from("<I", data, 12)
    return dict(json.loads(data[20 : 20 + length]))


def edited(data: bytes, **changes: object) -> bytes:
    """The same file with other top-level properties."""
    (length,) = struct.unpack_from("<I", data, 12)
    return glb(document_of(data) | changes, data[28 + length :])


def picture(width: int, height: int, colour: tuple[int, ...] = (128, 100, 90), form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Picture.new("RGBA" if len(colour) == 4 else "RGB", (width, height), colour).save(out, form)
    return out.getvalue()


def _primitive(primitive: Primitive, parts: list[bytes], views: list[Json], accessors: list[Json]) -> Json:
    indices = _accessor(primitive.indices, 5125, parts, views, accessors)
    attributes = {
        name: _accessor(np.asarray(array), 5126, parts, views, accessors)
        for name, array in primitive.attributes.items()
    }
    return {**primitive.json, "attributes": attributes, "indices": indices, "mode": primitive.mode}


def _accessor(array: Array, kind: int, parts: list[bytes], views: list[Json], accessors: list[Json]) -> int:
    shape = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[array.shape[1] if array.ndim == 2 else 1]
    view = _add(np.ascontiguousarray(array).tobytes(), parts, views)
    views[view]["target"] = 34963 if kind == 5125 else 34962
    accessor: Json = {"bufferView": view, "componentType": kind, "type": shape, "count": len(array)}
    if array.ndim == 2:
        accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
    accessors.append(accessor)
    return len(accessors) - 1


def _add(data: bytes, parts: list[bytes], views: list[Json]) -> int:
    views.append({"buffer": 0, "byteOffset": sum(len(part) for part in parts), "byteLength": len(data)})
    parts.append(data + bytes(-len(data) % 4))
    return len(views) - 1
