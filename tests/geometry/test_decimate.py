"""Levels of a whole scene, with the real kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import POINTS, Array, Material, Mesh, Node, Primitive, Scene
from assetpipe.geometry import decimate, drawn_triangles, measure_deviation, prepare, scene_bounds
from assetpipe.geometry.decimate import CLOSE
from assetpipe.geometry.surface import Target
from tests import shapes
from tests.geometry.levels import PLAIN, level, many, moved, rounded

TEXTURED = Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})


def halves(torus: Primitive) -> tuple[Primitive, ...]:
    """One torus in two materials."""
    triangles = torus.indices.reshape(-1, 3)
    left = torus.positions[triangles].mean(axis=1)[:, 2] < 0
    return tuple(
        replace(torus, indices=triangles[side].reshape(-1), json={"material": at})
        for at, side in enumerate((left, ~left))
    )


def open_edges(primitives: tuple[Primitive, ...]) -> int:
    """Edges, by position, that only one triangle has."""
    positions = np.concatenate([primitive.positions[primitive.indices] for primitive in primitives])
    _, places = np.unique(positions, axis=0, return_inverse=True)
    corners = places.reshape(-1, 3)
    edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    return int((uses == 1).sum())


def border(primitive: Primitive) -> set[tuple[float, ...]]:
    """Positions at edges that one triangle of the primitive has."""
    _, places = np.unique(primitive.positions, axis=0, return_inverse=True)
    corners = places.reshape(-1)[primitive.indices].reshape(-1, 3)
    edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    points = np.unique(primitive.positions, axis=0)
    return set(map(tuple, points[unique[uses == 1].reshape(-1)].tolist()))


def test_seams_and_borders_between_materials_stay_closed() -> None:
    """A closed torus in two materials, with UV seams, has no open edge at any level, and both materials end at the very
    same positions."""
    scene = prepare(shapes.scene(*halves(rounded(shapes.torus(96))), materials=(TEXTURED, TEXTURED)), PLAIN)
    for made in decimate(scene, [Target(4000, 0.0), Target(1500, 0.0), Target(500, 0.0)]):
        primitives = made.scene.meshes[0].primitives
        assert open_edges(primitives) == 0
        assert border(primitives[0]) == border(primitives[1])
        assert [primitive.material for primitive in primitives] == [0, 1]


def test_the_budget_holds_and_the_surface_stays_near() -> None:
    """Fine to coarse, each within its triangles; a torus at 2,000 triangles strays less than 1 % of its radius."""
    scene = shapes.scene(rounded(shapes.torus(128, material=0)), materials=(TEXTURED,))
    radius = scene_bounds(scene).radius
    fine, coarse = decimate(scene, [Target(2000, 0.0), Target(600, 0.0)])
    assert fine.scene.triangles <= 2000
    assert coarse.scene.triangles <= 600
    assert measure_deviation(scene, fine.scene, samples=5000).max < 0.01 * radius
    uvs = fine.scene.meshes[0].primitives[0].attributes["TEXCOORD_0"]
    assert uvs.min() > -0.01
    assert uvs.max() < 1.01


def test_the_error_bound_holds_below_the_budget() -> None:
    """With triangles to spare, the descent goes on only while the surface strays less than asked."""
    scene = shapes.scene(rounded(shapes.sphere(128)))
    made = level(scene, 100_000, error=0.002)
    assert 500 < made.scene.triangles < scene.triangles / 3
    assert measure_deviation(scene, made.scene, samples=5000).max < 1.1 * 0.002


def dented(depth: float) -> Scene:
    """A ball with forty dents, each a twentieth of its radius wide."""
    dice = np.random.default_rng(3)
    ball = shapes.sphere(128)
    centres = dice.normal(size=(40, 3))
    centres /= np.linalg.norm(centres, axis=1)[:, None]
    away = np.linalg.norm(ball.positions[:, None] - centres, axis=2)
    points = ball.positions * (1 - depth * np.exp(-((away / 0.05) ** 2)).sum(axis=1))[:, None]
    return shapes.scene(replace(ball, attributes={**ball.attributes, "POSITION": points.astype(np.float32)}))


@pytest.mark.parametrize("error", [0.008, 0.004])
def test_what_hides_in_the_mean_error_is_measured_and_mended(error: float) -> None:
    """The collapse knows rms distances, and a dent has little area: without measuring, levels stray a third farther
    than they may. The rest of the surface does not pay for it."""
    scene = dented(0.02)
    mended = level(scene, 1_000_000, error)
    assert mended.deviation.max <= CLOSE * error
    assert drawn_triangles(mended.scene) < 0.9 * drawn_triangles(level(scene, 1_000_000, 0.75 * error).scene)


def test_a_scene_within_its_budget_and_without_error_is_the_same_scene() -> None:
    """Untouched: no copy of any array."""
    scene = shapes.scene(shapes.box())
    assert level(scene, 12).scene is scene


def test_copies_count_against_the_budget() -> None:
    """Four nodes show a sphere: the budget is for all four together."""
    scene = shapes.scene(rounded(shapes.sphere(32)))
    nodes = tuple(Node({"mesh": 0, "translation": [3 * at, 0, 0]}) for at in range(4))
    scene = replace(scene, nodes=nodes, json={**scene.json, "scenes": [{"nodes": [0, 1, 2, 3]}]})
    made = level(scene, 1000)
    assert 800 < drawn_triangles(made.scene) <= 1000
    assert made.scene.triangles == drawn_triangles(made.scene) // 4


def test_the_larger_of_two_meshes_keeps_more_triangles() -> None:
    """One budget for the whole asset, spent by metres in the world, not by a mesh's own units."""
    sphere = rounded(shapes.sphere(48))
    nodes = (Node({"mesh": 0}), Node({"mesh": 1, "scale": [0.1, 0.1, 0.1], "translation": [2, 0, 0]}))
    scene = replace(shapes.scene(sphere), nodes=nodes, meshes=(Mesh((sphere,)), Mesh((sphere,))))
    scene = replace(scene, json={**scene.json, "scenes": [{"nodes": [0, 1]}]})
    large, small = level(scene, 1000).scene.meshes
    assert large.triangles > 5 * small.triangles > 0


