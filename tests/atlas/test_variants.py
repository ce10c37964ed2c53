"""The rules by which what the variants of an asset show is merged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Image, Json, Material, Primitive, Scene
from assetpipe.atlas import Merged, merge
from assetpipe.container import prune
from tests.atlas.looks import FINE, looks, pictures, quad, scene, settings, square
from tests.atlas.merging import noise, painted
from tests.textures.pictures import bumps, cloth, png

VARIANTS = "KHR_materials_variants"
NAMES = ("sand", "night", "moss")
UPPER, SOLE = square(0.1, 0.1, 0.9, 0.9), square(0.2, 0.3, 0.7, 0.8)


def worn(primitive: Primitive, *materials: int) -> Primitive:
    """Without a variant it shows the first."""
    mappings = [{"material": each, "variants": [at]} for at, each in enumerate(materials)]
    return replace(primitive, json={"material": materials[0], "extensions": {VARIANTS: {"mappings": mappings}}})


def offered(primitives: list[Primitive], materials: list[Material], images: list[Image]) -> Scene:
    return scene(primitives, materials, images, extensions={VARIANTS: {"variants": [{"name": each} for each in NAMES]}})


def shoe(side: int = 64) -> Scene:
    """Two parts in three colours, with one normal map for each part in all of them."""
    images = [png(cloth(side, seed=at)) for at in range(6)] + [png(bumps(side)), png(bumps(side)[::-1].copy())]
    materials = [
        Material({**painted(at, name=f"{part}-{name}").json, "normalTexture": {"index": bump}})
        for at, (part, bump, name) in enumerate(
            (part, bump, name) for part, bump in (("upper", 6), ("sole", 7)) for name in NAMES
        )
    ]
    return offered([worn(quad(UPPER, 0), 0, 1, 2), worn(quad(SOLE, 0, at=2), 3, 4, 5)], materials, images)


def variant(found: Scene, number: int) -> Scene:
    """What a viewer shows of it: of what a primitive does not map it keeps its own material."""
    meshes = []
    for mesh in found.meshes:
        primitives = [replace(each, json={"material": _material(each, number)}) for each in mesh.primitives]
        meshes.append(replace(mesh, primitives=tuple(primitives)))
    return replace(found, meshes=tuple(meshes))


def _material(primitive: Primitive, number: int) -> int:
    mappings = primitive.json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
    named: list[int] = [each["material"] for each in mappings if number in each["variants"]]
    return named[0] if named else primitive.json["material"]


def merged(source: Scene, **changes: object) -> tuple[Scene, tuple[str, ...]]:
    found: Merged = merge(source, settings(**changes), FINE, pictures())
    return prune(found.scene), found.notes


def assert_alike(source: Scene, result: Scene) -> None:
    """Without a variant, and in each."""
    for number in range(-1, len(NAMES)):
        before, after = (looks(variant(each, number)) for each in (source, result))
        for name in before:
            np.testing.assert_allclose(after[name], before[name], atol=0.004, err_msg=f"{name} in {number}")


def base_colours(found: Scene) -> list[int]:
    """Images, by material."""
    textures = found.json["textures"]
    infos: list[Json] = [each.json["pbrMetallicRoughness"]["baseColorTexture"] for each in found.materials]
    return [textures[info["index"]]["source"] for info in infos]


def test_two_parts_in_three_variants_are_drawn_in_one_call_in_each() -> None:
    """One material for each variant, one placement for all: UVs are stored once, and every variant looks as before."""
    source = shoe()
    result, notes = merged(source)
    (primitive,) = result.meshes[0].primitives
    assert [len(result.materials), sorted(primitive.attributes)] == [3, ["NORMAL", "POSITION", "TEXCOORD_0"]]
    assert [_material(primitive, at) for at in range(3)] == [0, 1, 2]
    assert [each.name for each in result.materials] == [f"upper-{name} + sole-{name}" for name in NAMES]
    assert any(note.startswith("6 materials share 3 atlases, one for each look of the variants,") for note in notes)
    assert_alike(source, result)


def test_a_map_that_variants_share_is_painted_once() -> None:
    """Colourways differ in base colour: three pictures of that, one of the normals."""
    result, _ = merged(shoe())
    normals = {each.json["normalTexture"]["index"] for each in result.materials}
    assert [len(result.images), len(set(base_colours(result))), len(normals)] == [4, 3, 1]


def test_variants_that_look_alike_share_a_material() -> None:
    """The third variant shows what the first does, by materials of the same numbers."""
    source = shoe()
    primitives = [worn(quad(UPPER, 0), 0, 1, 0), worn(quad(SOLE, 0, at=2), 3, 4, 3)]
    source = replace(source, meshes=(replace(source.meshes[0], primitives=tuple(primitives)),))
    result, _ = merged(source)
    assert [_material(result.meshes[0].primitives[0], at) for at in range(3)] == [0, 1, 0]
    assert_alike(source, result)


def test_a_part_that_never_changes_joins_those_that_do() -> None:
    """It has no mappings; where draw calls are all that counts it is painted into each variant's atlas."""
    source = shoe()
    primitives = (*source.meshes[0].primitives[:1], quad(SOLE, 3, at=2))
    source = replace(source, meshes=(replace(source.meshes[0], primitives=primitives),))
    result, _ = merged(source)
    assert len(result.meshes[0].primitives) == 1
    assert_alike(source, result)


