"""Parts, pictures and plain glTF JSON in, the bytes of a GLB out."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kit.surfaces import Part, unit

Array = NDArray[Any]
Json = dict[str, Any]
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
COMPONENT = {"f4": 5126, "u4": 5125, "u2": 5123, "u1": 5121}
SHAPE = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}


class Document:
    """A glTF document that grows: each call adds one thing and returns its index."""

    def __init__(self, *, tangents: bool = True, **asset: Any) -> None:
        self.json: Json = {
            "asset": {"version": "2.0", "generator": "sample_models/generate.py", **asset},
            "scene": 0,
            "scenes": [{"nodes": []}],
        }
        self.binary = bytearray()
        self.tangents = tangents

    def add(self, kind: str, thing: Json) -> int:
        listed: list[Json] = self.json.setdefault(kind, [])
        listed.append({key: value for key, value in thing.items() if value is not None})
        return len(listed) - 1

    def texture(self, name: str, data: bytes, **more: Any) -> int:
        """A PNG or JPEG that repeats."""
        mime = "image/png" if data[:4] == b"\x89PNG" else "image/jpeg"
        image = self.add("images", {"name": name, "mimeType": mime, "bufferView": self.view(data)})
        if "samplers" not in self.json:
            self.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497})
        return self.add("textures", {"source": image, "sampler": 0, **more})

    def material(self, name: str, **json_of: Any) -> int:
        self.use(json_of.get("extensions", {}))
        for value in [*json_of.values(), *json_of.get("pbrMetallicRoughness", {}).values()]:
            if isinstance(value, dict):
                self.use(value.get("extensions", {}))
        return self.add("materials", {"name": name, **json_of})

    def mesh(self, name: str, pieces: Iterable[tuple[Part, int]], **more: Any) -> int:
        """One primitive per (part, material)."""
        return self.add("meshes", {"name": name, "primitives": [self.primitive(*piece) for piece in pieces], **more})

    def primitive(self, part: Part, material: int, extra: Mapping[str, Array] | None = None) -> Json:
        attributes = {
            "POSITION": self.vertices(part.points.astype(np.float32), bounds=True),
            "NORMAL": self.vertices(exact_units(part.normals)),
            "TEXCOORD_0": self.vertices(part.uvs.astype(np.float32)),
        }
        attributes.update({name: self.vertices(values) for name, values in (extra or {}).items()})
        if "normalTexture" in self.json["materials"][material] and self.tangents:
            attributes["TANGENT"] = self.vertices(tangents(part))
        narrow = np.uint16 if len(part.points) < 65535 else np.uint32
        indices = self.accessor(part.faces.reshape(-1).astype(narrow), target=ELEMENT_ARRAY_BUFFER)
        return {"attributes": attributes, "indices": indices, "material": material}

    def node(self, name: str, **json_of: Any) -> int:
        self.use(json_of.get("extensions", {}))
        return self.add("nodes", {"name": name, **json_of})

    def root(self, name: str, children: Sequence[int], **more: Any) -> int:
        top = self.node(name, children=list(children), **more)
        self.json["scenes"][0]["nodes"].append(top)
        self.json["scenes"][0]["name"] = name
        return top

    def vertices(self, values: Array, *, bounds: bool = False) -> int:
        return self.accessor(values, target=ARRAY_BUFFER, bounds=bounds)

    def accessor(self, values: ArrayLike, *, target: int | None = None, bounds: bool = False) -> int:
        array = np.ascontiguousarray(values)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        described: Json = {
            "bufferView": self.view(array.tobytes(), target),
            "componentType": COMPONENT[array.dtype.str[1:]],
            "count": len(array),
            "type": SHAPE[array.shape[1:]],
        }
        if bounds:
            described["min"] = np.atleast_1d(array.min(axis=0)).tolist()
            described["max"] = np.atleast_1d(array.max(axis=0)).tolist()
        return self.add("accessors", described)

    def view(self, data: bytes, target: int | None = None) -> int:
        self.binary.extend(b"\0" * (-len(self.binary) % 4))
        start = len(self.binary)
        self.binary.extend(data)
        return self.add("bufferViews", {"buffer": 0, "byteOffset": start, "byteLength": len(data), "target": target})

    def use(self, extensions: Iterable[str]) -> None:
        used: list[str] = self.json.setdefault("extensionsUsed", [])
        used.extend(name for name in extensions if name not in used)

    def glb(self) -> bytes:
        self.binary.extend(b"\0" * (-len(self.binary) % 4))
        document = {**self.json, "buffers": [{"byteLength": len(self.binary)}]}
        document = {key: value for key, value in document.items() if value != []}
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
        chunks += struct.pack("<II", len(self.binary), 0x004E4942) + bytes(self.binary)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def tangents(part: Part) -> Array:
    """(n, 4) float32: the direction in which u grows, weighted by area, and the side on which v grows."""
    a, b, c = (part.points[part.faces[:, k]] for k in range(3))
    (u1, v1), (u2, v2) = ((part.uvs[part.faces[:, k]] - part.uvs[part.faces[:, 0]]).T for k in (1, 2))
    area = u1 * v2 - u2 * v1
    along_u = ((b - a) * v2[:, None] - (c - a) * v1[:, None]) * np.sign(area)[:, None]
    total = np.zeros_like(part.points)
    side = np.zeros(len(total))
    for k in range(3):
        corner = part.faces[:, k]
        total += np.stack([np.bincount(corner, along_u[:, j], len(total)) for j in range(3)], axis=1)
        side += np.bincount(corner, area, len(total))
    flat = total - part.normals * np.einsum("nk,nk->n", total, part.normals)[:, None]
    lost = np.linalg.norm(flat, axis=1) < 1e-12
    flat[lost] = np.cross(part.normals[lost], part.normals[lost][:, [1, 2, 0]] + [0.1, 0.2, 0.3])
    # glTF's bitangent points up the picture, against v
    return np.concatenate([exact_units(unit(flat)), np.where(side > 0, -1, 1).astype(np.float32)[:, None]], axis=1)


def exact_units(normals: Array) -> Array:
    """float32 vectors whose length the validator finds to be 1."""
    narrow = normals.astype(np.float32)
    result: Array = narrow / np.linalg.norm(narrow.astype(float), axis=1, keepdims=True)
    return result.astype(np.float32)


def pbr(colour: Sequence[float] = (1, 1, 1), *, rough: float = 1.0, metal: float = 0.0, **maps: Json) -> Json:
    """`pbrMetallicRoughness` of a linear colour; `maps` are baseColorTexture and metallicRoughnessTexture."""
    return {"baseColorFactor": [*colour[:3], 1.0], "roughnessFactor": rough, "metallicFactor": metal, **maps}


def tiled(texture: int, metres: float, *, turn: float = 0.0, **more: Any) -> Json:
    """A textureInfo by KHR_texture_transform: UVs are metres, the picture covers `metres` of them."""
    times = round(1 / metres, 4)
    transform: Json = {"scale": [times, times]}
    if turn:
        transform["rotation"] = round(turn, 6)
    return {"index": texture, **more, "extensions": {"KHR_texture_transform": transform}}
