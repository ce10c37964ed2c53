"""Meshes that break decimators, as Scenes: what no modeller would make on purpose, and what every tenth file has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Material, Mesh, Node, Primitive, Scene
from assetpipe.geometry.welding import weld
from tests import shapes

TURN = 2 * np.pi


@dataclass(frozen=True, eq=False)
class Shape:
    points: Array
    """(n, 3) float64."""
    faces: Array
    """(f, 3)"""
    uvs: Array
    """(f, 3, 2) of each corner."""


def lattice(columns: int, rows: int, place: Callable[[Array, Array], tuple[Array, ...]]) -> Shape:
    """A grid of (u, v) in the unit square put into space; points that fall together are one, faces of none are gone."""
    uvs, indices = shapes.grid(columns, rows)
    u, v = uvs.T.astype(np.float64)
    points, at = np.unique(np.stack(np.broadcast_arrays(*place(u, v)), -1).round(7), axis=0, return_inverse=True)
    corners = indices.reshape(-1, 3).astype(np.int64)
    faces = at.reshape(-1)[corners]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return Shape(points, faces[whole], uvs[corners[whole]].astype(np.float64))


def sheet(n: int) -> Shape:
    return lattice(n, n, lambda u, v: (u, v, 0 * u))


def dunes(n: int) -> Shape:
    return lattice(n, n, lambda u, v: (u, v, 0.05 * np.sin(9 * u) * np.cos(8 * v)))


def ball(n: int) -> Shape:
    return lattice(2 * n, n, _round)


def pebble(n: int) -> Shape:
    """A ball with bumps."""
    return lattice(2 * n, n, lambda u, v: tuple(x * (1 + 0.2 * np.sin(3 * x) * y) for x, y in _pairs(_round(u, v))))


def _round(u: Array, v: Array) -> tuple[Array, ...]:
    return np.sin(np.pi * v) * np.cos(TURN * u), np.cos(np.pi * v), -np.sin(np.pi * v) * np.sin(TURN * u)


def _pairs(xyz: tuple[Array, ...]) -> list[tuple[Array, Array]]:
    return [(xyz[at], np.cos(2 * xyz[at - 1])) for at in range(3)]


def ring(n: int) -> Shape:
    """A torus."""

    def place(u: Array, v: Array) -> tuple[Array, ...]:
        out = 1 + 0.4 * np.cos(TURN * v)
        return out * np.cos(TURN * u), 0.4 * -np.sin(TURN * v), -out * np.sin(TURN * u)

    return lattice(2 * n, n, place)


def moebius(n: int) -> Shape:
    def place(u: Array, v: Array) -> tuple[Array, ...]:
        across = 0.8 * (v - 0.5)
        out = 1 + across * np.cos(TURN * u / 2)
        return out * np.cos(TURN * u), out * np.sin(TURN * u), across * np.sin(TURN * u / 2)

    return lattice(3 * n, n, place)


def klein(n: int) -> Shape:
    """The figure-eight immersion: closed, passes through itself, has no outside."""

    def place(u: Array, v: Array) -> tuple[Array, ...]:
        one, two = np.sin(TURN * v), np.sin(2 * TURN * v)
        c, s = np.cos(TURN * u / 2), np.sin(TURN * u / 2)
        out = 1.5 + 0.5 * (c * one - s * two)
        return out * np.cos(TURN * u), out * np.sin(TURN * u), 0.5 * (s * one + c * two)

    return lattice(2 * n, 2 * n, place)


def fan(n: int) -> Shape:
    """One hub, n * n triangles, an open rim."""
    return lattice(n * n, 1, lambda u, v: (v * np.cos(TURN * u), v * np.sin(TURN * u), 0.2 * (1 - v)))


def book(n: int) -> Shape:
    """Five sheets on one edge."""
    pages = [
        lattice(n, n, lambda u, v, a=a: (u * np.cos(a), u * np.sin(a), v + 0.05 * u * u)) for a in np.arange(5) * 1.1
    ]
    return together(*pages)


def bowtie(n: int) -> Shape:
    """Two balls that share one vertex, two sheets that share one corner with them."""
    one = ball(n)
    top = one.points[:, 1].argmax()
    flat = sheet(n)
    return together(
        one,
        replace(one, points=2 * one.points[top] - one.points),
        replace(flat, points=flat.points + one.points[top]),
        replace(flat, points=one.points[top] - flat.points),
    )


def colander(n: int) -> Shape:
    """A flat sheet with holes, some of which touch at a corner."""
    flat = sheet(n)
    middle = flat.points[flat.faces].mean(axis=1)
    return replace(_pick(flat, np.sin(17 * middle[:, 0]) * np.cos(13 * middle[:, 1]) > -0.4))


def two_sided(n: int) -> Shape:
    """A leaf modelled front and back on the same vertices."""
    front = dunes(n)
    return together(front, replace(front, faces=front.faces[:, ::-1], uvs=front.uvs[:, ::-1]))


def tetrahedra(n: int) -> Shape:
    """n * n closed pieces of four triangles."""
    rng = np.random.default_rng(n)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    places, sizes = rng.uniform(-10, 10, (n * n, 1, 3)), rng.uniform(0.01, 0.4, (n * n, 1, 1))
    return _scattered((corners * sizes + places).round(5), faces)


def quads(n: int) -> Shape:
    """n * n loose quads."""
    rng = np.random.default_rng(n)
    a, b, c = rng.uniform(-0.5, 0.5, (3, n * n, 1, 3)) + np.eye(3)[:, None, None]
    at = rng.uniform(-10, 10, (n * n, 1, 3))
    return _scattered((np.concatenate([a, b, c, b + c - a], axis=1) + at).round(5), np.array([[0, 1, 2], [2, 1, 3]]))


def _scattered(corners: Array, faces: Array) -> Shape:
    """(pieces, k, 3) corners, the (f, 3) faces of each piece."""
    every = (faces[None] + len(corners[0]) * np.arange(len(corners))[:, None, None]).reshape(-1, 3)
    points = corners.reshape(-1, 3)
    return Shape(points, every, (points[every][..., :2] + 10) / 20)


def soup(n: int) -> Shape:
    """Triangles between random points: nothing about it is manifold."""
    rng = np.random.default_rng(n)
    points, faces = rng.uniform(-1, 1, (3 * n, 3)).round(5), rng.integers(0, 3 * n, (n * n, 3))
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    return Shape(points, faces, rng.uniform(0, 1, (len(faces), 3, 2)))


def together(*parts: Shape) -> Shape:
    """As one mesh, joined where points are equal."""
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    points, at = np.unique(np.concatenate([p.points for p in parts]).round(7), axis=0, return_inverse=True)
    faces = np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)])
    return Shape(points, at.reshape(-1)[faces], np.concatenate([part.uvs for part in parts]))


def _pick(shape: Shape, faces: Array) -> Shape:
    return replace(shape, faces=shape.faces[faces], uvs=shape.uvs[faces])


def repeated(shape: Shape) -> Shape:
    """Every third face twice, every fifth once more from behind."""
    behind = _pick(shape, np.arange(0, len(shape.faces), 5))
    return together(
        shape,
        _pick(shape, np.arange(0, len(shape.faces), 3)),
        replace(behind, faces=behind.faces[:, ::-1], uvs=behind.uvs[:, ::-1]),
    )


def with_slivers(shape: Shape) -> Shape:
    """And faces without area: two corners in one, three on a line that leads nowhere; needles on the first edges."""
    few = shape.faces[::7]
    a, b = shape.points[few[:, 0]], shape.points[few[:, 1]]
    start = len(shape.points) + np.arange(len(few))
    points = np.concatenate([shape.points, (a + b) / 2, a + (b - a) * 0.3 + 1e-6])
    added = [few[:, [0, 0, 1]], np.stack([few[:, 0], start, few[:, 1]], 1)]
    added.append(np.stack([few[:, 0], start + len(few), few[:, 1]], 1))
    faces = np.concatenate([shape.faces, *added])
    uvs = np.concatenate([shape.uvs, *(shape.uvs[::7] for _ in added)])
    return Shape(points, faces, uvs)


CLOSED = {"ball": ball, "pebble": pebble, "ring": ring, "klein": klein}
OPEN = {"sheet": sheet, "dunes": dunes, "moebius": moebius, "fan": fan, "colander": colander}
BROKEN = {
    "book": book,
    "bowtie": bowtie,
    "two_sided": two_sided,
    "tetrahedra": tetrahedra,
    "quads": quads,
    "soup": soup,
}
EVERY = {**CLOSED, **OPEN, **BROKEN}


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
