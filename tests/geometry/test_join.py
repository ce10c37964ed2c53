"""All triangles in one surface and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Mesh, Node, Primitive, Scene
from assetpipe.config import Geometry
from assetpipe.geometry import prepare
from assetpipe.geometry.join import Joined, join
from assetpipe.geometry.split import split
from tests import shapes

TEXTURED = Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})


def joined(scene: Scene) -> Joined:
    made = join(scene)
    assert made is not None
    return made


def halves(torus: Primitive) -> tuple[Primitive, Primitive]:
    """One torus in two materials, cut at z = 0 through its vertices."""
    triangles = torus.indices.reshape(-1, 3)
    left = torus.positions[triangles].mean(axis=1)[:, 2] < 0
    parts = (
        replace(torus, indices=triangles[side].reshape(-1), json={"material": at})
        for at, side in enumerate((left, ~left))
    )
    made = prepare(
        shapes.scene(*parts, materials=(TEXTURED, TEXTURED)), Geometry(max_error_px=0.5, weld_m=0.0, hidden="keep")
    )
    first, second = made.meshes[0].primitives
    return first, second


def rich(primitive: Primitive) -> Primitive:
    """With everything that a vertex can carry."""
    rng = np.random.default_rng(7)
    count = len(primitive.positions)
    joints = rng.integers(0, 9, (count, 4)).astype(np.uint16)
    extra = {
        "COLOR_0": rng.random((count, 3), np.float32),
        "TEXCOORD_1": rng.random((count, 2), np.float32),
        "JOINTS_0": joints,
        "WEIGHTS_0": np.full((count, 4), 0.25, np.float32),
        "_ID": np.arange(count, dtype=np.uint16)[:, None],
    }
    target = {"POSITION": rng.random((count, 3), np.float32), "NORMAL": rng.random((count, 3), np.float32)}
    return replace(primitive, attributes={**primitive.attributes, **extra}, targets=(target,))


def same(a: Primitive, b: Primitive) -> None:
    assert list(a.attributes) == list(b.attributes)
    assert len(a.targets) == len(b.targets)
    np.testing.assert_array_equal(a.indices, b.indices)
    pairs = zip((a.attributes, *a.targets), (b.attributes, *b.targets), strict=True)
    for name, one, other in ((name, x[name], y[name]) for x, y in pairs for name in x):
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_join_and_split_give_back_every_number() -> None:
    """What no collapse touched comes back bit for bit, whatever the scale of the node."""
    torus, other = rich(shapes.torus(12, material=0)), shapes.torus(16, material=0)
    scene = shapes.scene(torus, other, materials=(TEXTURED,))
    scene = replace(scene, nodes=(Node({"mesh": 0, "scale": [0.3, 0.1, 0.7]}),))
    made = joined(scene)
    back = split(made, made.surface)
    for before, after in zip(scene.meshes[0].primitives, back.meshes[0].primitives, strict=True):
        same(before, after)


def test_borders_between_materials_are_welded() -> None:
    """Both primitives' vertices on the cut are one vertex with a wedge for each side; groups tell them apart."""
    first, second = halves(shapes.torus(24))
    surface = joined(shapes.scene(first, second)).surface
    both = set(map(tuple, first.positions.tolist())) & set(map(tuple, second.positions.tolist()))
    unique = len({*map(tuple, first.positions.tolist()), *map(tuple, second.positions.tolist())})
    assert len(both) > 20
    assert len(surface.positions) == unique
    assert list(np.unique(surface.group)) == [0, 1]
    corners = surface.wedge_vertex[surface.corners[surface.group == 0]].reshape(-1)
    np.testing.assert_array_equal(surface.positions[corners], first.positions[first.indices])


