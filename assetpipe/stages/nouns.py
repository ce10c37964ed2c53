"""The pipeline's nouns <-> JSON and blobs. What comes back is the same to every later stage: arrays bit for bit.

Reading checks what kernels do not: that indices stay within their vertices and attributes are as long as each other.
Whoever can write to a cache can still make a wrong picture; a crash or worse should take more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from assetpipe.asset import Array, Deviation, Glb, Image, Json, Lod, Material, Mesh, Node, Primitive, Scene
from assetpipe.geometry import Decimated
from assetpipe.stages.blobs import Blob, Blobs, Digests, kind
from assetpipe.stages.entry import DamagedEntry
from assetpipe.stages.kept import Codec
from assetpipe.stages.keys import canonical


def pack_scene(scene: Scene, blobs: Blobs) -> Json:
    return {
        "nodes": [node.json for node in scene.nodes],
        "meshes": [_pack_mesh(mesh, blobs) for mesh in scene.meshes],
        "materials": [material.json for material in scene.materials],
        "images": [[blobs.add(image.data), image.mime, image.json, image.uri] for image in scene.images],
        "arrays": [blobs.add(array) for array in scene.arrays],
        "json": scene.json,
        "repairs": scene.repairs,
        "warnings": scene.warnings,
    }


def unpack_scene(value: Json, blobs: Sequence[Blob]) -> Scene:
    scene = Scene(
        nodes=tuple(Node(node) for node in value["nodes"]),
        meshes=tuple(_unpack_mesh(mesh, blobs) for mesh in value["meshes"]),
        materials=tuple(Material(material) for material in value["materials"]),
        images=tuple(_unpack_image(image, blobs) for image in value["images"]),
        arrays=tuple(_array(at, blobs) for at in value["arrays"]),
        json=value["json"],
        repairs=tuple(value["repairs"]),
        warnings=tuple(value["warnings"]),
    )
    if any(node.mesh is not None and not 0 <= node.mesh < len(scene.meshes) for node in scene.nodes):
        raise DamagedEntry("names a mesh that is not there")
    return scene


def pack_decimated(levels: Sequence[Decimated], blobs: Blobs) -> list[Json]:
    return [
        {
            "scene": pack_scene(level.scene, blobs),
            "error": level.error,
            "notes": level.notes,
            "deviation": astuple(level.deviation),
            "torn": level.torn,
        }
        for level in levels
    ]


def unpack_decimated(value: Sequence[Json], blobs: Sequence[Blob]) -> list[Decimated]:
    return [
        Decimated(
            unpack_scene(level["scene"], blobs),
            level["error"],
            tuple(level["notes"]),
            Deviation(*level["deviation"]),
            level["torn"],
        )
        for level in value
    ]


DECIMATED: Codec[Sequence[Decimated]] = Codec(pack_decimated, unpack_decimated)
BYTES: Codec[bytes] = Codec(lambda data, blobs: blobs.add(data), lambda at, blobs: bytes(_data(at, blobs)))


def rebaked_codec(decimated: Sequence[Decimated]) -> Codec[Sequence[Decimated]]:
    """What baking did not touch is referred to."""
    return Codec(pack_decimated, unpack_decimated, _blobs_of(pack_decimated, decimated))


def glb_codec(lod: Lod) -> Codec[Glb]:
    """A file, with the scene that it was written from: records and poster are made of that."""

    def pack(glb: Glb, blobs: Blobs) -> Json:
        scene = pack_scene(glb.lod.scene, blobs)
        return {"level": glb.level, "data": blobs.add(glb.data), "notes": glb.notes, "scene": scene}

    def unpack(value: Json, blobs: Sequence[Blob]) -> Glb:
        scene = unpack_scene(value["scene"], blobs)
        made = Lod(value["level"], scene, tuple(value["notes"]))
        return Glb(value["level"], bytes(_data(value["data"], blobs)), made)

    return Codec(pack, unpack, _blobs_of(pack_scene, lod.scene))


def scene_digest(scene: Scene, digests: Digests) -> str:
    """Of all that a stage may see of it."""
    return _digest_of(pack_scene, scene, digests)


def decimated_digest(levels: Sequence[Decimated], digests: Digests) -> str:
    return _digest_of(pack_decimated, levels, digests)


def _digest_of(pack: Callable[[Any, Blobs], Any], value: object, digests: Digests) -> str:
    blobs = Blobs()
    told = hashlib.sha256(json.dumps(pack(value, blobs), separators=(",", ":")).encode())
    for blob in blobs.own:
        told.update(canonical(kind(blob)) + digests.of(blob))
    return told.hexdigest()


def _blobs_of(pack: Callable[[Any, Blobs], Any], value: object) -> list[Blob]:
    blobs = Blobs()
    pack(value, blobs)
    return blobs.own


def _pack_mesh(mesh: Mesh, blobs: Blobs) -> Json:
    primitives = [
        {
            "mode": each.mode,
            "indices": blobs.add(each.indices),
            "attributes": _pack_arrays(each.attributes, blobs),
            "targets": [_pack_arrays(target, blobs) for target in each.targets],
            "json": each.json,
        }
        for each in mesh.primitives
    ]
    return {"primitives": primitives, "json": mesh.json}


def _unpack_mesh(value: Json, blobs: Sequence[Blob]) -> Mesh:
    return Mesh(tuple(_unpack_primitive(each, blobs) for each in value["primitives"]), value["json"])


def _unpack_primitive(value: Json, blobs: Sequence[Blob]) -> Primitive:
    attributes = _unpack_arrays(value["attributes"], blobs)
    targets = tuple(_unpack_arrays(target, blobs) for target in value["targets"])
    indices = _array(value["indices"], blobs)
    vertices = len(attributes["POSITION"])
    lengths = {len(array) for each in (attributes, *targets) for array in each.values()}
    beyond = len(indices) and int(indices.max()) >= vertices
    if indices.dtype != np.uint32 or indices.ndim != 1 or lengths != {vertices} or beyond:
        raise DamagedEntry("holds triangles of no vertices")
    return Primitive(value["mode"], indices, attributes, targets, value["json"])


def _unpack_image(value: Sequence[Any], blobs: Sequence[Blob]) -> Image:
    at, mime, own, uri = value
    return Image(_data(at, blobs), mime, own, uri)


def _pack_arrays(arrays: Mapping[str, Array], blobs: Blobs) -> dict[str, int]:
    return {name: blobs.add(array) for name, array in arrays.items()}


def _unpack_arrays(places: Mapping[str, int], blobs: Sequence[Blob]) -> dict[str, Array]:
    return {name: _array(at, blobs) for name, at in places.items()}


def _array(at: int, blobs: Sequence[Blob]) -> Array:
    found = blobs[at] if at >= 0 else None
    if not isinstance(found, np.ndarray):
        raise DamagedEntry("refers to an array that is none")
    return found


def _data(at: int, blobs: Sequence[Blob]) -> bytes | memoryview:
    found = blobs[at] if at >= 0 else None
    if found is None or isinstance(found, np.ndarray):
        raise DamagedEntry("refers to bytes that are none")
    return found
