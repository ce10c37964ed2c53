"""Skins: joints under one root, in the scenes that show their mesh, each pulling once at a vertex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.transforms import world_matrices
from tests.sources.build import Build, quad, read, refusal

ONE = np.array([[1, 0, 0, 0]] * 4, np.float32)


def skinned(nodes: list[dict[str, Any]], joints: list[int], **document: Any) -> Build:
    """Nodes after the first, which shows the skinned square."""
    build = quad(nodes=[{"mesh": 0, "skin": 0}, *nodes], skins=[{"joints": joints}], **document)
    attributes = build.json["meshes"][0]["primitives"][0]["attributes"]
    attributes |= {"JOINTS_0": build.accessor(np.zeros((4, 4), np.uint8)), "WEIGHTS_0": build.accessor(ONE)}
    return build


def test_joints_without_a_common_root_get_one_that_moves_nothing(tmp_path: Path) -> None:
    nodes = [{"translation": [1, 2, 3], "children": [3]}, {"translation": [4, 5, 6]}, {}]
    scene = read(tmp_path, skinned(nodes, [3, 2], scenes=[{"nodes": [0, 1, 2]}]))
    assert scene.nodes[4].json == {"children": [1, 2]}
    assert scene.json["scenes"] == [{"nodes": [0, 4]}]
    assert world_matrices(scene)[[2, 3], :3, 3].tolist() == [[4, 5, 6], [1, 2, 3]]
    assert [line for line in scene.repairs if line.startswith("W_SKIN /skins/0/joints")]


def test_joints_of_which_a_scene_shows_some_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, skinned([{}, {}], [1, 2], scenes=[{"nodes": [0, 1]}])).code == "E_SKIN"


def test_joints_outside_of_the_scene_are_taken_into_it_unless_that_shows_a_mesh(tmp_path: Path) -> None:
    scene = read(tmp_path, skinned([{"children": [2]}, {}], [1, 2]))
    assert scene.json["scenes"] == [{"nodes": [0, 1]}]
    assert [line for line in scene.repairs if line.startswith("W_SKIN /nodes/1")]
    assert refusal(tmp_path, skinned([{"children": [2]}, {"mesh": 0}], [1])).code == "E_SKIN"


@pytest.mark.parametrize(("skeleton", "kept"), [(1, True), (2, True), (3, False), (0, False)])
def test_a_skeleton_that_is_no_root_of_the_joints_is_dropped(tmp_path: Path, skeleton: int, kept: bool) -> None:
    build = skinned([{"children": [2]}, {"children": [3]}, {}], [2, 3], scenes=[{"nodes": [0, 1]}])
    build.json["skins"][0]["skeleton"] = skeleton
    scene = read(tmp_path, build)
    assert ("skeleton" in scene.json["skins"][0]) == kept
    assert bool(scene.repairs) != kept


def test_a_skin_or_weights_without_a_mesh_are_dropped(tmp_path: Path) -> None:
    scene = read(tmp_path, skinned([{"skin": 0, "weights": [1]}], [1], scenes=[{"nodes": [0, 1]}]))
    assert scene.nodes[1].json == {}
    assert [line.split()[0] for line in scene.repairs] == ["W_SKIN", "W_TARGET"]


def test_a_joint_named_twice_at_a_vertex_pulls_once_with_both_weights(tmp_path: Path) -> None:
    build = skinned([{"children": [2]}, {}], [1, 2], scenes=[{"nodes": [0, 1]}])
    attributes = build.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["JOINTS_0"] = build.accessor(np.array([[1, 0, 1, 1]] * 4, np.uint8))
    attributes["WEIGHTS_0"] = build.accessor(np.array([[0.25, 0.25, 0.5, 0]] * 4, np.float32))
    scene = read(tmp_path, build)
    found = scene.meshes[0].primitives[0].attributes
    assert found["JOINTS_0"].tolist() == [[1, 0, 0, 0]] * 4
    assert found["WEIGHTS_0"].tolist() == [[0.75, 0.25, 0, 0]] * 4
    assert [line for line in scene.repairs if "4 vertices named a joint twice" in line]


def test_sets_of_joints_are_counted_from_0(tmp_path: Path) -> None:
    build = skinned([{}], [1], scenes=[{"nodes": [0, 1]}])
    attributes = build.json["meshes"][0]["primitives"][0]["attributes"]
    attributes |= {"JOINTS_2": attributes.pop("JOINTS_0"), "WEIGHTS_2": attributes.pop("WEIGHTS_0")}
    scene = read(tmp_path, build)
    assert set(scene.meshes[0].primitives[0].attributes) == {"POSITION", "JOINTS_0", "WEIGHTS_0"}
    assert scene.nodes[0].skin == 0


def test_bind_matrices_end_in_0_0_0_1(tmp_path: Path) -> None:
    """Rounding is mended, anything else refused."""
    build = skinned([{}], [1], scenes=[{"nodes": [0, 1]}])
    matrix = np.eye(4, dtype=np.float32).reshape(1, 16)
    matrix[0, 15] = 0.9999999
    build.json["skins"][0]["inverseBindMatrices"] = build.accessor(matrix)
    scene = read(tmp_path, build)
    assert np.array_equal(scene.arrays[0], np.eye(4, dtype=np.float32)[None])
    assert [line for line in scene.repairs if line.startswith("W_SKIN /skins/0/inverseBindMatrices")]
    matrix[0, 15] = 0
    build.json["skins"][0]["inverseBindMatrices"] = build.accessor(matrix)
    assert refusal(tmp_path, build).code == "E_SKIN"
