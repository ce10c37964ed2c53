"""Tangents and vertex colours of a level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Primitive
from assetpipe.geometry import decimate
from assetpipe.geometry.surface import Target
from tests import shapes

BUMPY = Material({"normalTexture": {"index": 0}})


def level(triangles: int, *primitives: Primitive, materials: tuple[Material, ...] = ()) -> tuple[Primitive, ...]:
    scene = shapes.scene(*primitives, materials=materials)
    return decimate(scene, [Target(triangles, 0.0)])[0].scene.meshes[0].primitives


def mirrored_torus(segments: int = 64) -> Primitive:
    """The picture runs round one half and back round the other, as symmetric models are textured: w is 1 and -1."""
    torus = shapes.torus(segments, material=0)
    triangles = torus.indices.reshape(-1, 3)
    there = torus.attributes["TEXCOORD_0"][triangles][:, :, 0].mean(axis=1) < 0.5
    halves = [half(torus, triangles[side], 1.0 if side is there else -1.0) for side in (there, ~there)]
    attributes = {name: np.concatenate([part.attributes[name] for part in halves]) for name in halves[0].attributes}
    indices = np.concatenate([halves[0].indices, halves[1].indices + len(halves[0].positions)])
    return replace(halves[0], attributes=attributes, indices=indices.astype(np.uint32))


def half(torus: Primitive, triangles: Array, side: float) -> Primitive:
    used, indices = np.unique(triangles, return_inverse=True)
    attributes = {name: values[used] for name, values in torus.attributes.items()}
    uvs, turn = attributes["TEXCOORD_0"], 2 * np.pi * attributes["TEXCOORD_0"][:, 0]
    round_it = -side * np.stack([np.sin(turn), 0 * turn, np.cos(turn)], axis=1)
    tangents = np.concatenate([round_it, np.full((len(turn), 1), side)], axis=1).round(6)
    picture = np.stack([2 * uvs[:, 0] if side > 0 else 2 - 2 * uvs[:, 0], uvs[:, 1]], axis=1)
    directions = {"NORMAL": attributes["NORMAL"].round(5), "TANGENT": tangents, "TEXCOORD_0": picture}
    attributes |= {name: values.astype(np.float32) for name, values in directions.items()}
    return replace(torus, attributes=attributes, indices=indices.reshape(-1).astype(np.uint32))


def towards_u(primitive: Primitive) -> tuple[Array, Array]:
    """(f, 3) where u grows on each triangle, length 1, and (f,) 1 where the picture is the right way round, else -1."""
    a, b, c = (primitive.positions[primitive.indices[at::3]].astype(float) for at in range(3))
    p, q, r = (primitive.attributes["TEXCOORD_0"][primitive.indices[at::3]].astype(float) for at in range(3))
    area = (q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0]
    along = ((b - a) * (r - p)[:, 1:] - (c - a) * (q - p)[:, 1:]) * np.sign(area)[:, None]
    return along / np.linalg.norm(along, axis=1, keepdims=True), -np.sign(area)  # v points down the picture


@pytest.mark.parametrize("triangles", [2000, 500])
def test_tangents_are_what_gltf_wants(triangles: int) -> None:
    """Length 1, square to the normal, w 1 or -1; along the picture and its right way round on both mirrored halves."""
    made = level(triangles, mirrored_torus(), materials=(BUMPY,))[0]
    tangents, normals = (made.attributes[name].astype(float) for name in ("TANGENT", "NORMAL"))
    np.testing.assert_allclose(np.linalg.norm(tangents[:, :3], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert np.abs((tangents[:, :3] * normals).sum(axis=1)).max() < 1e-5
    assert set(tangents[:, 3].tolist()) == {1.0, -1.0}
    along, side = towards_u(made)
    corners = tangents[made.indices.reshape(-1, 3)]
    source = mirrored_torus()
    right = np.sign(towards_u(source)[1][0] * source.attributes["TANGENT"][source.indices[0], 3])
    assert (corners[:, :, 3] == right * side[:, None]).all()
    assert np.einsum("fck,fk->fc", corners[:, :, :3], along).min() > 0.8


def test_tangents_of_facets_are_square_to_the_facets() -> None:
    """Where flat shading gives a level its normals, tangents follow."""
    box = shapes.sphere(24, material=0)
    corners = box.indices.reshape(-1, 3)
    points = box.positions[corners].astype(float)
    along = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    normals = np.repeat(along / np.linalg.norm(along, axis=1, keepdims=True), 3, axis=0)
    attributes = {name: values[box.indices] for name, values in box.attributes.items()}
    side = np.cross([0.0, 1.0, 0.0], normals) + 1e-3
    tangents = np.concatenate([side / np.linalg.norm(side, axis=1, keepdims=True), np.ones((len(side), 1))], axis=1)
    attributes |= {"NORMAL": normals.astype(np.float32), "TANGENT": tangents.astype(np.float32)}
    faceted = replace(box, attributes=attributes, indices=np.arange(len(normals), dtype=np.uint32))
    made = level(200, faceted, materials=(BUMPY,))[0].attributes
    assert np.abs((made["TANGENT"][:, :3] * made["NORMAL"]).sum(axis=1)).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(made["TANGENT"][:, :3], axis=1), 1, atol=1e-5)
    assert set(np.abs(made["TANGENT"][:, 3]).tolist()) == {1.0}


def painted(segments: int, colours: Array) -> Primitive:
    """A torus; `colours` of the lower and of the upper half, whose vertices are apart where they meet."""
    torus = shapes.torus(segments)
    triangles = torus.indices.reshape(-1, 3)
    upper = torus.positions[triangles].mean(axis=1)[:, 1] > 0
    parts, start = [], 0
    for side, colour in zip((~upper, upper), colours, strict=True):
        used, indices = np.unique(triangles[side], return_inverse=True)
        values = np.tile(np.asarray(colour, np.float32), (len(used), 1))
        parts.append(
            (torus.positions[used], torus.attributes["NORMAL"][used].round(5), values, indices.reshape(-1) + start)
        )
        start += len(used)
    positions, normals, shades, indices = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    attributes = {"POSITION": positions, "NORMAL": normals.astype(np.float32), "COLOR_0": shades}
    return Primitive(4, indices.astype(np.uint32), attributes)


def test_a_hard_border_of_colours_stays_hard_and_in_place() -> None:
    """Red with half an alpha below, blue above: no vertex is anything between, and the border stays level."""
    red, blue = [1, 0, 0, 0.5], [0, 0.25, 1, 1]
    made = level(600, painted(64, np.array([red, blue])))[0]
    colours = made.attributes["COLOR_0"]
    assert {tuple(colour) for colour in colours.tolist()} == {tuple(map(float, red)), tuple(map(float, blue))}
    faces = colours[made.indices.reshape(-1, 3)]
    assert (faces == faces[:, :1]).all()
    centres = made.positions[made.indices.reshape(-1, 3)].mean(axis=1)[:, 1]
    blues = faces[:, 0, 2] == 1
    assert centres[blues].min() > -0.02
    assert centres[~blues].max() < 0.02


def test_a_sharp_change_of_colour_within_shared_vertices_stays_in_range() -> None:
    """Extrapolated along a slope that ends, a colour would leave 0..1; and the change stays where it was, within the
    length of a few edges. Alpha is a colour like the others."""
    torus = shapes.torus(96)
    up = (torus.positions[:, 1:2] > 0).astype(np.float32)
    colours = np.concatenate([up, 1 - up, 0.5 * up, 1 - 0.75 * up], axis=1).astype(np.float32)
    made = level(1500, replace(torus, attributes={**torus.attributes, "COLOR_0": colours}))[0]
    found, height = made.attributes["COLOR_0"], made.positions[:, 1]
    assert found.min() >= 0
    assert found.max() <= 1
    assert found[:, 3].min() >= 0.25 - 1e-6
    assert found[:, 2].max() <= 0.5 + 1e-6
    far = np.abs(height) > 0.15
    assert np.abs(found[far, 0] - (height[far] > 0)).max() < 0.1
    np.testing.assert_allclose(found[:, 3], 1 - 0.75 * found[:, 0], atol=0.05)


def test_colours_without_alpha_keep_three_components() -> None:
    """Beside a primitive that has alpha; each keeps its own layout."""
    torus = shapes.torus(48)
    height = (torus.positions[:, 1:2] + 0.4) / 0.8
    three = np.concatenate([height, 1 - height, height], axis=1).astype(np.float32)
    four = np.concatenate([three, 0.5 * height], axis=1).astype(np.float32)
    made = level(
        1500, *(replace(torus, attributes={**torus.attributes, "COLOR_0": colours}) for colours in (three, four))
    )
    assert [p.attributes["COLOR_0"].shape[1] for p in made] == [3, 4]
    expected = (made[1].positions[:, 1] + 0.4) / 0.8
    assert np.abs(made[1].attributes["COLOR_0"][:, 3] - 0.5 * expected).max() < 0.03


def test_facets_too_fine_to_be_seen_become_smooth() -> None:
    """A dome whose triangles differ by a third of a degree: those of its level, by ten, are not to be seen."""
    grid, indices = shapes.grid(300, 300)
    x, y = (2 * grid.astype(float) - 1).T
    normals = np.stack([x, y, np.ones_like(x)], axis=1) / np.sqrt(x**2 + y**2 + 1)[:, None]
    dome = shapes.primitive(np.stack([x, y, -(x**2 + y**2) / 2], axis=1), normals, grid, indices[::-1], None)
    made = level(300, dome)[0]
    x, y, _ = made.positions.astype(float).T
    truth = np.stack([x, y, np.ones_like(x)], axis=1) / np.sqrt(x**2 + y**2 + 1)[:, None]
    off = np.degrees(np.arccos(np.clip((made.attributes["NORMAL"] * truth).sum(axis=1), -1, 1)))
    assert len(made.positions) < made.triangles  # shared, not one for each corner
    assert np.median(off) < 1.5


def test_a_fine_tessellation_is_no_flat_shading() -> None:
    """A ring of twelve faces, hard edges of 30 degrees between them: round it, triangles lie within a degree of their
    normals, as if each had its own, but neighbours share them. Its edges stay hard, too small for facets to be seen."""
    profile = np.radians(np.arange(12) * 30.0)
    uvs, indices = shapes.grid(256, 1)
    turn = uvs[:, :1].astype(float) * 2 * np.pi
    around = np.concatenate([np.cos(turn), 0 * turn, -np.sin(turn)], axis=1)
    up = np.array([0.0, 1.0, 0.0])
    strips = []
    for low, high in zip(profile, np.roll(profile, -1), strict=True):
        angle = np.where(uvs[:, 1] > 0, high, low)[:, None]
        points = around * (1 + 0.2 * np.cos(angle)) - 0.2 * np.sin(angle) * up
        middle = low + np.radians(15.0)
        strips.append((points, around * np.cos(middle) - np.sin(middle) * up))
    points, normals = (np.concatenate(each) for each in zip(*strips, strict=True))
    corners = np.concatenate([indices + at * len(uvs) for at in range(12)])
    ring = shapes.primitive(np.round(points, 6), normals, np.zeros((len(points), 2)), corners)
    made = decimate(shapes.scene(ring), [Target(900, 0.02)])[0].scene.meshes[0].primitives[0]
    assert made.triangles <= 900
    assert np.median(off(made)) < 8  # 15 where all edges are made smooth


def off(made: Primitive) -> Array:
    """(f, 3) degrees between each triangle's normal and its corners'."""
    a, b, c = (made.positions[made.indices[at::3]].astype(float) for at in range(3))
    along = np.cross(b - a, c - a)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    corners = made.attributes["NORMAL"][made.indices].reshape(-1, 3, 3)
    return np.degrees(np.arccos(np.clip((corners * along[:, None]).sum(axis=2), -1, 1)))
