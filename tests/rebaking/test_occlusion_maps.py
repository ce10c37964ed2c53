"""Ambient occlusion on request: in which UVs it comes, and what stays as its author made it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Json, Mesh
from tests.rebaking.skies import GREY, assert_ball_is_there, ball, floor, occluded, shade, still
from tests.textures.pictures import png

WOOD: Json = {"name": "wood", "pbrMetallicRoughness": {"metallicRoughnessTexture": {"index": 0}}}


def test_a_ball_on_a_floor_darkens_what_its_form_factor_says() -> None:
    """Two meshes on two nodes: dark beneath it, light far away. The floor's own UVs serve, and a note says so."""
    found = occluded(still(floor(), ball()))
    assert_ball_is_there(found.scene)
    assert found.scene.meshes[0].primitives[0].attributes.keys() == {"POSITION", "NORMAL", "TEXCOORD_0"}
    assert found.notes == ("grey, grey: ambient occlusion baked from the source into UVs that it had",)


def test_a_map_that_tiles_goes_on_tiling() -> None:
    """UVs from 0 to 4: the map gets a set of its own, and the others their own set and texels as before."""
    source = still(floor(tiles=4.0), ball(), materials=[WOOD, GREY], images=[png(np.full((4, 4, 3), 90, np.uint8))])
    found = occluded(source).scene
    assert_ball_is_there(found)
    made, (primitive,) = found.materials[0].json, found.meshes[0].primitives
    assert made["pbrMetallicRoughness"] == WOOD["pbrMetallicRoughness"]
    assert made["occlusionTexture"]["texCoord"] == 1
    lattice = primitive.positions[:, [0, 2]] / 2 + 0.5
    np.testing.assert_allclose(primitive.attributes["TEXCOORD_0"], lattice * 4, atol=1e-5)
    assert "TANGENT" not in primitive.attributes


def test_charts_that_lie_a_tile_away_show_the_map_there() -> None:
    """UVs stay; the picture repeats."""
    away = floor()
    moved = replace(away, attributes={**away.attributes, "TEXCOORD_0": away.attributes["TEXCOORD_0"] + np.float32(3)})
    found = occluded(still(moved, ball())).scene
    (primitive,) = found.meshes[0].primitives
    sampler = found.json["samplers"][
        found.json["textures"][found.materials[0].json["occlusionTexture"]["index"]]["sampler"]
    ]
    assert sampler["wrapS"] == sampler["wrapT"] == 10497
    np.testing.assert_array_equal(primitive.attributes["TEXCOORD_0"], moved.attributes["TEXCOORD_0"])
    home = {**primitive.attributes, "TEXCOORD_0": primitive.attributes["TEXCOORD_0"] - np.float32(3)}
    assert_ball_is_there(replace(found, meshes=(Mesh((replace(primitive, attributes=home),)), *found.meshes[1:])))


@pytest.mark.parametrize("material", [0, None])
def test_what_has_no_uvs_is_unwrapped(material: int | None) -> None:
    """And what has no material gets one."""
    bare = floor(material=material)
    bare = replace(bare, attributes={name: bare.attributes[name] for name in ("POSITION", "NORMAL")})
    found = occluded(still(bare, ball())).scene
    number = found.meshes[0].primitives[0].material
    assert number == (0 if material == 0 else 2)
    assert_ball_is_there(found, material=number or 0)


def test_parts_of_one_material_with_other_sets_of_uvs_get_one_that_all_have() -> None:
    """A part without UVs and one with two sets, of which nothing is looked up: TEXCOORD_0 for both, without gaps."""
    bare, rich = floor(tiles=2.0), ball(0)
    uvs = rich.attributes["TEXCOORD_0"]
    bare = replace(bare, attributes={name: bare.attributes[name] for name in ("POSITION", "NORMAL")})
    rich = replace(rich, attributes={**rich.attributes, "TEXCOORD_1": uvs * 2})
    found = occluded(still(bare, rich)).scene
    for mesh in found.meshes:
        assert [name for name in mesh.primitives[0].attributes if name.startswith("TEXCOORD")] == ["TEXCOORD_0"]
    assert_ball_is_there(found)


def test_an_authors_map_is_kept() -> None:
    """Shaded all over: neither texels nor UVs change, and a note says whose it is."""
    painted = {**GREY, "name": "painted", "occlusionTexture": {"index": 0, "strength": 0.5}}
    source = still(floor(), ball(), materials=[painted, GREY], images=[png(np.full((8, 8, 3), 200, np.uint8))])
    found = occluded(source)
    assert found.scene.materials[0].json == painted
    assert found.scene.meshes[0] is source.meshes[0]
    assert "painted: keeps the ambient occlusion of its author" in found.notes


