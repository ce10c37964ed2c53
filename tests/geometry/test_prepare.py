"""What is mended before anything else, and that it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Primitive, Scene
from assetpipe.config import Geometry
from assetpipe.errors import SourceError
from assetpipe.geometry import prepare, scene_bounds
from assetpipe.geometry.welding import first_equal, map_vertices
from tests import shapes

PLAIN = Geometry(max_error_px=0.5, weld_m=0.0, hidden="keep")
NORMAL_MAPPED = Material({"normalTexture": {"index": 0}})


def soup(primitive: Primitive) -> Primitive:
    """Every corner its own vertex."""
    corners = map_vertices(primitive, lambda array: array[primitive.indices])
    return replace(corners, indices=np.arange(len(primitive.indices), dtype=np.uint32))


def changed(primitive: Primitive, **attributes: Array) -> Primitive:
    return replace(primitive, attributes={**primitive.attributes, **attributes})


def prepared(*primitives: Primitive, materials: tuple[Material, ...] = ()) -> tuple[Primitive, tuple[str, ...]]:
    scene = prepare(shapes.scene(*primitives, materials=materials), PLAIN)
    return scene.meshes[0].primitives[0], scene.repairs


def test_a_sound_scene_comes_back_untouched() -> None:
    """Nothing mended, nothing copied: the same arrays."""
    box = shapes.box()
    scene = prepare(shapes.scene(box), PLAIN)
    assert scene.repairs == ()
    assert scene.warnings == ()
    assert scene.meshes[0].primitives[0] is box


def test_a_soup_is_welded_to_the_vertices_it_came_from() -> None:
    """Corners that are equal in all attributes become one vertex again; triangles stay what they were."""
    torus = shapes.torus(24)
    primitive, repairs = prepared(soup(torus))
    assert len(primitive.positions) == len(torus.positions)
    np.testing.assert_array_equal(primitive.positions[primitive.indices], torus.positions[torus.indices])
    assert repairs == (f"{len(torus.indices) - len(torus.positions):,} vertices that repeat another joined",)


def test_vertices_that_differ_in_any_attribute_stay_apart() -> None:
    """A seam is no mistake: a box keeps its 24 vertices, and one colour of its own keeps a vertex apart."""
    box = soup(shapes.box())
    colours = np.ones((36, 3), np.float32)
    colours[1, 0] = 0.5  # a corner that two triangles share
    assert len(prepared(changed(box, COLOR_0=colours))[0].positions) == 25


def test_minus_zero_is_zero() -> None:
    """-0.0 equals 0.0, whatever its bits."""
    assert list(first_equal([np.array([[0.0], [-0.0], [1.0]], np.float32)])) == [0, 0, 2]


def test_triangles_without_area_are_dropped_and_counted() -> None:
    """Two corners in one place, or three on a line that closes nothing."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [6, 6, 6], [7, 7, 7]], np.float32)
    indices = np.array([0, 1, 2, 0, 1, 1, 3, 4, 5], np.uint32)
    primitive, repairs = prepared(Primitive(4, indices, {"POSITION": points}))
    assert primitive.triangles == 1
    assert len(primitive.positions) == 3
    assert "2 triangles without area dropped" in repairs


def test_a_line_that_closes_a_t_junction_stays() -> None:
    """Without it, the middle vertex of the shared edge could drift off the edge when the mesh is decimated."""
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0], [1, -1, 0]], np.float32)
    indices = np.array([0, 1, 3, 1, 2, 3, 0, 4, 2, 0, 2, 1], np.uint32)
    primitive, repairs = prepared(Primitive(4, indices, {"POSITION": points}))
    assert primitive.triangles == 4
    assert repairs == ()


