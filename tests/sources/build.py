"""Tiny glTF files, built byte by byte, so that a test can break exactly one thing."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Scene
from assetpipe.config import Limits, load_config
from assetpipe.errors import AssetpipeError
from assetpipe.sources import open_source, read_scene

COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
QUAD = np.array([0, 1, 2, 2, 1, 3], np.uint16)
LIMITS = load_config().limits


class Build:
    """A document and its BIN chunk, under construction."""

    def __init__(self, **document: Any) -> None:
        self.json: Json = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]}
        self.json |= {"accessors": [], "bufferViews": [], **document}
        self.bin = b""

    def view(self, data: bytes, **view: Any) -> int:
        self.bin += b"\0" * (-len(self.bin) % 4)
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.bin), "byteLength": len(data), **view})
        self.bin += data
        return len(self.json["bufferViews"]) - 1

    def accessor(self, values: Array, **accessor: Any) -> int:
        rows = values.reshape(len(values), -1)
        found = {"componentType": COMPONENTS[values.dtype.name], "count": len(rows), "type": KINDS[rows.shape[1]]}
        if "bufferView" not in accessor:
            accessor = {"bufferView": self.view(values.tobytes()), **accessor}
        self.json["accessors"].append({**found, **accessor})
        return len(self.json["accessors"]) - 1

    def mesh(self, *primitives: Json, **mesh: Any) -> Build:
        self.json.setdefault("meshes", []).append({"primitives": list(primitives), **mesh})
        return self

    def document(self) -> Json:
        found = {key: value for key, value in copy.deepcopy(self.json).items() if value != []}
        return {**found, "buffers": [{"byteLength": len(self.bin)}]} if self.bin else found

    def glb(self) -> bytes:
        return pack(self.document(), self.bin)


def quad(**document: Any) -> Build:
    """Two triangles on one node; accessors 0 POSITION, 1 indices."""
    build = Build(**document)
    position, indices = build.accessor(CORNERS), build.accessor(QUAD)
    return build.mesh({"attributes": {"POSITION": position}, "indices": indices})


def pack(document: Json | bytes, binary: bytes = b"") -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    chunks = [chunk(b"JSON", text + b" " * (-len(text) % 4))]
    if binary:
        chunks.append(chunk(b"BIN\0", binary + b"\0" * (-len(binary) % 4)))
    return frame(*chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<I4s", len(data), kind) + data


def frame(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def read(folder: Path, data: bytes | Build | Json, name: str = "model.glb", limits: Limits = LIMITS) -> Scene:
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    path = folder / name
    path.write_bytes(data.glb() if isinstance(data, Build) else data)
    return read_scene(open_source(path, limits), limits)


def refusal(
    folder: Path, data: bytes | Build | Json, name: str = "model.glb", limits: Limits = LIMITS
) -> AssetpipeError:
    """The error that reading `data` ends in; its hint must never be missing."""
    with pytest.raises(AssetpipeError) as caught:
        read(folder, data, name, limits)
    assert caught.value.hint
    return caught.value
