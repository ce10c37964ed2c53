"""Properties that are right alone and wrong together: cameras, lights, materials, variants, attributes, extensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.asset import Json
from tests.sources.build import CORNERS, Build, quad, read, refusal
from tests.sources.test_images import picture, textured

PERSPECTIVE = {"yfov": 1, "znear": 0.1, "zfar": 9}
ORTHOGRAPHIC = {"xmag": 1, "ymag": 1, "znear": 0.1, "zfar": 9}


def lit(light: Json) -> Build:
    return quad(extensions={"KHR_lights_punctual": {"lights": [light]}}, extensionsUsed=["KHR_lights_punctual"])


@pytest.mark.parametrize(
    "camera",
    [
        {"type": "perspective"},
        {"type": "orthographic", "orthographic": {**ORTHOGRAPHIC, "xmag": 0}},
        {"type": "orthographic", "orthographic": {**ORTHOGRAPHIC, "zfar": 0.1}},
    ],
)
def test_a_camera_that_shows_nothing_is_refused(tmp_path: Path, camera: Json) -> None:
    error = refusal(tmp_path, quad(cameras=[camera]))
    assert (error.code, "/cameras/0" in error.message) == ("E_SCHEMA", True)


def test_a_camera_has_the_lens_of_its_type_and_sees_beyond_its_near_plane(tmp_path: Path) -> None:
    near = {"yfov": 1, "znear": 0.1}
    both = {"type": "perspective", "perspective": {**near, "zfar": 0.1}, "orthographic": ORTHOGRAPHIC}
    scene = read(tmp_path, quad(cameras=[both]))
    assert scene.json["cameras"] == [{"type": "perspective", "perspective": near}]
    assert len([line for line in scene.repairs if line.startswith("W_CAMERA /cameras/0")]) == 2


def test_a_spot_has_a_cone_whose_inside_is_narrower(tmp_path: Path) -> None:
    found = read(tmp_path, lit({"type": "spot"})).json["extensions"]["KHR_lights_punctual"]["lights"][0]
    assert found == {"type": "spot", "spot": {}}
    scene = read(tmp_path, lit({"type": "spot", "spot": {"innerConeAngle": 0.5, "outerConeAngle": 0.5}}))
    cone = scene.json["extensions"]["KHR_lights_punctual"]["lights"][0]["spot"]
    assert 0.49 < cone["innerConeAngle"] < cone["outerConeAngle"] == 0.5
    assert [line for line in scene.repairs if line.startswith("W_LIGHT")]
    assert refusal(tmp_path, lit({"type": "spot", "spot": {"outerConeAngle": 0}})).code == "E_SCHEMA"


def test_emission_above_1_becomes_strength(tmp_path: Path) -> None:
    """Factor times strength stays what it was."""
    strength = {"KHR_materials_emissive_strength": {"emissiveStrength": 2}}
    scene = read(tmp_path, quad(materials=[{"emissiveFactor": [4, 2, 0], "extensions": strength}]))
    material = scene.materials[0].json
    assert material["emissiveFactor"] == [1, 0.5, 0]
    assert material["extensions"] == {"KHR_materials_emissive_strength": {"emissiveStrength": 8}}


@pytest.mark.parametrize(("given", "kept"), [(0, 0), (1.5, 1.5), (0.5, 1), (-1, 1)])
def test_an_index_of_refraction_is_0_or_at_least_1(tmp_path: Path, given: float, kept: float) -> None:
    scene = read(tmp_path, quad(materials=[{"extensions": {"KHR_materials_ior": {"ior": given}}}]))
    assert scene.materials[0].json["extensions"]["KHR_materials_ior"]["ior"] == kept


def test_a_variant_has_one_material_the_first(tmp_path: Path) -> None:
    variants = {"KHR_materials_variants": {"variants": [{"name": "red"}, {"name": "blue"}]}}
    build = quad(materials=[{}, {}], extensions=variants)
    mappings = [
        {"material": 0, "variants": [0, 0]},
        {"material": 1, "variants": [0, 1]},
        {"material": 1, "variants": []},
    ]
    build.json["meshes"][0]["primitives"][0]["extensions"] = {"KHR_materials_variants": {"mappings": mappings}}
    scene = read(tmp_path, build)
    found = scene.meshes[0].primitives[0].json["extensions"]["KHR_materials_variants"]["mappings"]
    assert found == [{"material": 0, "variants": [0]}, {"material": 1, "variants": [1]}]
    assert [line for line in scene.repairs if line.startswith("W_VARIANT /meshes/0/primitives/0")]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"materials": [{"pbrMetallicRoughness": {"extensions": {"KHR_materials_ior": {}}}}]}, "/materials/0/pbr"),
        ({"scenes": [{"nodes": [0], "extensions": {"KHR_lights_punctual": {"light": 0}}}]}, "/scenes/0/"),
        ({"nodes": [{"mesh": 0, "extensions": {"KHR_materials_variants": {}}}]}, "/nodes/0/"),
    ],
)
def test_an_extension_at_a_wrong_place_is_dropped(tmp_path: Path, document: dict[str, Any], place: str) -> None:
    scene = read(tmp_path, quad(**document))
    assert "extensions" not in str((scene.json, scene.materials and scene.materials[0].json, scene.nodes[0].json))
    assert [line for line in scene.repairs if line.startswith(f"W_EXT_PLACE {place}")]


def test_extensions_at_their_places_and_unknown_ones_stay(tmp_path: Path) -> None:
    node = {"mesh": 0, "extensions": {"ACME_x": {"extensions": {"KHR_lights_punctual": {}}}}}
    scene = read(tmp_path, quad(nodes=[node], extras={"extensions": {"KHR_lights_punctual": {}}}))
    assert scene.nodes[0].json == node
    assert scene.repairs == ()


def test_a_uv_set_that_a_material_looks_up_is_there_and_its_number_without_a_gap(tmp_path: Path) -> None:
    """Zeros, which is what a renderer reads where there is none; variants count as well."""
    build = textured(picture())
    build.json["materials"] = [{"emissiveTexture": {"index": 0, "texCoord": 1}}]
    build.json["meshes"][0]["primitives"][0] |= {"material": 0}
    attributes = build.json["meshes"][0]["primitives"][0]["attributes"]
    scene = read(tmp_path, build)
    found = scene.meshes[0].primitives[0].attributes
    assert not found["TEXCOORD_0"].any()
    assert not found["TEXCOORD_1"].any()
    assert [line for line in scene.repairs if line.startswith("W_UV /meshes/0/primitives/0: TEXCOORD_0, TEXCOORD_1")]
    attributes["TEXCOORD_1"] = build.accessor(CORNERS[:, :2].copy())
    found = read(tmp_path, build).meshes[0].primitives[0].attributes
    assert not found["TEXCOORD_0"].any()
    assert np.array_equal(found["TEXCOORD_1"], CORNERS[:, :2])


def test_the_uv_set_of_a_transform_is_the_only_one(tmp_path: Path) -> None:
    build = textured(picture())
    info = {"index": 0, "texCoord": 3, "extensions": {"KHR_texture_transform": {"texCoord": 0}}}
    build.json["materials"] = [{"emissiveTexture": info}]
    assert read(tmp_path, build).materials[0].json["emissiveTexture"]["texCoord"] == 0


def test_colours_after_a_gap_are_dropped(tmp_path: Path) -> None:
    build = quad()
    attributes = build.json["meshes"][0]["primitives"][0]["attributes"]
    attributes |= {name: build.accessor(np.ones((4, 4), np.float32)) for name in ("COLOR_0", "COLOR_2")}
    scene = read(tmp_path, build)
    assert set(scene.meshes[0].primitives[0].attributes) == {"POSITION", "COLOR_0"}
    assert [line for line in scene.repairs if "COLOR_2" in line]


@pytest.mark.parametrize(
    ("largest", "kind"), [(65_535, np.uint16), (65_536, np.float32), (1 << 24, np.float32), ((1 << 24) + 1, None)]
)
def test_custom_integers_of_32_bits_become_what_a_vertex_may_have(
    tmp_path: Path, largest: int, kind: type | None
) -> None:
    """Exactly, or not at all."""
    build, values = quad(), np.array([0, 1, 2, largest], np.uint32)
    build.json["meshes"][0]["primitives"][0]["attributes"]["_ID"] = build.accessor(values)
    attributes = read(tmp_path, build).meshes[0].primitives[0].attributes
    assert ("_ID" in attributes) == (kind is not None)
    if kind is not None:
        assert attributes["_ID"].dtype == kind
        assert attributes["_ID"][:, 0].tolist() == values.tolist()


def test_a_morph_target_has_the_components_of_what_it_changes(tmp_path: Path) -> None:
    build = quad()
    build.json["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": build.accessor(CORNERS[:, :2].copy())}]
    assert refusal(tmp_path, build).code == "E_ATTRIBUTE_TYPE"
