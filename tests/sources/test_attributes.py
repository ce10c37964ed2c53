"""Values of attributes: what is no number, has no length or no partner is mended by place, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import Array
from tests.sources.build import CORNERS, QUAD, Build, quad, read, refusal
from tests.sources.test_geometry import one, with_attribute


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_positions_that_are_not_finite_are_refused_with_count_and_place(tmp_path: Path, value: float) -> None:
    broken = CORNERS.copy()
    broken[2:, 1] = value
    build = Build()
    build.mesh({"attributes": {"POSITION": build.accessor(broken)}, "indices": build.accessor(QUAD)})
    error = refusal(tmp_path, build)
    assert error.code == "E_NONFINITE"
    assert "2 of 4 positions are not finite; first [2]" in error.message


def test_positions_beyond_reason_are_refused(tmp_path: Path) -> None:
    build = Build()
    build.mesh(
        {"attributes": {"POSITION": build.accessor(CORNERS * np.float32(1e30))}, "indices": build.accessor(QUAD)}
    )
    assert refusal(tmp_path, build).code == "E_EXTENT"


UP = np.tile(np.array([[0, 0, 1]], np.float32), (4, 1))


def test_normals_get_unit_length_without_a_word(tmp_path: Path) -> None:
    scene = read(tmp_path, with_attribute("NORMAL", UP * np.float32(3)))
    assert np.allclose(scene.meshes[0].primitives[0].attributes["NORMAL"], UP)
    assert scene.repairs == ()


def test_a_normal_without_length_comes_from_its_faces(tmp_path: Path) -> None:
    broken = UP.copy()
    broken[1] = 0
    scene = read(tmp_path, with_attribute("NORMAL", broken))
    assert np.allclose(scene.meshes[0].primitives[0].attributes["NORMAL"], UP)
    assert [line for line in scene.repairs if line.startswith("W_NORMAL")]


@pytest.mark.parametrize("semantic", ["NORMAL", "TANGENT"])
def test_directions_that_are_not_finite_are_dropped(tmp_path: Path, semantic: str) -> None:
    broken = np.ones((4, 3 if semantic == "NORMAL" else 4), np.float32)
    broken[3, 0] = np.nan
    scene = read(tmp_path, with_attribute(semantic, broken))
    assert semantic not in scene.meshes[0].primitives[0].attributes
    assert [line for line in scene.repairs if f"{semantic} dropped: 1 of 4" in line]


def test_a_hole_in_the_uvs_does_not_cost_the_texture(tmp_path: Path) -> None:
    broken = CORNERS[:, :2].copy()
    broken[0, 0] = np.inf
    scene = read(tmp_path, with_attribute("TEXCOORD_0", broken))
    assert scene.meshes[0].primitives[0].attributes["TEXCOORD_0"].tolist()[0] == [0, 0]
    assert [line for line in scene.repairs if line.startswith("W_NONFINITE")]


def test_colours_keep_their_components_and_are_clamped(tmp_path: Path) -> None:
    rgb = with_attribute("COLOR_0", np.array([[0, 51, 255]] * 4, np.uint8), normalized=True)
    rgb.json["accessors"][2] |= {"bufferView": rgb.view(bytes([0, 51, 255, 0] * 4), byteStride=4)}
    assert np.allclose(one(tmp_path, rgb).attributes["COLOR_0"], [[0, 0.2, 1]] * 4)
    scene = read(tmp_path, with_attribute("COLOR_0", np.array([[-1, 0.5, 2, 1]] * 4, np.float32)))
    assert scene.meshes[0].primitives[0].attributes["COLOR_0"].tolist()[0] == [0, 0.5, 1, 1]
    assert [line for line in scene.repairs if line.startswith("W_RANGE")]


def skinned(weights: list[Array], joints: list[Array]) -> Build:
    build = quad(nodes=[{"mesh": 0, "skin": 0}, {}, {}], skins=[{"joints": [1, 2]}])
    attributes = build.json["meshes"][0]["primitives"][0]["attributes"]
    for number, (weight, joint) in enumerate(zip(weights, joints, strict=True)):
        attributes[f"WEIGHTS_{number}"] = build.accessor(weight)
        attributes[f"JOINTS_{number}"] = build.accessor(joint)
    return build


def test_weights_sum_to_one_over_all_sets(tmp_path: Path) -> None:
    """More than four joints per vertex are kept; joints become uint16; unused ones point at joint 0."""
    joints = np.array([[0, 1, 1, 1]] * 4, np.uint8)
    weights = np.array([[1, 2, 0, 0]] * 4, np.float32)
    build = skinned([weights, weights], [joints, joints + np.uint8(2)])
    build.json["nodes"] = [{"mesh": 0, "skin": 0}, *({} for _ in range(4))]
    build.json["skins"] = [{"joints": [1, 2, 3, 4]}]
    attributes = one(tmp_path, build).attributes
    assert attributes["JOINTS_1"].dtype == np.uint16
    assert attributes["JOINTS_1"].tolist()[0] == [2, 3, 0, 0]
    total = attributes["WEIGHTS_0"].sum(axis=1) + attributes["WEIGHTS_1"].sum(axis=1)
    assert np.allclose(total, 1)


def test_a_joint_that_the_skin_does_not_have_is_refused(tmp_path: Path) -> None:
    weights, joints = np.array([[1, 0, 0, 0]] * 4, np.float32), np.array([[2, 0, 0, 0]] * 4, np.uint8)
    error = refusal(tmp_path, skinned([weights], [joints]))
    assert error.code == "E_JOINTS"
    assert "2 joints" in error.message


def test_weights_need_their_joints(tmp_path: Path) -> None:
    assert refusal(tmp_path, with_attribute("WEIGHTS_0", np.ones((4, 4), np.float32))).code == "E_JOINTS"


def test_attributes_of_another_length_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, with_attribute("NORMAL", UP[:3]))
    assert error.code == "E_ATTRIBUTE_COUNT"
    assert "/meshes/0/primitives/0/attributes/NORMAL: 3 elements, but POSITION has 4" in error.message


def test_morph_targets_are_float_differences(tmp_path: Path) -> None:
    build = quad()
    build.json["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": build.accessor(CORNERS * np.float32(0.5))}]
    build.json["meshes"][0]["weights"] = [0.25]
    scene = read(tmp_path, build)
    assert np.array_equal(scene.meshes[0].primitives[0].targets[0]["POSITION"], CORNERS * 0.5)
    assert scene.meshes[0].json["weights"] == [0.25]


def test_primitives_over_one_vertex_buffer_share_what_was_mended(tmp_path: Path) -> None:
    """A hundred primitives over a million normals that are too long must not become a hundred copies."""
    build = with_attribute("NORMAL", UP * np.float32(3))
    entry = build.json["meshes"][0]["primitives"][0]
    build.json["meshes"][0]["primitives"] = [dict(entry) for _ in range(3)]
    found = [primitive.attributes["NORMAL"] for primitive in read(tmp_path, build).meshes[0].primitives]
    assert found[0] is found[1] is found[2]
    assert np.allclose(found[0], UP)


def test_good_weights_are_not_copied(tmp_path: Path) -> None:
    weights, joints = np.array([[1, 0, 0, 0]] * 4, np.float32), np.array([[1, 0, 0, 0]] * 4, np.uint16)
    attributes = one(tmp_path, skinned([weights], [joints])).attributes
    assert not attributes["WEIGHTS_0"].flags.owndata
    assert attributes["JOINTS_0"].tolist() == joints.tolist()
