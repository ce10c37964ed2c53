"""Scenes with everything that the container can store."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image as Picture

from assetpipe.asset import Array, Image, Json, Material, Mesh, Node, Primitive, Scene
from assetpipe.config import Compression, load_config
from assetpipe.container import encode_geometry, write_glb
from tests.container.decode import File
from tests.shapes import scene, torus

DEFAULTS = load_config().compression


def settings(geometry: str = "draco", **changes: object) -> Compression:
    return DEFAULTS.model_copy(update={"geometry": geometry, **changes})


def written(asset: Scene, geometry: str = "draco", **changes: object) -> File:
    return File(write_glb(asset, encode_geometry(asset, settings(geometry, **changes))))


def with_ids(primitive: Primitive, **attributes: Array) -> Primitive:
    """An integer per vertex, so that a decoder's vertices can be told apart however it orders them."""
    ids = np.arange(len(primitive.positions), dtype=np.uint16)[:, None]
    return replace(primitive, attributes={**primitive.attributes, **attributes, "_ID": ids})


def tangents(primitive: Primitive) -> Array:
    across = np.cross(primitive.attributes["NORMAL"], [0.1, 1.0, 0.2])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.c_[across, np.where(primitive.positions[:, 0] > 0, 1, -1)].astype(np.float32)


def skinning(primitive: Primitive) -> dict[str, Array]:
    count, random = len(primitive.positions), np.random.default_rng(1)
    weights = random.random((count, 4)) ** 4
    weights[::3, 2:] = 0
    joints = np.where(weights > 0, np.array([0, 3, 1, 2]), 0).astype(np.uint16)
    return {"JOINTS_0": joints, "WEIGHTS_0": (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)}


def rich(segments: int = 40) -> Primitive:
    """A torus with every attribute that glTF knows, and one that it does not."""
    base = torus(segments)
    colours = np.abs(np.c_[base.attributes["NORMAL"], np.ones(len(base.positions))]).astype(np.float32)
    second = (base.attributes["TEXCOORD_0"] * 0.5 + 0.25).astype(np.float32)
    return with_ids(base, TANGENT=tangents(base), TEXCOORD_1=second, COLOR_0=colours, **skinning(base))


def skinned(primitive: Primitive) -> Scene:
    """The primitive on four joints, with an animation that turns one of them."""
    keys = np.array([0.0, 0.5, 1.0], np.float32)
    turns = np.array([[0, 0, 0, 1], [0, 0.6, 0, 0.8], [0, 0, 0, 1]], np.float32)
    samplers = [{"input": 1, "output": 2, "interpolation": "LINEAR"}]
    channels = [{"sampler": 0, "target": {"node": 1, "path": "rotation"}}]
    document: Json = {
        "asset": {"version": "2.0", "copyright": "CC0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "skins": [{"joints": [1, 2, 3, 4], "inverseBindMatrices": 0}],
        "animations": [{"samplers": samplers, "channels": channels}],
    }
    chain = tuple(Node({"name": f"joint {at}", **({"children": [at + 1]} if at < 4 else {})}) for at in range(1, 5))
    nodes = (Node({"mesh": 0, "skin": 0}), *chain)
    return Scene(
        nodes,
        (Mesh((primitive,)),),
        arrays=(np.tile(np.eye(4, dtype=np.float32), (4, 1, 1)), keys, turns),
        json=document,
    )


def picture(colour: str = "red", mime: str = "image/png") -> Image:
    file = io.BytesIO()
    Picture.new("RGB", (8, 8), colour).save(
        file, {"image/png": "PNG", "image/webp": "WEBP", "image/jpeg": "JPEG"}[mime]
    )
    return Image(file.getvalue(), mime, {"name": colour})


def textured(*pictures: Image, primitive: Primitive | None = None) -> Scene:
    """One material and one texture per picture."""
    materials = tuple(
        Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": at}}}) for at in range(len(pictures))
    )
    shapes = [replace(primitive or torus(8), json={"material": at}) for at in range(len(pictures))]
    textures = [{"source": at} for at in range(len(pictures))]
    return scene(*shapes, materials=materials, images=pictures, textures=textures)