def test_colours_joints_and_custom_attributes_are_carried() -> None:
    """Colours are solved for, joints are mixed, counts come from the nearest source vertex; all in their own types."""
    torus = rounded(shapes.torus(64))
    height = (torus.positions[:, 1:2] + 0.4) / 0.8
    joints = np.zeros((len(height), 4), np.uint16)
    joints[:, 0] = np.round(100 * height[:, 0])
    extra: dict[str, Array] = {
        "COLOR_0": np.concatenate([height, 1 - height, 0 * height], axis=1).astype(np.float32),
        "JOINTS_0": joints,
        "WEIGHTS_0": np.tile(np.array([1, 0, 0, 0], np.float32), (len(height), 1)),
        "_HEIGHT": joints[:, :1].astype(np.uint8),
    }
    scene = prepare(shapes.scene(replace(torus, attributes={**torus.attributes, **extra})), PLAIN)
    primitive = level(scene, 1000).scene.meshes[0].primitives[0]
    expected = (primitive.positions[:, 1] + 0.4) / 0.8
    attributes = primitive.attributes
    assert np.abs(attributes["COLOR_0"][:, 0] - expected).max() < 0.05
    followed = (attributes["JOINTS_0"] * attributes["WEIGHTS_0"]).sum(axis=1)
    assert np.abs(followed - 100 * expected).max() < 6
    assert np.abs(attributes["_HEIGHT"][:, 0] - 100 * expected).max() < 15
    assert (attributes["JOINTS_0"].dtype, attributes["_HEIGHT"].dtype) == (np.uint16, np.uint8)
    np.testing.assert_allclose(attributes["WEIGHTS_0"].sum(axis=1, dtype=np.float64), 1, atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(attributes["NORMAL"], axis=1), 1, atol=1e-5)


def test_tangents_stay_square_to_their_normals() -> None:
    """Length 1, w of the source."""
    torus = rounded(shapes.torus(64, material=0))
    turned = np.cross(torus.attributes["NORMAL"], [0.0, 1.0, 0.0])
    turned = turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    tangents = np.concatenate([turned, -np.ones((len(turned), 1))], axis=1).astype(np.float32)
    torus = replace(torus, attributes={**torus.attributes, "TANGENT": tangents})
    scene = prepare(shapes.scene(torus, materials=(Material({"normalTexture": {"index": 0}}),)), PLAIN)
    attributes = level(scene, 800).scene.meshes[0].primitives[0].attributes
    along = attributes["TANGENT"][:, :3]
    np.testing.assert_allclose((along * attributes["NORMAL"]).sum(axis=1), 0, atol=1e-2)
    np.testing.assert_allclose(np.linalg.norm(along, axis=1), 1, atol=5e-3)
    np.testing.assert_array_equal(attributes["TANGENT"][:, 3], -1)