def test_nothing_is_staged_where_all_maps_are_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million triangles that would be seconds."""
    monkeypatch.setattr("assetpipe.rebaking.occlusion.stage_source", lambda *_: pytest.fail("staged"))
    painted = {**GREY, "occlusionTexture": {"index": 0}}
    found = occluded(still(floor(), ball(0), materials=[painted], images=[png(np.full((8, 8, 3), 200, np.uint8))]))
    assert found.notes == ("grey: keeps the ambient occlusion of its author",)


def test_merged_materials_of_which_one_was_painted_get_the_darker_of_both() -> None:
    """Of one map the floor's part is white, as merging leaves what had none, the ball's grey at half its strength."""
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[:, 32:] = 155
    half = np.array([0.5, 1.0], np.float32)
    low, high = floor(), ball(0)
    low = replace(
        low, attributes={**low.attributes, "TEXCOORD_0": low.attributes["TEXCOORD_0"] * half * np.float32(0.9)}
    )
    uvs = high.attributes["TEXCOORD_0"] * half * np.float32(0.9) + np.array([0.53, 0], np.float32)
    high = replace(high, attributes={**high.attributes, "TEXCOORD_0": uvs.astype(np.float32)})
    shared = {"name": "a + b", "occlusionTexture": {"index": 0, "strength": 0.5}}
    found = occluded(still(low, high, materials=[shared], images=[png(pixels)]))
    assert_ball_is_there(found.scene)
    seen, points = shade(found.scene, mesh=1)
    above = points[:, 1] > 0.1
    np.testing.assert_allclose(seen[above], 205 / 255, atol=0.01)
    assert found.scene.materials[0].json["occlusionTexture"].keys() == {"index"}
    assert any("with what its author had painted" in note for note in found.notes)


def test_variants_that_lack_a_map_share_one() -> None:
    """Three colours of the floor, of which one has a map of its author's."""
    painted = {"name": "painted", "occlusionTexture": {"index": 0}}
    rows = [{"material": at, "variants": [at]} for at in range(3)]
    worn = {"material": 0, "extensions": {"KHR_materials_variants": {"mappings": rows}}}
    source = still(
        replace(floor(), json=worn),
        ball(3),
        materials=[GREY, {"name": "red"}, painted, GREY],
        images=[png(np.full((8, 8, 3), 99, np.uint8))],
    )
    variants = {"KHR_materials_variants": {"variants": [{"name": name} for name in "abc"]}}
    found = occluded(replace(source, json={**source.json, "extensions": variants})).scene
    one, other, kept = (each.json["occlusionTexture"]["index"] for each in found.materials[:3])
    assert one == other != kept == 0
    assert_ball_is_there(found)


def test_a_variant_without_light_leaves_an_authors_map_alone() -> None:
    """In one variant the floor has a map that is white in places, in the other it is drawn as it is."""
    pixels = np.full((8, 8, 3), 255, np.uint8)
    materials = [{"name": "a", "occlusionTexture": {"index": 0}}, {"extensions": {"KHR_materials_unlit": {}}}]
    rows = [{"material": 1, "variants": [0]}]
    worn = {"material": 0, "extensions": {"KHR_materials_variants": {"mappings": rows}}}
    source = still(replace(floor(), json=worn), ball(2), materials=[*materials, GREY], images=[png(pixels)])
    variants = {"KHR_materials_variants": {"variants": [{"name": "a"}]}}
    found = occluded(replace(source, json={**source.json, "extensions": variants})).scene
    assert found.materials[:2] == source.materials[:2]


def test_a_material_that_other_meshes_show_is_copied() -> None:
    """Of two floors in two variants' rows each gets the map that belongs to it."""
    rows = [{"material": 1, "variants": [0]}]
    worn = {"material": 0, "extensions": {"KHR_materials_variants": {"mappings": rows}}}
    source = still(floor(), replace(ball(), json=worn))
    variants = {"KHR_materials_variants": {"variants": [{"name": "a"}]}}
    found = occluded(replace(source, json={**source.json, "extensions": variants})).scene
    shown = found.meshes[0].primitives[0].material
    assert shown != found.meshes[1].primitives[0].material
    assert_ball_is_there(found, material=shown or 0)


def test_what_lines_show_too_is_left_alone() -> None:
    """They have no place in the map."""
    lines = replace(floor(), mode=1, indices=np.array([0, 1], np.uint32))
    source = still(floor(), ball())
    source = replace(source, meshes=(Mesh((floor(), lines)), source.meshes[1]))
    found = occluded(source)
    assert found.scene.meshes[0] is source.meshes[0]
    assert "grey: no ambient occlusion baked because lines or points show it" in found.notes
