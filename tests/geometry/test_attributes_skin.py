"""What a level's vertices take from the source's surface: joints and weights, morph targets, custom attributes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Node, Primitive, Scene
from assetpipe.geometry import decimate, measure_deviation
from assetpipe.geometry.influences import strongest
from assetpipe.geometry.kernels.walk import walk
from assetpipe.geometry.pose import skinned
from assetpipe.geometry.surface import Target
from assetpipe.queries.closest import Hierarchy
from tests import shapes


def bent_by(height: Array) -> Array:
    """How far a vertex at this height follows the second joint: smoothly, over one metre."""
    t = np.clip(height + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def arm(across: int = 60, along: int = 60, radius: float = 0.35, wobble: float = 0.08) -> Primitive:
    """A tube with a UV seam and a wavy skin, four metres high, that two joints bend."""
    uvs, indices = shapes.grid(across, along)
    turn, height = uvs[:, 0].astype(float) * 2 * np.pi, uvs[:, 1].astype(float) * 4 - 2
    ring = np.stack([np.cos(turn), 0 * turn, -np.sin(turn)], axis=-1)
    wide = radius * (1 + wobble * np.sin(5 * height) * np.cos(3 * turn))
    positions = np.round(ring * wide[:, None] + height[:, None] * [0, 1, 0], 6)
    return with_skin(shapes.primitive(positions, np.round(ring, 5), uvs, indices))


def with_skin(primitive: Primitive) -> Primitive:
    upper = bent_by(primitive.positions[:, 1]).astype(np.float32)
    weights = np.stack([1 - upper, upper, 0 * upper, 0 * upper], axis=1)
    joints = np.where(weights > 0, np.array([0, 1, 0, 0]), 0).astype(np.uint16)
    return replace(primitive, attributes={**primitive.attributes, "JOINTS_0": joints, "WEIGHTS_0": weights})


def level(triangles: int, *primitives: Primitive) -> tuple[Primitive, ...]:
    return decimate(shapes.scene(*primitives), [Target(triangles, 0.0)])[0].scene.meshes[0].primitives


def follows(primitive: Primitive, joint: int) -> Array:
    hit = primitive.attributes["JOINTS_0"] == joint
    return np.asarray((primitive.attributes["WEIGHTS_0"].astype(float) * hit).sum(axis=1))


def posed(primitives: tuple[Primitive, ...]) -> Scene:
    """The upper half bent to the side by a right angle."""
    joints = np.tile(np.eye(4), (2, 1, 1))
    joints[1, :3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    bent = (
        Primitive(4, p.indices, {"POSITION": skinned(p.positions, p, joints).astype(np.float32)}) for p in primitives
    )
    return shapes.scene(*bent)


def test_weights_vary_as_smoothly_as_on_the_source() -> None:
    """Of 7,200 triangles 600 are left: each vertex follows the joints as the source does at its height, to 1 %. (Taken
    from the nearest vertex: 19 %.)"""
    made = level(600, arm())[0]
    assert np.abs(follows(made, 1) - bent_by(made.positions[:, 1])).max() < 0.01
    np.testing.assert_allclose(follows(made, 0) + follows(made, 1), 1, atol=1e-6)


def test_a_bent_arm_stays_near_the_bent_source() -> None:
    """No farther than if every vertex knew its weights exactly; the rest is that a level has fewer edges to bend."""
    source = arm()
    made = level(600, source)[0]
    exact = with_skin(made)
    reference = posed((source,))
    ours, ideal = (measure_deviation(reference, posed((p,)), samples=20_000) for p in (made, exact))
    assert ours.rms < 1.02 * ideal.rms


def on_joints(primitive: Primitive) -> Scene:
    """The arm on two joints, two metres apart."""
    scene = shapes.scene(primitive, skins=[{"joints": [1, 2]}])
    joints = (Node({"children": [2], "translation": [0, -2, 0]}), Node({"translation": [0, 2, 0]}))
    return replace(
        scene, nodes=(Node({"mesh": 0, "skin": 0}), *joints), json={**scene.json, "scenes": [{"nodes": [0, 1]}]}
    )


def bends_better(source: Primitive) -> Array:
    """The rms of its bent levels over that of those which were made of it as it stands."""
    targets = [Target(1500, 0.0), Target(1000, 0.0), Target(400, 0.0)]
    reference = posed((source,))
    bent, stiff = (
        [measure_deviation(reference, posed(made.scene.meshes[0].primitives), samples=20_000).rms for made in levels]
        for levels in (decimate(scene, targets) for scene in (on_joints(source), shapes.scene(source)))
    )
    return np.array(bent) / stiff


def test_an_arm_keeps_edges_where_it_bends() -> None:
    """A straight tube that is known to hang on two joints bends better than one that is taken as it stands. (Over
    thirty such tubes and budgets: 0.8 times the rms, 0.59 to 1.02; of three one alone may come to 0.9 by chance.)"""
    tubes = [arm(100, 100), arm(90, 110), arm(110, 90)]
    assert np.mean([bends_better(tube) for tube in tubes]) < 0.9


def test_a_seam_does_not_tear_when_it_moves() -> None:
    """All wedges of a vertex, in both materials, follow the same joints with the same weights."""
    source = arm()
    triangles = source.indices.reshape(-1, 3)
    left = source.positions[triangles].mean(axis=1)[:, 0] < 0
    halves = [replace(source, indices=triangles[side].reshape(-1), json={"material": 0}) for side in (left, ~left)]
    made = level(500, *halves)
    positions = np.concatenate([p.positions for p in made])
    bound = np.concatenate([np.stack([follows(p, 0), follows(p, 1)], axis=1) for p in made])
    places, at = np.unique(positions, axis=0, return_inverse=True)
    assert len(places) < len(positions)
    for column in bound.T:
        lowest, highest = np.full(len(places), 2.0), np.full(len(places), -1.0)
        np.minimum.at(lowest, at.reshape(-1), column)
        np.maximum.at(highest, at.reshape(-1), column)
        np.testing.assert_array_equal(lowest, highest)


def test_a_sleeve_does_not_follow_the_arm_that_it_touches() -> None:
    """Two tubes a tenth of a millimetre apart, far less than the levels stray, in one primitive and in two: each keeps
    to its own joint."""
    inner, outer = arm(radius=0.35), arm(radius=0.3501)
    ids = [np.tile(np.array([[joint, 0, 0, 0]], np.uint16), (len(inner.positions), 1)) for joint in (3, 7)]
    whole = np.tile(np.array([[1, 0, 0, 0]], np.float32), (len(inner.positions), 1))
    tubes = [
        replace(p, attributes={**p.attributes, "JOINTS_0": joint, "WEIGHTS_0": whole})
        for p, joint in zip((inner, outer), ids, strict=True)
    ]
    one, other = level(600, *tubes)
    assert set(one.attributes["JOINTS_0"][:, 0].tolist()) == {3}
    assert set(other.attributes["JOINTS_0"][:, 0].tolist()) == {7}
    both = {name: np.concatenate([p.attributes[name] for p in tubes]) for name in inner.attributes}
    indices = np.concatenate([inner.indices, outer.indices + len(inner.positions)])
    made = level(600, Primitive(4, indices, both))[0]
    np.testing.assert_array_equal(made.attributes["WEIGHTS_0"][:, 0], 1)
    joints = made.attributes["JOINTS_0"][made.indices.reshape(-1, 3)][:, :, 0]
    assert (joints == joints[:, :1]).all()


def test_a_fold_keeps_to_its_own_side() -> None:
    """A sheet rolled up twice, its layers 2 mm apart with normals that agree: weights that wind along it are those of
    the layer that a vertex lies on, though another lies as near."""
    uvs, indices = shapes.grid(240, 12)
    turn = uvs[:, 0].astype(float) * 6 * np.pi
    wide = 0.3 + 0.002 * turn / (2 * np.pi)
    positions = np.stack([wide * np.cos(turn), uvs[:, 1].astype(float), wide * np.sin(turn)], axis=1)
    normals = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=1)
    sheet = shapes.primitive(positions, normals, uvs, indices)
    sheet = replace(
        sheet, attributes={**sheet.attributes, "_ALONG": uvs[:, :1] + np.float32(0.001)}, json={"material": 0}
    )
    scene = shapes.scene(sheet, materials=(Material({"normalTexture": {"index": 0}}),))
    made = decimate(scene, [Target(300, 0.0)])[0].scene.meshes[0].primitives[0]
    along = made.attributes["_ALONG"][:, 0] - made.attributes["TEXCOORD_0"][:, 0]
    assert len(made.positions) > 100
    assert np.abs(along).max() < 0.05  # a layer is a third


def test_the_four_strongest_of_eight_joints_stay() -> None:
    """Equal joints count together, equal weights are decided by the lower joint, the rest is joint 0, the sum is 1."""
    joints = np.array([[9, 8, 7, 6, 5, 4, 3, 9], [5, 5, 5, 5, 5, 5, 5, 5], [4, 3, 2, 1, 9, 9, 9, 9]], np.uint16)
    weights = np.array(
        [[0.1, 0.2, 0.1, 0.1, 0.05, 0.2, 0.1, 0.15], [0.125] * 8, [0.2, 0.2, 0.2, 0.2, 0.2, 0, 0, 0]], np.float32
    )
    found, shares = strongest(joints, weights)
    np.testing.assert_array_equal(found, [[9, 4, 8, 3], [5, 0, 0, 0], [1, 2, 3, 4]])
    np.testing.assert_allclose(
        shares, [[0.25 / 0.75, 0.2 / 0.75, 0.2 / 0.75, 0.1 / 0.75], [1, 0, 0, 0], [0.25] * 4], 1e-6
    )
    assert np.abs(shares.sum(axis=1, dtype=np.float64) - 1).max() < 1e-7
    assert (found.dtype, shares.dtype) == (np.uint16, np.float32)


def test_eight_joints_at_a_vertex_become_four_and_a_note() -> None:
    """A level has one set of joints, and says what it gave up."""
    source = arm()
    shares = np.linspace(0.2, 0.05, 8, dtype=np.float32)
    shares = np.tile(shares / shares.sum(), (len(source.positions), 1))
    joints = np.tile(np.arange(8, dtype=np.uint16), (len(source.positions), 1))
    sets = {
        f"{kind}_{n}": np.ascontiguousarray(values[:, 4 * n : 4 * n + 4])
        for kind, values in (("JOINTS", joints), ("WEIGHTS", shares))
        for n in (0, 1)
    }
    scene = shapes.scene(replace(source, attributes={**source.attributes, **sets}))
    made = decimate(scene, [Target(600, 0.0)])[0]
    attributes = made.scene.meshes[0].primitives[0].attributes
    assert [name for name in attributes if name.startswith(("JOINTS", "WEIGHTS"))] == ["JOINTS_0", "WEIGHTS_0"]
    np.testing.assert_array_equal(attributes["JOINTS_0"], np.tile([0, 1, 2, 3], (len(attributes["JOINTS_0"]), 1)))
    assert "the four strongest of up to 8 joints kept at each vertex" in made.notes


def test_morph_targets_are_mixed() -> None:
    """A target that lifts each vertex by its height squared does so on the level, where its vertices are."""
    source = arm()
    lift = np.stack([source.positions[:, 1] ** 2, *[np.zeros(len(source.positions), np.float32)] * 2], axis=1)
    target = {"POSITION": lift, "NORMAL": lift[:, ::-1].copy()}
    made = level(600, replace(source, targets=(target,)))[0]
    expected = made.positions[:, 1] ** 2
    assert np.abs(made.targets[0]["POSITION"][:, 0] - expected).max() < 0.01
    assert np.abs(made.targets[0]["NORMAL"][:, 2] - expected).max() < 0.01
    assert made.targets[0]["POSITION"].dtype == np.float32


def test_measures_are_mixed_and_names_are_not() -> None:
    """A custom attribute of whole numbers, be they floats, names things: half of one and half of another is a third."""
    source = arm()
    height = source.positions[:, 1:2]
    part = np.where(height > 0, 7, 2)
    extra: dict[str, Array] = {"_HEIGHT": height, "_PART": part.astype(np.float32), "_ID": part.astype(np.uint8)}
    made = level(600, replace(source, attributes={**source.attributes, **extra}))[0].attributes
    assert np.abs(made["_HEIGHT"] - made["POSITION"][:, 1:2]).max() < 0.005
    assert set(made["_PART"][:, 0].tolist()) == {2.0, 7.0}
    assert (set(made["_ID"][:, 0].tolist()), made["_ID"].dtype) == ({2, 7}, np.uint8)


def test_custom_attributes_do_not_bleed_over_a_seam() -> None:
    """A measure that jumps where the UVs do keeps its jump: nothing lies between."""
    source = arm()
    jump = (source.attributes["TEXCOORD_0"][:, :1] * 4 + 0.5).astype(np.float32)
    made = level(400, replace(source, attributes={**source.attributes, "_TURN": jump}, json={"material": 0}))[0]
    places, at = np.unique(made.positions, axis=0, return_inverse=True)
    turn = made.attributes["_TURN"][:, 0]
    on_seam = np.bincount(at.reshape(-1))[at.reshape(-1)] > 1
    assert on_seam.sum() > 10
    assert np.minimum(np.abs(turn[on_seam] - 0.5), np.abs(turn[on_seam] - 4.5)).max() < 1e-3
    assert len(places) > 100


@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_a_walk_ends_where_a_search_of_everything_does(noise: float) -> None:
    """On a smooth surface always, on a rough one nearly: the place is as near as any."""
    torus, dice = shapes.torus(96), np.random.default_rng(1)
    points, at = np.unique(torus.positions, axis=0, return_inverse=True)
    points = (points + noise * dice.normal(size=points.shape)).astype(np.float32)
    faces = at.reshape(-1)[torus.indices].reshape(-1, 3)
    starts = dice.integers(0, len(points), 2000)
    asked = (points[starts] + 0.05 * dice.normal(size=(2000, 3))).astype(np.float32)
    found, shares = walk(faces, points, asked, starts)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-12)
    assert shares.min() >= 0
    places = np.einsum("nk,nkd->nd", shares, points[faces[found]].astype(float))
    away = np.linalg.norm(places - asked, axis=1)
    nearest = Hierarchy(points[faces].reshape(-1, 3)).nearest(asked, np.full(2000, 9, np.float32))[0]
    assert (away > 1.001 * nearest + 1e-6).mean() <= (0.02 if noise else 0.0)
