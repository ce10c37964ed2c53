"""The rules by which materials stay apart, and what the merged one says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Material, Scene
from tests.atlas.looks import pictures, quad, scene, square
from tests.atlas.merging import merged, noise, painted
from tests.textures.pictures import bumps, png


@pytest.mark.parametrize(
    "other",
    [
        {"alphaMode": "BLEND"},
        {"alphaMode": "MASK"},
        {"doubleSided": True},
        {"extensions": {"KHR_materials_unlit": {}}},
        {"extensions": {"KHR_materials_ior": {"ior": 1.8}}},
        {"extensions": {"KHR_materials_transmission": {"transmissionFactor": 1}}},
        {"extensions": {"VENDOR_glitter": {"size": 3}}},
    ],
)
def test_what_cannot_be_a_texel_keeps_materials_apart(other: Json) -> None:
    """Alpha mode, sidedness, refraction, unknown extensions."""
    source = scene(
        [quad(square(0, 0, 1, 1), 0), quad(square(0, 0, 1, 1), 1, at=2)],
        [painted(0), painted(0, **other)],
        [noise(16)],
    )
    assert len(merged(source).materials) == 2


def test_a_coat_that_one_member_lacks_is_zero_there() -> None:
    """Both become one material with a map of the coat."""
    coat = {"clearcoatFactor": 0.8, "clearcoatRoughnessFactor": 0.4}
    source = scene(
        [quad(square(0, 0, 1, 1), 0), quad(square(0, 0, 1, 1), 1, at=2)],
        [painted(None, extensions={"KHR_materials_clearcoat": coat}), painted(None)],
        [],
    )
    result = merged(source)
    found = result.materials[0].json["extensions"]["KHR_materials_clearcoat"]
    index = result.json["textures"][found["clearcoatTexture"]["index"]]["source"]
    pixels = pictures().decode(result.images[index])
    columns, rows = ((result.meshes[0].primitives[0].attributes["TEXCOORD_0"] * pixels.shape[1::-1]).astype(int)).T
    assert found["clearcoatFactor"] == 0.8
    assert pixels[rows[:4], columns[:4], 0].tolist() == [255] * 4
    assert pixels[rows[4:], columns[4:], 0].tolist() == [0] * 4


def test_what_stays_apart_is_renumbered_wherever_it_is_named() -> None:
    """Here in a variant, in which it is see-through, and so cannot be drawn with the others."""
    named = {"KHR_materials_variants": {"mappings": [{"material": 3, "variants": [0]}]}}
    shown = quad(square(0, 0, 1, 1), 2, at=6)
    shown = replace(shown, json={"material": 2, "extensions": named})
    source = scene(
        [quad(square(0, 0, 1, 1), 0), quad(square(0, 0, 1, 1), 1, at=2), shown],
        [painted(0, name="a"), painted(1, name="b"), painted(0, name="c"), painted(1, name="d", alphaMode="BLEND")],
        [noise(16), noise(16, seed=3)],
        extensions={"KHR_materials_variants": {"variants": [{"name": "clear"}]}},
    )
    result = merged(source)
    assert [each.name for each in result.materials] == ["a + b", "c", "d"]
    mapping = result.meshes[0].primitives[1].json["extensions"]["KHR_materials_variants"]["mappings"][0]
    assert [result.meshes[0].primitives[1].material, mapping["material"]] == [1, 2]


def test_colours_of_vertices_stay_and_white_stands_for_none() -> None:
    """COLOR_0 multiplies as before; a member without it gets white."""
    tinted = quad(square(0, 0, 1, 1), 0, COLOR_0=np.full((4, 3), 0.5, np.float32))
    source = scene(
        [tinted, quad(square(0, 0, 1, 1), 1, at=2)], [painted(0), painted(1)], [noise(16), noise(16, seed=2)]
    )
    (primitive,) = merged(source).meshes[0].primitives
    assert primitive.attributes["COLOR_0"].tolist() == [[0.5] * 3] * 4 + [[1.0] * 3] * 4


def test_tangents_of_one_member_are_had_by_all() -> None:
    """Charts are not turned, so those that there are stay right; the others follow from the new UVs."""
    tangents = np.tile(np.array([0.8, 0.6, 0, 1], np.float32), (4, 1))
    (primitive,) = merged(_bumpy_and_plain(tangents)).meshes[0].primitives
    found = primitive.attributes["TANGENT"]
    np.testing.assert_allclose(found[:4], tangents, atol=1e-6)
    np.testing.assert_allclose(found[4:], np.tile([1, 0, 0, 1], (4, 1)), atol=1e-6)


def test_tangents_that_viewers_make_themselves_are_left_out() -> None:
    """Only where their direction and their side are those that follow from UVs and normals."""
    same, mirrored = (
        np.tile(np.array([1, 0.01, 0, 1], np.float32), (4, 1)),
        np.tile(np.array([1, 0, 0, -1], np.float32), (4, 1)),
    )
    assert "TANGENT" not in merged(_bumpy_and_plain(same)).meshes[0].primitives[0].attributes
    assert "TANGENT" in merged(_bumpy_and_plain(mirrored)).meshes[0].primitives[0].attributes


def _bumpy_and_plain(tangents: Array) -> Scene:
    return scene(
        [quad(square(0, 0, 1, 1), 0, TANGENT=tangents), quad(square(0, 0, 1, 1), 1, at=2)],
        [Material({"normalTexture": {"index": 0}}), painted(1)],
        [png(bumps(32)), noise(32)],
    )


def test_anisotropy_that_becomes_a_map_comes_with_tangents() -> None:
    """Khronos' validator refuses a map of directions on a mesh without any; x follows u, as viewers have it."""
    source = scene(
        [quad(square(0, 0, 1, 1), 0), quad(square(0, 0, 1, 1), 1, at=2)],
        [
            painted(0, extensions={"KHR_materials_anisotropy": {"anisotropyStrength": strength}})
            for strength in (0.2, 0.8)
        ],
        [noise(16)],
    )
    (primitive,) = merged(source).meshes[0].primitives
    np.testing.assert_allclose(primitive.attributes["TANGENT"], np.tile([1, 0, 0, 1], (8, 1)), atol=1e-6)
