"""Surfaces to bake, and an own way from a texel back to the point in space: what the baker's tests compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Array, Primitive
from assetpipe.baking import Baked, BakeRequest, Coat, Layer, Surface, Texture, bake, stage_source

REPEAT, MIRROR, CLAMP = 10497, 33648, 33071


def surface(primitive: Primitive, **changes: object) -> Surface:
    """With tangents from its UVs."""
    uvs = {0: primitive.attributes["TEXCOORD_0"]}
    made = Surface(primitive.positions, primitive.indices, primitive.attributes["NORMAL"], uvs=uvs)
    return with_tangents(replace(made, **changes))  # type: ignore[arg-type]


def with_tangents(made: Surface) -> Surface:
    """The mean of the triangles' at each vertex: good enough where no vertex is shared by mirrored UVs."""
    assert made.normals is not None
    faces = made.indices.reshape(-1, 3)
    points, uvs = made.positions[faces].astype(float), made.uvs[0][faces] * np.array([1.0, -1.0])
    (p, q), (u, v) = ((each[:, 1] - each[:, 0], each[:, 2] - each[:, 0]) for each in (points, uvs))
    side = np.sign(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])[:, None]
    along, sides = np.zeros((len(made.positions), 3)), np.zeros((len(made.positions), 1))
    for corner in range(3):
        np.add.at(along, faces[:, corner], (p * v[:, 1:] - q * u[:, 1:]) * side)
        np.add.at(sides, faces[:, corner], side)
    along -= made.normals * (along * made.normals).sum(axis=1, keepdims=True)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-20)
    return replace(made, tangents=np.concatenate([along, np.where(sides < 0, -1, 1)], axis=1).astype(np.float32))


def sheet(corners: Sequence[Sequence[float]], uvs: Sequence[Sequence[float]]) -> Surface:
    """A flat quad, its four corners counter-clockwise as seen from its front."""
    points = np.array(corners, np.float32)
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    normals = np.tile(normal / np.linalg.norm(normal), (4, 1)).astype(np.float32)
    indices = np.array([0, 1, 2, 0, 2, 3], np.uint32)
    return with_tangents(Surface(points, indices, normals, uvs={0: np.array(uvs, np.float32)}))


def square(z: float = 0.0, *, size: float = 1.0, tiles: float = 1.0, facing: float = 1.0) -> Surface:
    """In the XY plane about the origin; its picture is upright as seen from its front (+Z, or -Z)."""
    s, h = facing, size / 2
    corners = [(-h * s, -h, z), (h * s, -h, z), (h * s, h, z), (-h * s, h, z)]
    return sheet(corners, [(0, tiles), (tiles, tiles), (tiles, 0), (0, 0)])


def joined(*surfaces: Surface) -> Surface:
    """One surface; each gets a material of its own, in order."""
    starts = np.cumsum([0, *(len(each.positions) for each in surfaces)])

    def together(name: str) -> Array:
        return np.concatenate([getattr(each, name) for each in surfaces])

    return Surface(
        together("positions"),
        np.concatenate([each.indices + start for each, start in zip(surfaces, starts, strict=False)]).astype(np.uint32),
        together("normals"),
        together("tangents"),
        {0: np.concatenate([each.uvs[0] for each in surfaces])},
        materials=np.concatenate([np.full(each.triangles, at) for at, each in enumerate(surfaces)]),
    )


def moved_uvs(made: Surface, scale: tuple[float, float], offset: tuple[float, float]) -> Surface:
    return replace(made, uvs={0: (made.uvs[0] * np.array(scale) + np.array(offset)).astype(np.float32)})


def colour_layer(*coats: Coat, alpha: bool = False) -> Layer:
    return Layer("baseColor", "colour", "rgba" if alpha else "rgb", coats, base=True)


def normal_layer(*coats: Coat) -> Layer:
    return Layer("normal", "normal", "rgb", coats or (Coat(),))


def plain(r: float, g: float, b: float) -> Coat:
    return Coat(factor=(r, g, b, 1.0), opaque=True)


def picture(pixels: Array, wrap: int = REPEAT) -> Texture:
    return Texture(np.ascontiguousarray(pixels, np.uint8), (wrap, wrap))


def baked(source: Surface, level: Surface, layers: Sequence[Layer], request: BakeRequest) -> Baked:
    return bake(stage_source(source, layers, "cpu"), level, request)


@dataclass(frozen=True, eq=False)
class Shown:
    """The texels whose middles lie on the level, and where."""

    y: Array
    x: Array
    faces: Array
    weights: Array
    """(n, 3)"""


def shown(level: Surface, px: int) -> Shown:
    uvs, found = level.uvs[0][level.indices].reshape(-1, 3, 2).astype(float) * px, []
    y, x = (each.reshape(-1) for each in np.mgrid[:px, :px])
    for face, (a, b, c) in enumerate(uvs):
        u, v, s = b - a, c - a, np.stack([x + 0.5, y + 0.5], axis=1) - a
        det = u[0] * v[1] - u[1] * v[0]
        wb, wc = (s[:, 0] * v[1] - s[:, 1] * v[0]) / det, (u[0] * s[:, 1] - u[1] * s[:, 0]) / det
        inside = np.flatnonzero((wb > 1e-6) & (wc > 1e-6) & (wb + wc < 1 - 1e-6))
        weights = np.stack([1 - wb - wc, wb, wc], axis=1)[inside]
        found.append((y[inside], x[inside], np.full(len(inside), face), weights))
    return Shown(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def at_texels(level: Surface, values: Array, texels: Shown) -> Array:
    """Values of the vertices, interpolated."""
    corners = level.indices.reshape(-1, 3)[texels.faces]
    mixed: Array = np.einsum("nc,nck->nk", texels.weights, values[corners].astype(float))
    return mixed


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def decoded(level: Surface, normals: Array, texels: Shown) -> Array:
    """(n, 3) what three.js shows: its frame is made at the vertices, interpolated, each axis made unit again."""
    assert level.normals is not None
    assert level.tangents is not None
    bitangents = np.cross(level.normals, level.tangents[:, :3]) * level.tangents[:, 3:]
    frame = [unit(at_texels(level, axis, texels)) for axis in (level.tangents[:, :3], bitangents, level.normals)]
    m = normals[texels.y, texels.x] / 255.0 * 2 - 1
    return unit(sum(axis * m[:, at : at + 1] for at, axis in enumerate(frame)))


def degrees(a: Array, b: Array) -> Array:
    return np.asarray(np.degrees(np.arccos(np.clip((unit(a) * unit(b)).sum(axis=-1), -1, 1))))