def test_morph_targets_live_in_the_finest_level_only() -> None:
    """Coarser levels say so."""
    torus = rounded(shapes.torus(48))
    morphed = replace(torus, targets=({"POSITION": torus.positions * np.float32(0.1)},))
    fine, coarse = decimate(shapes.scene(morphed), [Target(1000, 0.0), Target(300, 0.0)])
    primitive = fine.scene.meshes[0].primitives[0]
    np.testing.assert_allclose(primitive.targets[0]["POSITION"], primitive.positions * 0.1, atol=0.02)
    assert not coarse.scene.meshes[0].primitives[0].targets
    assert "morph targets dropped" in coarse.notes
    assert "morph targets dropped" not in fine.notes


def test_points_and_lines_pass_through() -> None:
    """Only triangles are decimated; a point cloud in the same mesh is the same object afterwards."""
    cloud = Primitive(POINTS, np.arange(3, dtype=np.uint32), {"POSITION": np.eye(3, dtype=np.float32)})
    made = level(shapes.scene(rounded(shapes.torus(48)), cloud), 500)
    assert made.scene.meshes[0].primitives[1] is cloud


def test_parts_smaller_than_a_pixel_go_and_are_counted() -> None:
    """Ten grains of 1 mm beside a sphere of 1 m at a pixel of 1 cm; what is left out at a fine level stays out."""
    grains = [moved(shapes.sphere(8, 0.001), (1.2, 0.1 * at, 0)) for at in range(10)]
    scene = shapes.scene(rounded(shapes.sphere(64)), *grains)
    fine, coarse = decimate(scene, [Target(100_000, 0.005), Target(50_000, 0.01)])
    assert len(fine.scene.meshes[0].primitives) == 1
    assert "10 parts smaller than a pixel left out" in fine.notes
    assert "10 parts smaller than a pixel left out" in coarse.notes


def test_the_last_part_is_never_left_out() -> None:
    """However large a pixel is."""
    made = level(shapes.scene(shapes.sphere(16, 0.001)), 100_000, error=10.0)
    assert made.scene.triangles > 0


def test_a_level_says_what_gave_way_to_its_budget() -> None:
    """Seams are kept as long as the budget allows, and a level for which they were let go says so."""
    scene = shapes.scene(shapes.torus(48))
    kept, torn = level(scene, 100), level(scene, 8)
    assert not any("seams" in note for note in kept.notes)
    assert any("seams of textures and open borders were let go to come down to 8" in note for note in torn.notes)


def test_a_crowd_of_small_parts_does_not_starve_a_large_one() -> None:
    """Two thousand boxes cannot be drawn with 1,000 triangles: some go, so that the large box keeps its corners."""
    small = many(shapes.box(0.01), 2000)
    made = level(shapes.scene(shapes.box(1.0), small), 1000)
    assert drawn_triangles(made.scene) <= 1000
    assert made.scene.meshes[0].primitives[0].triangles == 12
    assert any("smallest parts left out: 1,000 triangles are too few" in note for note in made.notes)


def test_sheets_modelled_front_and_back_can_be_decimated() -> None:
    """Every edge has four triangles, which no collapse may touch; apart, both sides come down alike."""
    torus = shapes.torus(64)
    triangles = torus.indices.reshape(-1, 3)
    both = np.concatenate([triangles, triangles[:, ::-1]]).reshape(-1)
    scene = prepare(shapes.scene(Primitive(4, both, {"POSITION": torus.positions})), PLAIN)
    made = level(scene, 1500)
    assert made.scene.triangles <= 1500
    assert measure_deviation(scene, made.scene, samples=5000).max < 0.05


def test_the_same_scene_gives_the_same_bytes() -> None:
    """Twice the same input, twice the same arrays."""
    scene = shapes.scene(*halves(rounded(shapes.torus(48))), materials=(TEXTURED, TEXTURED))
    once, again = (level(scene, 500).scene.meshes[0].primitives for _ in range(2))
    for a, b in zip(once, again, strict=True):
        assert a.indices.tobytes() == b.indices.tobytes()
        assert all(a.attributes[name].tobytes() == b.attributes[name].tobytes() for name in a.attributes)
