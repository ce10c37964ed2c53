"""glTF files for tests, written by hand: independent of the writer under test, and as wrong as a test wants them."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from assetpipe.asset import Primitive

Document = dict[str, Any]


def document(primitive: Primitive) -> tuple[Document, bytes]:
    """One mesh on one node, positions, normals, UVs and uint32 indices in one buffer."""
    chunks = [primitive.attributes[name].astype("<f4").tobytes() for name in ("POSITION", "NORMAL", "TEXCOORD_0")]
    chunks.append(primitive.indices.astype("<u4").tobytes())
    count = len(primitive.positions)
    positions = primitive.positions
    accessors: list[Document] = [
        {"bufferView": 0, "componentType": 5126, "count": count, "type": "VEC3",
         "min": positions.min(0).tolist(), "max": positions.max(0).tolist()},
        {"bufferView": 1, "componentType": 5126, "count": count, "type": "VEC3"},
        {"bufferView": 2, "componentType": 5126, "count": count, "type": "VEC2"},
        {"bufferView": 3, "componentType": 5125, "count": len(primitive.indices), "type": "SCALAR"},
    ]  # fmt: skip
    offsets = np.cumsum([0, *map(len, chunks)]).tolist()
    views = [
        {"buffer": 0, "byteOffset": at, "byteLength": len(chunk)} for at, chunk in zip(offsets, chunks, strict=False)
    ]
    json: Document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "thing"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3}]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offsets[-1]}],
    }
    return json, b"".join(chunks)


def write_glb(path: Path, json_document: Document, binary: bytes) -> Path:
    text = json.dumps(json_document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    path.write_bytes(struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks)
    return path


def write_gltf(path: Path, json_document: Document, binary: bytes | None = None) -> Path:
    """With its buffer as a data: URI, or as the document says when `binary` is None."""
    if binary is not None:
        data = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
        json_document = {**json_document, "buffers": [{"uri": data, "byteLength": len(binary)}]}
    path.write_text(json.dumps(json_document))
    return path
