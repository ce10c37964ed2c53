"""Shape -> Scene: what a shape carries, and how a scene shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Material, Mesh, Node, Primitive, Scene
from assetpipe.geometry.welding import weld
from tests.geometry.breaking import Shape


@dataclass(frozen=True)
class Dress:
    """What a shape carries."""

    charts: int = 3
    """Bands of faces with texture coordinates of their own."""
    uvs: str = "plain"
    """plain, mirrored (every second chart), outside (of 0..1), overlapped, thin (every second has no area), none"""
    normals: str = "smooth"
    """smooth, random, none"""
    colours: bool = False
    second_uvs: bool = False
    skinned: bool = False
    materials: int = 1


TEXTURED = Material(
    {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "occlusionTexture": {"index": 0, "texCoord": 1}}
)


def dressed(shape: Shape, dress: Dress) -> tuple[Primitive, ...]:
    """One primitive for each material; `_CHART` tells each vertex' chart, for the tests to read from a level."""
    count = len(shape.faces)
    chart = np.minimum(np.arange(count) * dress.charts // max(count, 1), dress.charts - 1)
    positions = shape.points.astype(np.float32)[shape.faces]
    attributes: dict[str, Array] = {"POSITION": positions, "_CHART": np.repeat(chart[:, None], 3, 1)[..., None]}
    if dress.uvs != "none":
        attributes["TEXCOORD_0"] = charted(shape.uvs, chart, dress.uvs)
    if dress.second_uvs:
        attributes["TEXCOORD_1"] = shape.uvs * 0.5 + 0.1
    if dress.normals != "none":
        attributes["NORMAL"] = _normals(shape, dress.normals)[shape.faces]
    if dress.colours:
        attributes["COLOR_0"] = np.abs(np.sin(3 * positions))
    if dress.skinned:
        attributes |= _skin(positions)
    return tuple(_primitive(attributes, chart % dress.materials == at, at) for at in range(dress.materials))


def _primitive(attributes: dict[str, Array], faces: Array, material: int) -> Primitive:
    kinds: dict[str, Any] = {"_CHART": np.uint8, "JOINTS_0": np.uint16}
    flat = {
        name: np.ascontiguousarray(values[faces].reshape(-1, values.shape[-1]), kinds.get(name, np.float32))
        for name, values in attributes.items()
    }
    indices = np.arange(3 * int(faces.sum()), dtype=np.uint32)
    return weld(Primitive(TRIANGLES, indices, flat, json={"material": material}))


def charted(uvs: Array, chart: Array, kind: str) -> Array:
    """(f, 3, 2), side by side in 0..1 but for the kinds that are not."""
    at, count = chart[:, None], max(int(chart.max(initial=0)) + 1, 1)
    u, v = uvs[..., 0], uvs[..., 1]
    odd = at % 2 == 1
    if kind == "mirrored":
        u = np.where(odd, 1 - u, u)
    if kind == "thin":
        v = np.where(odd, 0.5, v)
    if kind == "outside":
        return np.stack([u * 7 - 3 + 0 * at, v * 3 + at], -1)
    if kind == "overlapped":
        return np.stack([u * 0.9 + 0.05 * at, v * 0.9 + 0.03 * at], -1)
    return np.stack([(u * 0.96 + 0.02 + at) / count, v], -1)


def _normals(shape: Shape, kind: str) -> Array:
    rng = np.random.default_rng(len(shape.points))
    normals = rng.normal(size=shape.points.shape)
    if kind == "smooth":
        a, b, c = (shape.points[shape.faces[:, at]] for at in range(3))
        along = np.cross(b - a, c - a)
        summed = [np.bincount(shape.faces.ravel(), np.repeat(along[:, k], 3), len(shape.points)) for k in range(3)]
        normals = np.stack(summed, -1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-12, normals / np.maximum(length, 1e-12), [0.0, 1.0, 0.0])


def _skin(positions: Array) -> dict[str, Array]:
    low, high = positions[..., :1].min(), positions[..., :1].max()
    share = (positions[..., :1] - low) / max(high - low, 1e-30)
    weights = np.concatenate([(1 - share) * 0.75, share * 0.75, 0 * share + 0.25, 0 * share], -1).astype(np.float32)
    joints = np.broadcast_to(np.array([0, 1, 2, 0]), weights.shape)
    return {"JOINTS_0": joints, "WEIGHTS_0": weights}


@dataclass(frozen=True)
class Placing:
    """How a scene shows a mesh."""

    scale: float = 1.0
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: float = 0.0
    """Of the vertices, in units of the mesh."""
    nodes: tuple[tuple[float, float, float], ...] = ((1.0, 1.0, 1.0),)
    """The scale of each node that shows it; a negative one mirrors."""


def placed(shape: Shape, dress: Dress, placing: Placing) -> Scene:
    moved = replace(shape, points=(shape.points * placing.stretch + placing.offset) * placing.scale)
    nodes = tuple(
        Node({"mesh": 0, "scale": list(scale), "translation": [25.0 * at * placing.scale, 0.0, 0.0]})
        for at, scale in enumerate(placing.nodes)
    )
    json: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": list(range(len(nodes)))}]}
    if dress.skinned:
        joints = list(range(len(nodes), len(nodes) + 3))
        json["skins"] = [{"joints": joints}]
        json["scenes"] = [{"nodes": list(range(len(nodes) + 3))}]
        nodes = (*(replace(node, json={**node.json, "skin": 0}) for node in nodes), *(Node({}) for _ in joints))
    return Scene(nodes, (Mesh(dressed(moved, dress)),), (TEXTURED,) * dress.materials, json=json)
