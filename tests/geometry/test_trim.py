"""Attributes that no material looks at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Json, Material, Primitive
from assetpipe.geometry import trim_attributes
from tests import shapes


def two_uv_sets() -> Primitive:
    torus = shapes.torus(8, material=0)
    second = torus.attributes["TEXCOORD_0"] * np.float32(0.5)
    return replace(torus, attributes={**torus.attributes, "TEXCOORD_1": second})


def textured(**info: object) -> Material:
    texture: Json = {"index": 0, **info}
    return Material({"pbrMetallicRoughness": {"baseColorTexture": texture}})


def left(primitive: Primitive, *materials: Material) -> Primitive:
    return trim_attributes(shapes.scene(primitive, materials=materials)).scene.meshes[0].primitives[0]


def test_a_uv_set_that_no_texture_uses_goes_and_is_told() -> None:
    """TEXCOORD_1 of a material that only reads TEXCOORD_0."""
    trimmed = trim_attributes(shapes.scene(two_uv_sets(), materials=(textured(),)))
    assert "TEXCOORD_1" not in trimmed.scene.meshes[0].primitives[0].attributes
    assert trimmed.notes == ("TEXCOORD_1, which no material uses, left out of 1 primitive",)


def test_a_uv_set_below_a_used_one_is_blanked() -> None:
    """glTF wants the numbers of UV sets without gaps."""
    primitive = left(two_uv_sets(), textured(texCoord=1))
    assert not primitive.attributes["TEXCOORD_0"].any()
    assert primitive.attributes["TEXCOORD_1"].any()


def test_khr_texture_transform_may_choose_the_uv_set() -> None:
    """Its texCoord wins over that of the textureInfo."""
    info = {"extensions": {"KHR_texture_transform": {"texCoord": 1}}}
    assert "TEXCOORD_1" in left(two_uv_sets(), textured(**info)).attributes


def test_variants_use_uv_sets_too() -> None:
    """KHR_materials_variants: a material that is not shown now may be chosen later."""
    mappings = {"KHR_materials_variants": {"mappings": [{"material": 1, "variants": [0]}]}}
    primitive = replace(two_uv_sets(), json={"material": 0, "extensions": mappings})
    assert "TEXCOORD_1" in left(primitive, textured(), textured(texCoord=1)).attributes


def test_vertices_split_for_a_dropped_attribute_are_joined() -> None:
    """The seams of a torus are there for its UVs alone: without a texture it is a closed net of 8 x 4 vertices."""
    torus = shapes.torus(8)
    rounded = {**torus.attributes, "NORMAL": torus.attributes["NORMAL"].round(6)}
    primitive = left(replace(torus, attributes=rounded))
    assert set(primitive.attributes) == {"POSITION", "NORMAL"}
    assert len(primitive.positions) == 8 * 4


def test_tangents_stay_for_normal_maps_of_any_layer() -> None:
    """Clearcoat has a normal map of its own, anisotropy a direction."""
    torus = shapes.torus(8, material=0)
    primitive = replace(
        torus, attributes={**torus.attributes, "TANGENT": np.ones((len(torus.positions), 4), np.float32)}
    )
    clearcoat = {"KHR_materials_clearcoat": {"clearcoatNormalTexture": {"index": 0}}}
    assert "TANGENT" in left(primitive, Material({"extensions": clearcoat})).attributes
    assert "TANGENT" in left(primitive, Material({"extensions": {"KHR_materials_anisotropy": {}}})).attributes
    assert "TANGENT" not in left(primitive, textured()).attributes


def test_custom_attributes_stay() -> None:
    """Nobody but their owner knows what they are for."""
    torus = shapes.torus(8, material=0)
    primitive = replace(
        torus, attributes={**torus.attributes, "_WEAR": np.zeros((len(torus.positions), 1), np.float32)}
    )
    assert "_WEAR" in left(primitive, textured()).attributes


def test_nothing_to_trim_is_the_same_scene() -> None:
    """No copy, no note."""
    scene = shapes.scene(shapes.torus(8, material=0), materials=(textured(),))
    assert trim_attributes(scene).scene is scene
    assert trim_attributes(scene).notes == ()
