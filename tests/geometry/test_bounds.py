"""The space that a scene takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import POINTS, Node, Primitive, Scene
from assetpipe.geometry import scene_bounds
from assetpipe.geometry.bounds import AT_ONCE
from tests import shapes

TURN = [0.0, 0.0, float(np.sin(np.pi / 8)), float(np.cos(np.pi / 8))]  # 45 degrees about z


def on_node(scene: Scene, **json: object) -> Scene:
    return replace(scene, nodes=(Node({"mesh": 0, **json}),))


def test_bounds_follow_rotation_and_scale() -> None:
    """A unit box scaled by 2 and turned by 45 degrees about z is 2 √2 wide."""
    bounds = scene_bounds(on_node(shapes.scene(shapes.box()), rotation=TURN, scale=[2, 2, 2]))
    assert bounds.max == pytest.approx((np.sqrt(2), np.sqrt(2), 1))
    assert bounds.radius == pytest.approx(np.sqrt(3))


def test_the_radius_holds_every_vertex_about_the_centre_of_the_box() -> None:
    """A sphere away from the origin keeps its own radius."""
    bounds = scene_bounds(on_node(shapes.scene(shapes.sphere(32, 3.0)), translation=[100, 0, 0]))
    assert bounds.centre == pytest.approx((100, 0, 0), abs=1e-5)
    assert bounds.radius == pytest.approx(3, rel=1e-5)


def test_vertices_that_no_triangle_uses_do_not_count() -> None:
    """Stray vertices are not drawn."""
    box = shapes.box()
    stray = np.concatenate([box.positions, [[99, 99, 99]]]).astype(np.float32)
    bounds = scene_bounds(shapes.scene(Primitive(4, box.indices, {"POSITION": stray})))
    assert bounds.max == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("before", [AT_ONCE - 3, AT_ONCE, 3 * AT_ONCE + 5])
def test_bounds_do_not_depend_on_where_among_many_vertices_those_stand_that_are_drawn(before: int) -> None:
    """Vertices are looked at some at a time; of some of these none is drawn."""
    box = shapes.box()
    stray = np.full((before, 3), 99, np.float32)
    positions = np.concatenate([stray, box.positions, stray])
    many = Primitive(4, box.indices + np.uint32(before), {"POSITION": positions})
    assert scene_bounds(shapes.scene(many)) == scene_bounds(shapes.scene(box))


def test_points_count() -> None:
    """Whatever is drawn takes space, triangles or not."""
    cloud = Primitive(POINTS, np.arange(2, dtype=np.uint32), {"POSITION": np.array([[0, 0, 0], [4, 0, 0]], np.float32)})
    assert scene_bounds(shapes.scene(cloud)).radius == pytest.approx(2)


def test_an_empty_scene_is_a_point() -> None:
    """No infinities reach the manifest."""
    bounds = scene_bounds(Scene((), ()))
    assert (bounds.min, bounds.max, bounds.radius) == ((0, 0, 0), (0, 0, 0), 0)


def skinned_box(bind: np.ndarray) -> Scene:  # type: ignore[type-arg]
    """Node 0 shows the box, bound to node 1, which stands at x = 10. Node 0's own transform must not matter."""
    box = shapes.box()
    attributes = {
        **box.attributes,
        "JOINTS_0": np.zeros((24, 4), np.uint16),
        "WEIGHTS_0": np.tile(np.array([1, 0, 0, 0], np.float32), (24, 1)),
    }
    scene = shapes.scene(replace(box, attributes=attributes), skins=[{"joints": [1], "inverseBindMatrices": 0}])
    nodes = (
        Node({"mesh": 0, "skin": 0, "translation": [50, 0, 0], "children": [1]}),
        Node({"translation": [-40, 0, 0]}),
    )
    return replace(scene, nodes=nodes, arrays=(bind[None].astype(np.float32),))


def test_skinned_vertices_stand_where_their_joints_put_them() -> None:
    """The joint's matrix times its inverse bind matrix (stored columns first); the node's own matrix is ignored."""
    bind = np.diag([2.0, 2, 2, 1])
    bind[3, :3] = (0, 5, 0)  # columns first: the last row in memory is the translation
    bounds = scene_bounds(skinned_box(bind))
    assert bounds.min == pytest.approx((9, 4, -1))
    assert bounds.max == pytest.approx((11, 6, 1))


def test_default_morph_weights_shape_the_bounds() -> None:
    """`weights` of the node win over those of the mesh."""
    box = replace(shapes.box(), targets=({"POSITION": np.full((24, 3), 4, np.float32)},))
    scene = shapes.scene(box)
    mesh = replace(scene.meshes[0], json={"weights": [0.5]})
    scene = replace(scene, meshes=(mesh,))
    assert scene_bounds(scene).max == pytest.approx((2.5, 2.5, 2.5))
    assert scene_bounds(on_node(scene, weights=[1.0])).max == pytest.approx((4.5, 4.5, 4.5))