def test_triangles_that_repeat_are_dropped_but_backs_are_not() -> None:
    """Same vertices in the same turn, wherever it starts; the opposite turn is the other side of a sheet."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    indices = np.array([0, 1, 2, 2, 0, 1, 0, 2, 1], np.uint32)
    primitive, repairs = prepared(Primitive(4, indices, {"POSITION": points}))
    assert primitive.triangles == 2
    assert repairs == ("1 triangles that repeat another dropped",)


def test_what_is_not_a_number_is_guarded() -> None:
    """A triangle at infinity goes; a normal, UV or colour that is not a number is replaced."""
    sphere = shapes.sphere(16)
    positions, normals, uvs = (sphere.attributes[name].copy() for name in ("POSITION", "NORMAL", "TEXCOORD_0"))
    positions[20] = np.nan
    normals[40], uvs[60] = np.nan, np.inf
    primitive, repairs = prepared(changed(sphere, POSITION=positions, NORMAL=normals, TEXCOORD_0=uvs))
    assert all(np.isfinite(values).all() for values in primitive.attributes.values())
    np.testing.assert_allclose(np.linalg.norm(primitive.attributes["NORMAL"], axis=1), 1, atol=1e-3)
    lost = int((sphere.indices.reshape(-1, 3) == 20).any(axis=1).sum())
    assert primitive.triangles == sphere.triangles - lost
    assert any(text.startswith(f"{lost} triangles, lines or points with a coordinate") for text in repairs)


def test_a_lost_normal_points_away_from_its_triangles() -> None:
    """A zero normal is computed from the triangles around it."""
    sphere = shapes.sphere(32)
    normals = sphere.attributes["NORMAL"].copy()
    normals[200] = 0
    primitive, _ = prepared(changed(sphere, NORMAL=normals))
    at = np.flatnonzero((primitive.positions == sphere.positions[200]).all(axis=1))
    assert (primitive.attributes["NORMAL"][at] @ sphere.positions[200] > 0.99).all()


def test_normals_are_brought_to_length_one() -> None:
    """Scaled normals darken a surface."""
    sphere = shapes.sphere(16)
    primitive, repairs = prepared(changed(sphere, NORMAL=sphere.attributes["NORMAL"] * np.float32(3)))
    np.testing.assert_allclose(np.linalg.norm(primitive.attributes["NORMAL"], axis=1), 1, atol=1e-6)
    assert any("brought to length 1" in text for text in repairs)


def test_missing_normals_stay_missing_and_are_told() -> None:
    """glTF: without normals a client draws flat; a level without normals is flat too, and can be decimated."""
    sphere = shapes.sphere(8)
    bare = Primitive(4, sphere.indices, {"POSITION": sphere.positions})
    scene = prepare(shapes.scene(bare), PLAIN)
    assert "NORMAL" not in scene.meshes[0].primitives[0].attributes
    assert scene.warnings == ("1 primitives have no normals and are drawn flat, as glTF asks",)


def test_colours_are_clamped() -> None:
    """COLOR_0 lies in 0..1."""
    primitive, repairs = prepared(changed(shapes.box(), COLOR_0=np.full((24, 4), 1.5, np.float32)))
    assert primitive.attributes["COLOR_0"].max() == 1
    assert repairs == ("24 vertex colours outside 0..1 clamped",)


def tangents(primitive: Primitive, lean: float) -> Array:
    """Along x as far as the normals allow, then leaning towards the normal."""
    normals = primitive.attributes["NORMAL"]
    return np.concatenate([np.eye(3)[[0]] + lean * normals, np.ones((len(normals), 1))], axis=1).astype(np.float32)


@pytest.mark.parametrize(("material", "kept"), [(NORMAL_MAPPED, True), (Material({}), False)])
def test_tangents_live_where_there_is_a_normal_map(material: Material, kept: bool) -> None:
    """Square to the normals, w = ±1; without a normal map they are weight."""
    torus = shapes.torus(16, material=0)
    primitive, _ = prepared(changed(torus, TANGENT=tangents(torus, 0.3)), materials=(material,))
    assert ("TANGENT" in primitive.attributes) is kept
    if kept:
        along = primitive.attributes["TANGENT"][:, :3]
        np.testing.assert_allclose((along * primitive.attributes["NORMAL"]).sum(axis=1), 0, atol=1e-2)
        np.testing.assert_allclose(np.linalg.norm(along, axis=1), 1, atol=5e-3)


def test_weld_m_closes_gaps_between_primitives_in_metres_of_the_world() -> None:
    """Two halves 1 mm apart on a node of scale 0.001: weld_m is about the world, not about the file's units."""
    uvs, indices = shapes.grid(4, 4)
    left = np.pad(uvs, ((0, 0), (0, 1)))
    right = left + np.array([1.001, 0, 0], np.float32)
    up = np.tile(np.array([0, 0, 1.0]), (25, 1))
    halves = [shapes.primitive(points * 1000, up, uvs, indices) for points in (left, right)]
    scene = shapes.scene(*halves)
    scene = replace(scene, nodes=(replace(scene.nodes[0], json={"mesh": 0, "scale": [0.001, 0.001, 0.001]}),))
    made = prepare(scene, replace_weld(0.002))
    a, b = (set(map(tuple, primitive.positions.tolist())) for primitive in made.meshes[0].primitives)
    assert len(a & b) == 5
    assert "5 vertices moved onto a neighbour nearer than weld_m" in made.repairs
    assert not any("moved" in text for text in prepare(scene, replace_weld(0.0005)).repairs)


def replace_weld(metres: float) -> Geometry:
    return Geometry(max_error_px=0.5, weld_m=metres, hidden="keep")


def test_nothing_to_draw_is_an_error_with_a_cure() -> None:
    """A mesh of lines without area cannot be published."""
    points = np.zeros((3, 3), np.float32)
    scene = shapes.scene(Primitive(4, np.arange(3, dtype=np.uint32), {"POSITION": points}))
    with pytest.raises(SourceError, match="no triangles to publish") as caught:
        prepare(scene, PLAIN)
    assert caught.value.code == "E_EMPTY"
    assert caught.value.hint


def test_what_is_drawn_stays_where_it_was() -> None:
    """No mend moves the asset."""
    scene = shapes.scene(soup(shapes.torus(16)), shapes.box())
    assert scene_bounds(prepare(scene, PLAIN)) == scene_bounds(scene)


def test_prepare_does_not_touch_its_input() -> None:
    """Arrays may be read-only views of the source."""

    def frozen(scene: Scene) -> Scene:
        for primitive in scene.meshes[0].primitives:
            for array in (primitive.indices, *primitive.attributes.values()):
                array.flags.writeable = False
        return scene

    box = soup(shapes.box())
    prepare(frozen(shapes.scene(changed(box, NORMAL=box.attributes["NORMAL"] * np.float32(2)))), replace_weld(0.001))
