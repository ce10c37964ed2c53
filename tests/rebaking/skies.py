"""A ball on a floor, its ambient occlusion, and what its closed form says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Deviation, Image, Json, Material, Mesh, Node, Primitive, Scene
from assetpipe.baking import Occlusion, Surface
from assetpipe.geometry import Decimated
from assetpipe.rebaking import AskedOcclusion, occlude
from assetpipe.textures import TextureCache
from tests import shapes
from tests.baking import scenes
from tests.rebaking.levels import surface, texture

RADIUS = 0.25
GREY: Json = {"name": "grey"}


def floor(*, tiles: float = 1.0, cells: int = 8, material: int | None = 0) -> Primitive:
    """The square -1..1 of x and z, seen from above."""
    made, indices = shapes.grid(cells, cells)
    points = np.stack([made[:, 0] * 2 - 1, made[:, 0] * 0, made[:, 1] * 2 - 1], axis=1)
    up = np.tile([0.0, 1.0, 0.0], (len(points), 1))
    return shapes.primitive(points, up, made * np.float32(tiles), indices, material)


def ball(material: int | None = 1) -> Primitive:
    """About the origin."""
    return shapes.sphere(48, RADIUS, material)


def still(*primitives: Primitive, materials: Sequence[Json] = (GREY, GREY), images: Sequence[Image] = ()) -> Scene:
    """Each a mesh of its own, the second one's middle a radius above the ground."""
    document: Json = {
        "textures": [{"source": at} for at in range(len(images))],
        "scenes": [{"nodes": list(range(len(primitives)))}],
    }
    nodes = (Node({"mesh": 0}), Node({"mesh": 1, "translation": [0, RADIUS, 0]}))
    meshes = tuple(Mesh((each,)) for each in primitives)
    return Scene(nodes[: len(meshes)], meshes, tuple(map(Material, materials)), tuple(images), json=document)


def occluded(source: Scene, level: Scene | None = None, *, reach: float = 1e4, px: int = 256) -> Decimated:
    """All that is met counts, unless `reach` says otherwise."""
    asked = AskedOcclusion([px], [2.0 / (4 * px)], "cpu", Occlusion(reach=reach))
    (found,) = occlude(
        source, [Decimated(level or source, 0.0, (), Deviation(0.0, 0.0), torn=False)], asked, TextureCache()
    )
    return found


def shade(found: Scene, mesh: int = 0, material: int = 0) -> tuple[Array, Array]:
    """(n,) 0..1 at texels of the map, and (n, 3) where they lie in the mesh."""
    pixels, info = texture(found, "occlusionTexture", material=material)
    (primitive,) = found.meshes[mesh].primitives
    made = surface_of(primitive, info.get("texCoord", 0))
    texels = scenes.shown(made, len(pixels))
    return pixels[texels.y, texels.x, 0] / 255.0, scenes.at_texels(made, made.positions, texels)


def surface_of(primitive: Primitive, uv_set: int) -> Surface:
    tangents = np.zeros((len(primitive.positions), 4), np.float32)
    return surface(replace(primitive, attributes={**primitive.attributes, "TANGENT": tangents}), uv_set)


def open_sky(points: Array) -> Array:
    """Of a plane with a ball on it at the origin, by its form factor."""
    away = np.hypot(points[:, 0], points[:, 2])
    return np.asarray(1 - RADIUS**3 / (RADIUS**2 + away**2) ** 1.5)


def assert_ball_is_there(found: Scene, **which: int) -> None:
    seen, points = shade(found, **which)
    clear = np.hypot(points[:, 0], points[:, 2]) > 0.12
    assert clear.sum() > 1000
    assert np.abs(seen - open_sky(points))[clear].mean() < 0.015
    assert np.abs(seen - open_sky(points))[clear].max() < 0.08
    assert seen[np.hypot(points[:, 0], points[:, 2]) < 0.04].max(initial=0.0) < 0.1