def test_meshes_do_not_share_vertices_and_are_in_metres() -> None:
    """Two boxes in one place stay two; the larger instance sets a mesh's scale, and copies are counted."""
    scene = shapes.scene(shapes.box())
    nodes = (Node({"mesh": 0, "scale": [3, 1, 1]}), Node({"mesh": 0}), Node({"mesh": 1}))
    scene = replace(scene, nodes=nodes, meshes=(scene.meshes[0], Mesh((shapes.box(),))))
    scene = replace(scene, json={**scene.json, "scenes": [{"nodes": [0, 1, 2]}]})
    surface = joined(scene).surface
    assert len(surface.positions) == 16
    assert surface.positions.max() == pytest.approx(1.5)
    assert surface.drawn == 36


def test_flat_shading_does_not_split_the_surface() -> None:
    """Every triangle with its own normal would be all hard edges and no collapse: such normals follow the triangles."""
    sphere = shapes.sphere(16)
    corners = sphere.positions[sphere.indices]
    a, b, c = corners[0::3], corners[1::3], corners[2::3]
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    flat = Primitive(
        4, np.arange(len(corners), dtype=np.uint32), {"POSITION": corners, "NORMAL": np.repeat(normals, 3, axis=0)}
    )
    made = joined(shapes.scene(flat))
    assert len(made.surface.wedge_vertex) == len(made.surface.positions) == len(np.unique(corners, axis=0))
    back = split(made, made.surface).meshes[0].primitives[0]
    np.testing.assert_array_equal(back.positions[back.indices], corners)
    np.testing.assert_allclose(back.attributes["NORMAL"][back.indices], flat.attributes["NORMAL"], atol=1e-5)


def test_what_moves_a_border_is_the_same_on_both_sides() -> None:
    """After a collapse the wedges of a vertex may stem from different places; joints must not tear the border open."""

    def bound(primitive: Primitive) -> Primitive:
        joints = np.zeros((len(primitive.positions), 4), np.uint16)
        joints[:, 0] = np.round(10 * (primitive.positions @ [1, 2, 3] + 9))
        weights = np.tile(np.array([1, 0, 0, 0], np.float32), (len(joints), 1))
        return replace(primitive, attributes={**primitive.attributes, "JOINTS_0": joints, "WEIGHTS_0": weights})

    made = joined(shapes.scene(*map(bound, halves(shapes.torus(24)))))
    origin = made.surface.origin.copy()
    second = origin >= made.starts[1]
    origin[second] = np.roll(origin[second], 3)
    back = split(made, replace(made.surface, origin=origin)).meshes[0].primitives
    places = [each.positions.round(5).tolist() for each in back]
    joints = [
        dict(zip(map(tuple, at), each.attributes["JOINTS_0"][:, 0], strict=True))
        for at, each in zip(places, back, strict=True)
    ]
    border = joints[0].keys() & joints[1].keys()
    assert len(border) > 20
    assert all(joints[0][point] == joints[1][point] for point in border)


def test_uv_error_is_worth_the_length_it_spans() -> None:
    """A texture stretched over ten times the length counts ten times as much; powers of two keep UVs exact."""

    def weight(size: float) -> Array:
        made = joined(shapes.scene(shapes.torus(12, major=size, minor=0.4 * size)))
        where = dict(made.columns)["TEXCOORD_0"]
        return made.surface.weights[where] * made.uv_scales["TEXCOORD_0"][0]

    np.testing.assert_allclose(weight(10) / weight(1), 10, rtol=1e-3)


def test_a_primitive_that_vanished_leaves_its_mesh() -> None:
    """Meshes, nodes and materials keep their numbers; an empty mesh is for the container to prune."""
    scene = shapes.scene(shapes.box(material=0), shapes.sphere(8, material=1), materials=(TEXTURED, TEXTURED))
    made = joined(scene)
    surface = made.surface
    kept = surface.group == 1
    fewer = replace(surface, corners=surface.corners[kept], group=surface.group[kept], copies=surface.copies[kept])
    mesh = split(made, fewer).meshes[0]
    assert [primitive.material for primitive in mesh.primitives] == [1]
