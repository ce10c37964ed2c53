"""How nodes move: whatever the source says, what comes out is glTF and puts every mesh where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.transforms import world_matrices
from tests.sources.build import quad, read, refusal
from tests.sources.test_scene import animated

TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
LEAN = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])


def affine(linear: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, (5, 6, 7)
    return matrix


def columns(matrix: Array) -> list[float]:
    return [float(value) for value in matrix.T.reshape(-1)]


@pytest.mark.parametrize(
    ("linear", "nodes"),
    [
        pytest.param(TURN, 3, id="turned"),
        pytest.param(TURN * [2, 3, 4], 3, id="scaled"),
        pytest.param(1000 * TURN, 3, id="large"),
        pytest.param(TURN * [1, 1, -1], 3, id="mirrored"),
        pytest.param(LEAN, 4, id="sheared"),
        pytest.param(LEAN @ np.diag([1, -1, 1]), 4, id="sheared and mirrored"),
        pytest.param(TURN * [1, 0, 1], 4, id="flat"),
        pytest.param(np.zeros((3, 3)), 4, id="a point"),
    ],
)
def test_a_matrix_of_any_kind_leaves_all_where_it_was(tmp_path: Path, linear: Array, nodes: int) -> None:
    """Shear takes one node more, above; the node itself keeps its number, its mesh and its children."""
    matrix = affine(linear)
    build = quad(nodes=[{"children": [1]}, {"mesh": 0, "matrix": columns(matrix), "children": [2]}, {}])
    scene = read(tmp_path, build)
    assert len(scene.nodes) == nodes
    assert (scene.nodes[1].mesh, scene.nodes[1].children) == (0, [2])
    assert np.abs(world_matrices(scene)[1] - matrix).max() < 1e-9 * np.abs(matrix).max()
    assert any(line.startswith("W_SHEAR /nodes/1/matrix") for line in scene.repairs) == (nodes == 4)


def test_a_sheared_root_stays_in_its_scene(tmp_path: Path) -> None:
    scene = read(tmp_path, quad(nodes=[{"mesh": 0, "matrix": columns(affine(LEAN))}]))
    assert scene.json["scenes"] == [{"nodes": [1]}]
    assert scene.nodes[1].children == [0]


def test_a_plain_matrix_is_kept_as_it_was_written(tmp_path: Path) -> None:
    node = {"mesh": 0, "matrix": [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1]}
    assert read(tmp_path, quad(nodes=[node])).nodes[0].json == node


def test_a_matrix_wins_over_what_stands_beside_it(tmp_path: Path) -> None:
    node = {"mesh": 0, "matrix": columns(affine(TURN)), "scale": [9, 9, 9]}
    scene = read(tmp_path, quad(nodes=[node]))
    assert "scale" not in scene.nodes[0].json
    assert [line for line in scene.repairs if line.startswith("W_TRANSFORM /nodes/0: scale")]


def test_an_animated_node_has_no_matrix(tmp_path: Path) -> None:
    """glTF animates translation, rotation and scale, so the matrix becomes these."""
    build = animated(quad(nodes=[{"mesh": 0, "matrix": columns(affine(2 * TURN))}]), [0, 1, 2, 3])
    node = read(tmp_path, build).nodes[0].json
    assert "matrix" not in node
    assert np.allclose(node["translation"], [5, 6, 7])
    assert np.allclose(node["rotation"], [0, 0, 0.5**0.5, 0.5**0.5])
    assert np.allclose(node["scale"], 2)


def test_rounding_in_the_last_row_is_mended_and_a_projection_refused(tmp_path: Path) -> None:
    matrix = affine(TURN)
    matrix[3, 3] = 0.9999998
    scene = read(tmp_path, quad(nodes=[{"mesh": 0, "matrix": columns(matrix)}]))
    assert np.abs(world_matrices(scene)[0] - affine(TURN)).max() < 1e-12
    assert [line for line in scene.repairs if line.startswith("W_TRANSFORM /nodes/0/matrix")]
    matrix[3] = 0.1, 0, 0, 1
    error = refusal(tmp_path, quad(nodes=[{"mesh": 0, "matrix": columns(matrix)}]))
    assert (error.code, "(0.1, 0, 0, 1)" in error.message) == ("E_MATRIX", True)


@pytest.mark.parametrize("node", [{"translation": [1e30, 0, 0]}, {"scale": [1, 1, 1e19]}, {"matrix": [1e19] * 16}])
def test_what_no_renderer_can_square_is_refused(tmp_path: Path, node: dict[str, Any]) -> None:
    assert refusal(tmp_path, quad(nodes=[{"mesh": 0, **node}])).code == "E_EXTENT"
