"""Where meshes are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Json, Mesh, Node, Scene
from assetpipe.geometry import drawn_triangles, placements, scene_bounds, world_matrices
from tests import shapes

HALF = float(np.sqrt(0.5))


def tree(*nodes: Json, roots: tuple[int, ...] = (0,)) -> Scene:
    document = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": list(roots)}]}
    return Scene(tuple(Node(node) for node in nodes), (Mesh((shapes.box(),)),), json=document)


def instanced(arrays: dict[str, list[list[float]]], node: Json) -> Scene:
    extension = {"attributes": {name: at for at, name in enumerate(arrays)}}
    scene = tree({**node, "mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": extension}})
    return replace(scene, arrays=tuple(np.array(values, np.float32) for values in arrays.values()))


def test_a_child_moves_with_its_parents() -> None:
    """World matrix = parent's times own: scale, then rotate, then translate."""
    turn = [0, 0, HALF, HALF]  # a quarter about z: x becomes y
    scene = tree({"children": [1], "rotation": turn, "scale": [2, 2, 2]}, {"mesh": 0, "translation": [1, 0, 0]})
    np.testing.assert_allclose(world_matrices(scene)[1] @ [0, 0, 0, 1], [0, 2, 0, 1], atol=1e-12)


def test_a_matrix_is_read_column_by_column() -> None:
    """glTF stores translation last."""
    scene = tree({"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1]})
    np.testing.assert_array_equal(world_matrices(scene)[0][:3, 3], [5, 6, 7])


def test_nodes_outside_the_default_scene_are_not_drawn() -> None:
    """A document may hold spare nodes; they have their place, but are not shown."""
    scene = tree({"mesh": 0}, {"mesh": 0, "translation": [9, 9, 9]})
    assert [placement.node for placement in placements(scene)] == [0]
    np.testing.assert_array_equal(world_matrices(scene)[1][:3, 3], [9, 9, 9])


def test_a_thousand_nested_nodes_need_no_recursion() -> None:
    """Depth is bounded by the limits of the config, not by Python's stack."""
    nodes = [{"children": [at + 1], "translation": [1, 0, 0]} for at in range(2000)]
    scene = tree(*nodes, {"mesh": 0})
    assert scene_bounds(scene).max[0] == pytest.approx(2000.5)


def test_instances_multiply_what_is_drawn() -> None:
    """EXT_mesh_gpu_instancing: node times instance, each instance a copy."""
    scene = instanced({"TRANSLATION": [[0, 0, 0], [10, 0, 0], [20, 0, 0]]}, {"scale": [2, 2, 2]})
    assert drawn_triangles(scene) == 36
    bounds = scene_bounds(scene)
    assert (bounds.min[0], bounds.max[0]) == pytest.approx((-1, 41))


def test_instances_are_scaled_and_turned() -> None:
    """Attributes that are not given are at rest; rotations are quaternions xyzw."""
    scene = instanced({"SCALE": [[4, 1, 1]], "ROTATION": [[0, 0, HALF, HALF]]}, {})
    np.testing.assert_allclose(scene_bounds(scene).max, (0.5, 2, 0.5), atol=1e-6)


def test_a_mesh_on_two_nodes_is_drawn_twice() -> None:
    """Stored once, drawn twice."""
    scene = tree({"mesh": 0}, {"mesh": 0}, roots=(0, 1))
    assert (scene.triangles, drawn_triangles(scene)) == (12, 24)
