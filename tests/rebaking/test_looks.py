"""What is seen of baked levels, from near and from far; and that it is always the same."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import Array, Primitive, Scene
from assetpipe.poster import drawables, textures
from assetpipe.quality.cameras import views
from assetpipe.quality.likeness import likeness
from assetpipe.quality.render import Frame, Look, render_each
from assetpipe.rebaking import rebake
from assetpipe.scores import outline_box
from assetpipe.textures import TextureCache
from tests import shapes
from tests.atlas.looks import bilinear, spots, uvs_at
from tests.baking.scenes import unit
from tests.rebaking.levels import asked, coarse, level_of, meshes, nodes, only, rebaked, scene, sheet, texture
from tests.textures.pictures import bumps, png

COLOURS = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)], np.float32)


def pictures(found: Scene, box: Scene) -> list[Frame]:
    look = Look(samples=2, rays=0)
    return list(render_each(list(drawables(found)), textures(found), views(outline_box(box)), 96, look))


def test_a_baked_level_looks_more_like_its_source() -> None:
    """Six sides of a knobbly ball, an eighth of its triangles: structural similarity, unbaked and baked."""
    ball = shapes.sphere(96, material=0)
    x, y, z = ball.positions.T.astype(float)
    bumps = 1 + 0.03 * np.sin(9 * x) * np.sin(8 * y + 1) * np.sin(7 * z + 2)
    knobbly = smooth(
        replace(ball, attributes={**ball.attributes, "POSITION": (ball.positions.T * bumps).T.astype("f4")})
    )
    source = scene(knobbly, material={"name": "clay", "pbrMetallicRoughness": {"metallicFactor": 0.0}})
    level = level_of(source, shapes.sphere(24, material=0))
    seen, before, after = (pictures(each, source) for each in (source, level.scene, rebaked(source, level).scene))
    unbaked, baked = likeness(seen, before), likeness(seen, after)
    assert baked.mean > unbaked.mean + 0.02
    assert all(one > other for one, other in zip(baked.views, unbaked.views, strict=True))


def smooth(primitive: Primitive) -> Primitive:
    """With the normals of its own triangles; at the seam, those of both sides."""
    corners = primitive.positions[primitive.indices].reshape(-1, 3, 3).astype(float)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    _, place = np.unique(primitive.positions.round(4), axis=0, return_inverse=True)
    total = np.zeros((place.max() + 1, 3))
    np.add.at(total, place.reshape(-1)[primitive.indices], across.repeat(3, axis=0))
    return replace(
        primitive, attributes={**primitive.attributes, "NORMAL": unit(total[place.reshape(-1)]).astype(np.float32)}
    )


def painted_box() -> Primitive:
    """A box of six colours, without UVs."""
    made = shapes.box(material=0)
    kept = {name: values for name, values in made.attributes.items() if name != "TEXCOORD_0"}
    return replace(made, attributes={**kept, "COLOR_0": COLOURS.repeat(4, axis=0)})


def boxes(count: int) -> Primitive:
    """In a row, each with six colours."""
    one = shapes.box(material=0)
    moved = [one.positions + np.array([2 * at, 0, 0], np.float32) for at in range(count)]
    attributes = {name: np.tile(values, (count, 1)) for name, values in one.attributes.items()}
    attributes |= {"POSITION": np.concatenate(moved), "COLOR_0": np.tile(COLOURS.repeat(4, axis=0), (count, 1))}
    indices = np.concatenate([one.indices + np.uint32(at * len(one.positions)) for at in range(count)])
    return replace(one, indices=indices, attributes=attributes)


def halved(pixels: Array) -> Array:
    height, width = pixels.shape[:2]
    return np.asarray(pixels.reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3)))


@pytest.mark.parametrize(("side", "screen", "mips"), [(512, 0.0, 2), (512, 0.03, 3), (1024, 0.03, 4)])
def test_charts_do_not_bleed_into_each_other(side: int, screen: float, mips: int) -> None:
    """Sixty charts of six colours in one picture, for a screen whose pixels span `screen` metres: on every mip level
    that it shows of what faces it, and one more, each face shows its own colour, up to its edges."""
    painted = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    box = boxes(10)
    source = scene(box, material=painted, images=(png(np.full((512, 512, 3), 255, np.uint8)),))
    wanted_of = replace(asked(), px=[side], pixels=[screen])
    (level,) = rebake(source, [level_of(source, box, torn=True)], wanted_of, TextureCache())
    found = level.scene
    primitive = only(found)
    mip = texture(found, "pbrMetallicRoughness", "baseColorTexture")[0].astype(float)
    assert len(mip) == side
    assert not any("gutters" in note for note in level.notes)
    faces, weights = spots(primitive, 200)
    corners = np.eye(3)[np.arange(len(weights)) % 3]
    uvs = uvs_at(primitive, faces, np.where(np.arange(len(weights))[:, None] % 4 == 0, corners, weights))
    normals = primitive.attributes["NORMAL"][faces[:, 0]]
    wanted = COLOURS[np.abs(normals).argmax(axis=1) * 2 + (normals.sum(axis=1) < 0)] * 255
    for _ in range(mips):
        np.testing.assert_allclose(bilinear(mip, uvs), wanted, atol=2)
        mip = halved(mip)


def test_texels_are_shared_out_evenly() -> None:
    """Two meshes of one material, shown at 1 and at 3 times their size: texels per metre within a factor of 2."""
    first, second = sheet(20), sheet(20)
    source = nodes(meshes(scene(first), first, second), {}, {"mesh": 1, "scale": [3, 3, 3]})
    image = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    source = replace(source, materials=scene(first, material=image).materials, json={**source.json, "textures": [{}]})
    rough = meshes(source, coarse(), coarse())
    found = rebaked(source, replace(level_of(source, torn=True), scene=rough)).scene
    density = [np.sqrt(flat_area(only(found, mesh)) / (4 * size**2)) for mesh, size in ((0, 1), (1, 3))]
    assert 0.5 < density[0] / density[1] < 2
    assert sum(flat_area(only(found, mesh)) for mesh in (0, 1)) > 0.3


def flat_area(primitive: Primitive) -> float:
    a, b, c = (primitive.attributes["TEXCOORD_0"][primitive.indices[at::3]].astype(float) for at in range(3))
    u, v = (b - a).T, (c - a).T
    return float(np.abs(u[0] * v[1] - u[1] * v[0]).sum() / 2)


DIGEST = """
import hashlib, os
from tests.rebaking.test_looks import painted_box
from tests.rebaking.levels import coarse, level_of, rebaked, scene, sheet
if os.environ.get("ONE_CORE"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sources = [scene(painted_box()), scene(sheet())]
levels = [level_of(sources[0], painted_box(), torn=True), level_of(sources[1], coarse())]
for source, level in zip(sources, levels):
    found = rebaked(source, level).scene
    for values in (*[each.data for each in found.images], *found.meshes[0].primitives[0].attributes.values()):
        print(hashlib.sha256(bytes(values)).hexdigest())
    print(found.materials[0].json, found.json)
"""


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_the_same_bytes_whatever_the_threads_and_the_hashes(seed: str) -> None:
    """One core and all of them, whatever order sets have."""

    def digest(**more: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": seed, **more}
        command = [sys.executable, "-c", DIGEST]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=env, cwd=Path(__file__).parents[2], timeout=600
        ).stdout

    assert digest() == digest(ONE_CORE="1", PYTHONHASHSEED="0") != ""


def test_a_coats_bumps_keep_their_tangents() -> None:
    """UVs overlap: a normal map in UVs of its own would bring tangents that are not those of the coat's map."""
    coat = {"clearcoatFactor": 1.0, "clearcoatNormalTexture": {"index": 0}}
    tiled = {name: values * 4 if name == "TEXCOORD_0" else values for name, values in coarse().attributes.items()}
    wide = {name: values * 4 if name == "TEXCOORD_0" else values for name, values in sheet().attributes.items()}
    for extensions, told in (({"KHR_materials_clearcoat": coat}, "bumps of its coat"), ({}, "UVs of their own")):
        more = {"extensions": extensions, "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
        source = scene(replace(sheet(), attributes=wide), material=more, images=(png(bumps(64)),))
        found = rebaked(source, level_of(source, replace(coarse(), attributes=tiled)))
        assert any(told in note for note in found.notes)