def test_what_never_changes_has_an_atlas_of_its_own_where_copies_cost_more() -> None:
    """Two parts that all variants show alike, large, beside two that change, small: two draw calls, no map copied."""
    images = [noise(64, seed=at) for at in range(6)] + [noise(512, seed=7), noise(512, seed=8)]
    changing = [worn(quad(UPPER, 0), 0, 1, 2), worn(quad(SOLE, 0, at=2), 3, 4, 5)]
    same = [quad(UPPER, 6, at=4), quad(UPPER, 7, at=6)]
    source = offered([*changing, *same], [painted(at) for at in range(8)], images)
    result, _ = merged(source, atlas="auto", atlas_draw_texels=400_000, atlas_loss=100.0)
    assert [len(result.meshes[0].primitives), len(result.images)] == [2, 4]
    assert_alike(source, result)


def test_variants_are_left_alone_where_their_atlases_cost_more_than_draw_calls_save() -> None:
    """Colours by a factor over one map that all share: three pictures instead of one, and the notes say so."""
    tones = [Material({**painted(0, name=f"tone {at}").json}) for at in range(6)]
    tones = [
        Material(
            {**each.json, "pbrMetallicRoughness": {**each.json["pbrMetallicRoughness"], "baseColorFactor": colour}}
        )
        for each, colour in zip(tones, np.random.default_rng(1).random((6, 4)).round(2).tolist(), strict=True)
    ]
    parts = [worn(quad(UPPER, 0), 0, 1, 2), worn(quad(UPPER, 0, at=2), 3, 4, 5)]
    source = offered(parts, tones, [noise(512)])
    result, notes = merged(source, atlas="auto", atlas_draw_texels=100_000)
    assert [len(result.meshes[0].primitives), len(result.materials)] == [2, 6]
    assert any("tone 0 / tone 1 / tone 2" in note and "saves 1 draw call and costs" in note for note in notes)
    assert any(note.endswith("million texels, and a call is worth 0.1 million (atlas_draw_texels)") for note in notes)


@pytest.mark.parametrize("more", [{"alphaMode": "BLEND"}, {"doubleSided": True}])
def test_parts_that_part_in_one_variant_stay_apart_in_all(more: Json) -> None:
    """See-through, or seen from behind, in the second variant: one primitive has one material at a time."""
    source = shoe()
    materials = [*source.materials]
    materials[4] = Material({**materials[4].json, **more})
    source = replace(source, materials=tuple(materials))
    result, _ = merged(source)
    assert len(result.meshes[0].primitives) == 2
    assert_alike(source, result)


def test_maps_of_other_sizes_and_places_fit_the_same_uvs() -> None:
    """One variant's map is larger, another's is turned: all are painted into the place that the finest one asks for."""
    source = shoe()
    turned = {"rotation": np.pi / 2, "offset": [0.1, 0.2]}
    materials = [*source.materials]
    materials[1] = painted(1, turned)
    source = replace(source, materials=tuple(materials), images=(*source.images[:2], noise(128), *source.images[3:]))
    result, _ = merged(source)
    assert len(result.meshes[0].primitives) == 1
    before, after = (looks(variant(each, 1)) for each in (source, result))
    np.testing.assert_allclose(after["baseColor"], before["baseColor"], atol=0.02)


def test_what_nobody_maps_in_a_variant_keeps_its_own_material_there() -> None:
    """By KHR_materials_variants: a primitive without a mapping for a variant shows what it shows without one."""
    source = shoe()
    mapping = {"mappings": [{"material": 1, "variants": [1]}]}
    upper = replace(quad(UPPER, 0), json={"material": 0, "extensions": {VARIANTS: mapping}})
    source = replace(source, meshes=(replace(source.meshes[0], primitives=(upper, source.meshes[0].primitives[1])),))
    result, _ = merged(source)
    assert len(result.meshes[0].primitives) == 1
    assert_alike(source, result)


def test_sources_are_not_written_into() -> None:
    """Values are never mutated."""
    source = shoe()
    before: list[Array] = [each.attributes["TEXCOORD_0"].copy() for each in source.meshes[0].primitives]
    said = str(source.json) + str([each.json for each in (*source.materials, *source.meshes[0].primitives)])
    merged(source)
    for each, uvs in zip(source.meshes[0].primitives, before, strict=True):
        np.testing.assert_array_equal(each.attributes["TEXCOORD_0"], uvs)
    assert said == str(source.json) + str([each.json for each in (*source.materials, *source.meshes[0].primitives)])
