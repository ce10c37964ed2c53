"""Tangents where a material cannot do without and no normal map gives them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from assetpipe.asset import Array, Json
from tests.sources.build import CORNERS, Build, read, refusal
from tests.sources.test_images import picture, textured

COAT: Json = {"extensions": {"KHR_materials_clearcoat": {"clearcoatNormalTexture": {"index": 0}}}}
UP = np.array([[0, 0, 1]] * 4, np.float32)
UPRIGHT = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], np.float32)


def coated(uvs: Array, material: Json = COAT, *, normals: bool = True) -> Build:
    build = textured(picture())
    build.json["materials"] = [material]
    primitive = build.json["meshes"][0]["primitives"][0]
    primitive["material"] = 0
    primitive["attributes"]["TEXCOORD_0"] = build.accessor(uvs)
    if normals:
        primitive["attributes"]["NORMAL"] = build.accessor(UP)
    return build


@pytest.mark.parametrize(
    ("uvs", "tangent"),
    [
        pytest.param(UPRIGHT, [1, 0, 0, 1], id="as seen"),
        pytest.param(1 - UPRIGHT, [-1, 0, 0, 1], id="turned"),
        pytest.param(UPRIGHT * [-1, 1], [-1, 0, 0, -1], id="mirrored"),
        pytest.param(UPRIGHT * [3, 0.5], [1, 0, 0, 1], id="stretched"),
    ],
)
def test_a_tangent_points_where_u_grows_and_its_side_where_the_picture_is_up(
    tmp_path: Path, uvs: Array, tangent: list[float]
) -> None:
    """cross(normal, tangent) * w is the way up in the picture, against V."""
    scene = read(tmp_path, coated(uvs.astype(np.float32)))
    found = scene.meshes[0].primitives[0]
    assert np.allclose(found.attributes["TANGENT"], [tangent] * 4)
    assert np.array_equal(found.positions, CORNERS)
    assert [line for line in scene.repairs if line.startswith("W_TANGENT /meshes/0/primitives/0")]


@pytest.mark.parametrize(
    ("transform", "tangent"), [({"rotation": math.pi / 2}, [0, -1, 0, 1]), ({"scale": [-1, 1]}, [-1, 0, 0, -1])]
)
def test_a_picture_that_is_turned_turns_its_tangents(tmp_path: Path, transform: Json, tangent: list[float]) -> None:
    """KHR_texture_transform: viewers make tangents where the picture lies, not where the UVs do."""
    moved = {"clearcoatNormalTexture": {"index": 0, "extensions": {"KHR_texture_transform": transform}}}
    scene = read(tmp_path, coated(UPRIGHT, {"extensions": {"KHR_materials_clearcoat": moved}}))
    assert np.allclose(scene.meshes[0].primitives[0].attributes["TANGENT"], [tangent] * 4, atol=1e-6)


def test_where_mirrored_uvs_meet_a_vertex_becomes_two(tmp_path: Path) -> None:
    """The surface stays; the two halves of the square have one side each."""
    uvs = np.array([[0, 1], [1, 1], [1, 0], [0, 1]], np.float32)
    found = read(tmp_path, coated(uvs)).meshes[0].primitives[0]
    assert len(found.positions) == 6
    assert np.array_equal(found.positions[found.indices], CORNERS[[0, 1, 2, 2, 1, 3]])
    sides = found.attributes["TANGENT"][found.indices, 3].reshape(2, 3)
    assert sorted(sides.tolist()) == [[-1] * 3, [1] * 3]


def test_uvs_without_area_still_give_unit_tangents_across_the_normal(tmp_path: Path) -> None:
    found = read(tmp_path, coated(np.zeros((4, 2), np.float32))).meshes[0].primitives[0].attributes["TANGENT"]
    assert np.allclose(np.linalg.norm(found[:, :3], axis=1), 1)
    assert not found[:, 2].any()


def test_without_normals_the_triangles_become_flat(tmp_path: Path) -> None:
    found = read(tmp_path, coated(UPRIGHT, normals=False)).meshes[0].primitives[0]
    assert np.array_equal(found.positions[found.indices], CORNERS[[0, 1, 2, 2, 1, 3]])
    assert np.allclose(found.attributes["NORMAL"], [0, 0, 1])
    assert np.allclose(found.attributes["TANGENT"], [1, 0, 0, 1])


def test_a_normal_map_of_the_surface_is_enough(tmp_path: Path) -> None:
    """Viewers make tangents for it, all by the same rule; ours would only differ."""
    scene = read(tmp_path, coated(UPRIGHT, {**COAT, "normalTexture": {"index": 0}}))
    assert "TANGENT" not in scene.meshes[0].primitives[0].attributes
    assert scene.repairs == ()


def test_lines_in_such_a_material_are_refused(tmp_path: Path) -> None:
    build = coated(UPRIGHT)
    build.json["meshes"][0]["primitives"][0]["mode"] = 1
    del build.json["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]
    assert refusal(tmp_path, build).code == "E_TANGENT"
