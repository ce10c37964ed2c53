"""What is promised of maps, held by levels that a build has written: merged, decimated, baked, encoded, read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import assetpipe
from assetpipe.asset import Array, Primitive, Scene
from assetpipe.config import load_config
from assetpipe.sources import open_source, read_scene
from assetpipe.textures.decode import decode
from assetpipe.transforms import placements
from tests.atlas.looks import bilinear, spots, uvs_at
from tests.atlas.test_layout import COLOURS, halved, patched
from tests.atlas.test_variants_shown import written
from tests.baking.scenes import degrees
from tests.rebaking.levels import shown_normals
from tests.shapes import scene, sphere, torus

NAMES = ("preview", "standard", "high")
EXACT = '[textures]\nformat = "png"\natlas = "always"\n'
"""Without what a codec adds."""


def built(source: Scene, folder: Path, settings: str) -> list[Scene]:
    (folder / "test.toml").write_text(settings, encoding="utf-8")
    path = written(source, folder / "made.glb", [])
    assetpipe.build(path, out=folder / "out", asset="made", config=folder / "test.toml")
    return [_read(folder / "out" / "made" / f"{name}.glb") for name in NAMES]


def _read(path: Path) -> Scene:
    limits = load_config().limits
    with open_source(path, limits) as source:
        return read_scene(source, limits)


def texture(found: Scene, *path: str) -> Array:
    info = found.materials[0].json
    for key in path:
        info = info[key]
    return decode(found.images[found.json["textures"][info["index"]]["source"]].data, "test").array


def sizes(*sides: int, triangles: int = 10_000) -> str:
    return "".join(
        f"[levels.{name}]\ntexture_px = {side}\nmax_triangles = {triangles}\n"
        for name, side in zip(NAMES, sides, strict=True)
    )


def test_padding_never_bleeds_on_any_mip_of_any_level(tmp_path: Path) -> None:
    """Six islands of six colours on black, in pictures of three sizes: every mip level down to the one below the
    coarsest level's picture shows each island in its own colour, up to its edges."""
    levels = built(patched(larger=2), tmp_path, sizes(64, 128, 256) + EXACT + 'bake = "never"\n')
    mips = []
    for found in levels:
        ((primitive,),) = (mesh.primitives for mesh in found.meshes)
        pixels = texture(found, "pbrMetallicRoughness", "baseColorTexture").astype(float)
        uvs, wanted = _up_to_the_edges(primitive)
        mips.append(0)
        while max(pixels.shape) >= 32:
            np.testing.assert_allclose(bilinear(pixels, uvs), wanted, atol=2)
            pixels, mips[-1] = halved(pixels), mips[-1] + 1
    assert mips == [2, 3, 4]


def _up_to_the_edges(primitive: Primitive) -> tuple[Array, Array]:
    """UVs at corners and within, and the colour there: islands stand in a row, two metres apart."""
    faces, weights = spots(primitive, 200)
    corners = np.eye(3)[np.arange(len(weights)) % 3]
    uvs = uvs_at(primitive, faces, np.where(np.arange(len(weights))[:, None] % 4 == 0, corners, weights))
    island = np.floor(primitive.positions[faces].mean(axis=1)[:, 0] / 2).astype(int)
    return uvs, np.array([*COLOURS, (130, 130, 130)], float)[np.minimum(island, 6)]


def test_texels_are_even_on_unwrapped_levels(tmp_path: Path) -> None:
    """A ring and a ball in colours of vertices, shown at three times and once their size: texels per metre lie within a
    factor of 2 on all but a hundredth of the surface."""
    parts = [_coloured(torus(48)), _coloured(sphere(48))]
    source = scene(*parts)
    source = replace(
        source,
        meshes=tuple(replace(source.meshes[0], primitives=(part,)) for part in parts),
        nodes=(
            replace(source.nodes[0], json={"mesh": 0, "scale": [3, 3, 3]}),
            replace(source.nodes[0], json={"mesh": 1, "translation": [0, 6, 0]}),
        ),
        json={**source.json, "scenes": [{"nodes": [0, 1]}]},
    )
    for found in built(source, tmp_path, sizes(256, 512, 512, triangles=1500) + EXACT + 'bake = "always"\n'):
        side = len(texture(found, "normalTexture"))
        density, area = _density(found)
        low, high = _quantiles(density * side, area, (0.005, 0.995))
        assert 1 < low < high < 2 * low


def _coloured(primitive: Primitive) -> Primitive:
    kept = {name: values for name, values in primitive.attributes.items() if name != "TEXCOORD_0"}
    return replace(primitive, attributes={**kept, "COLOR_0": np.abs(primitive.attributes["NORMAL"])})


def _density(found: Scene) -> tuple[Array, Array]:
    """Of each triangle that is shown: sides of the picture per metre, and square metres."""
    flat, solid = [], []
    for placed in placements(found):
        for each in found.meshes[placed.mesh].primitives:
            faces = each.indices.reshape(-1, 3)
            points = each.positions.astype(float) @ placed.matrices[0][:3, :3].T
            flat.append(_areas(np.pad(each.attributes["TEXCOORD_0"].astype(float), ((0, 0), (0, 1))), faces))
            solid.append(_areas(points, faces))
    area = np.concatenate(solid)
    return np.sqrt(np.concatenate(flat) / np.maximum(area, 1e-12)), area


def _areas(points: Array, faces: Array) -> Array:
    a, b, c = (points[faces[:, at]] for at in range(3))
    found: Array = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return found


def _quantiles(values: Array, weights: Array, at: Sequence[float]) -> Array:
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    found: Array = values[order][np.searchsorted(shares, at)]
    return found


@pytest.mark.parametrize(("triangles", "share"), [(20, 0.6), (80, 1.0)])
def test_a_sphere_keeps_its_normals_on_levels_of_few_triangles(tmp_path: Path, triangles: int, share: float) -> None:
    """A unit sphere of 8,000 triangles on as few as an icosahedron has, but shaped by the descent: normals are the
    sphere's within a degree on a level's texels, on `share` of them, and a degree on average."""
    ball = sphere(128)
    bare = {name: values for name, values in ball.attributes.items() if name != "TEXCOORD_0"}
    settings = sizes(256, 256, 256, triangles=triangles) + EXACT + 'bake = "always"\n'
    for found in built(scene(replace(ball, attributes=bare)), tmp_path, settings):
        ((primitive,),) = (mesh.primitives for mesh in found.meshes)
        shown, points = shown_normals(found, primitive)
        off = degrees(shown, points)
        assert primitive.triangles <= triangles
        assert off.mean() < 1
        assert (off < 1).mean() >= share
