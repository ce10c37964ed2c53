"""The rules by which textures are made anew, and those by which they are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Node, Primitive, Scene
from assetpipe.queries.uv_raster import cover_square
from tests import shapes
from tests.atlas.looks import light
from tests.baking.scenes import at_texels, degrees, shown
from tests.rebaking.levels import (
    coarse,
    decimated,
    level_of,
    nodes,
    normals_at,
    only,
    rebaked,
    scene,
    sheet,
    shown_normals,
    surface,
    texture,
)
from tests.textures.pictures import cloth, png

FIELDS = 8


def checker(px: int = 256) -> Array:
    y, x = np.mgrid[:px, :px] * FIELDS // px
    return np.where((x + y)[..., None] % 2, 255, 0).astype(np.uint8).repeat(3, axis=2)


def colour(number: int = 0) -> Json:
    return {"name": "cloth", "pbrMetallicRoughness": {"baseColorTexture": {"index": number}}}


def scrambled(primitive: Primitive) -> Primitive:
    """UVs as a descent leaves them that lets seams go: nowhere near where they were."""
    uvs = np.random.default_rng(1).random(primitive.attributes["TEXCOORD_0"].shape).astype(np.float32)
    return replace(primitive, attributes={**primitive.attributes, "TEXCOORD_0": uvs})


def seen(found: Scene, primitive: Primitive) -> tuple[Array, Array]:
    """(n, channels) texels of the base colour and where they lie in the mesh."""
    pixels, info = texture(found, "pbrMetallicRoughness", "baseColorTexture", material=primitive.material or 0)
    made = surface(primitive, info.get("texCoord", 0))
    texels = shown(made, len(pixels))
    return pixels[texels.y, texels.x], at_texels(made, made.positions, texels)


def assert_checker(texels: Array, points: Array) -> None:
    """Of the sheet: each texel shows the field that lies there, but for a tenth of a field along the lines."""
    fields = (points[:, [0, 2]] + 1) / 2 * FIELDS
    white = np.floor(fields).astype(int).sum(axis=1) % 2 == 1
    clear = (np.abs(fields - np.round(fields)) > 0.1).all(axis=1)
    assert clear.mean() > 0.5
    assert ((texels[:, 0] > 127) == white)[clear].all()


def test_a_torn_level_is_unwrapped_and_shows_its_checker_in_place() -> None:
    """UVs lie in 0..1 and nowhere on each other, and every line of the checker is where it was in space."""
    source = scene(sheet(), material=colour(), images=(png(checker()),))
    found = rebaked(source, level_of(source, scrambled(coarse()), torn=True))
    primitive = only(found.scene)
    uvs = primitive.attributes["TEXCOORD_0"][primitive.indices]
    assert uvs.min() >= 0
    assert uvs.max() <= 1
    assert cover_square(uvs.reshape(-1, 3, 2).astype(float) * 1024, 1024).overlap < 0.002
    assert_checker(*seen(found.scene, primitive))
    normals, points = shown_normals(found.scene, primitive)
    assert degrees(normals, normals_at(points)).mean() < 1.5
    assert any("unwrapped anew" in note for note in found.notes)


def test_tiles_are_laid_out_where_a_torn_level_needs_them() -> None:
    """A checker of 2 x 2 fields that repeats four times, under KHR_texture_transform: the same fields in space."""
    small = np.zeros((64, 64, 3), np.uint8)
    small[:32, 32:] = small[32:, :32] = 255
    material = colour()
    moved = {"KHR_texture_transform": {"scale": [4, 4], "offset": [1, 0]}}
    material["pbrMetallicRoughness"]["baseColorTexture"]["extensions"] = moved
    source = scene(sheet(), material=material, images=(png(small),))
    found = rebaked(source, level_of(source, scrambled(coarse()), torn=True)).scene
    assert found.materials[0].json["pbrMetallicRoughness"]["baseColorTexture"].keys() == {"index"}
    assert_checker(*seen(found, only(found)))


def test_every_map_of_a_torn_level_is_baked() -> None:
    """Colour, roughness and metal, occlusion, emission, a coat: their texels are the source's, factors stay factors."""
    material = {
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "baseColorFactor": [0.5, 0.5, 0.5, 1],
            "metallicRoughnessTexture": {"index": 1},
            "roughnessFactor": 0.7,
        },
        "occlusionTexture": {"index": 1, "strength": 0.4},
        "emissiveTexture": {"index": 2},
        "emissiveFactor": [0.2, 0.3, 0.4],
        "extensions": {
            "KHR_materials_clearcoat": {"clearcoatFactor": 0.3, "clearcoatTexture": {"index": 1}},
            "KHR_materials_emissive_strength": {"emissiveStrength": 5},
        },
    }
    plain = [(200, 100, 50), (90, 160, 30), (10, 250, 120)]
    source = scene(sheet(), material=material, images=tuple(png(np.full((8, 8, 3), each, np.uint8)) for each in plain))
    found = rebaked(source, level_of(source, scrambled(coarse()), torn=True)).scene
    made = found.materials[0].json
    assert made["pbrMetallicRoughness"]["baseColorFactor"] == [0.5, 0.5, 0.5, 1]
    assert made["pbrMetallicRoughness"]["roughnessFactor"] == 0.7
    assert made["occlusionTexture"]["strength"] == 0.4
    assert made["emissiveFactor"] == [0.2, 0.3, 0.4]
    assert made["extensions"]["KHR_materials_clearcoat"]["clearcoatFactor"] == 0.3
    assert made["extensions"]["KHR_materials_emissive_strength"]["emissiveStrength"] == 5

    def texel(*path: str) -> list[int]:
        middle: list[int] = texture(found, *path)[0][100, 100].tolist()
        return middle

    assert texel("pbrMetallicRoughness", "baseColorTexture") == [200, 100, 50]
    assert texel("pbrMetallicRoughness", "metallicRoughnessTexture")[1:] == [160, 30]
    assert texel("occlusionTexture")[0] == 90
    assert texel("emissiveTexture") == [10, 250, 120]
    assert texel("extensions", "KHR_materials_clearcoat", "clearcoatTexture")[0] == 90


def coloured(primitive: Primitive) -> Primitive:
    """Red grows along x, green along z."""
    share = (primitive.positions[:, [0, 2]] + 1) / 2
    colours = np.concatenate([share, np.zeros((len(share), 1))], axis=1).astype(np.float32)
    kept = {name: values for name, values in primitive.attributes.items() if name != "TEXCOORD_0"}
    return replace(primitive, attributes={**kept, "COLOR_0": colours})


@pytest.mark.parametrize("material", [0, None])
def test_colours_of_vertices_become_a_picture(material: int | None) -> None:
    """A scan without UVs: it is unwrapped, its colours are in the base colour, and COLOR_0 is gone; what has no
    material gets one."""
    source = scene(coloured(sheet(material=material)))
    found = rebaked(source, level_of(source, coloured(coarse(material=material)))).scene
    primitive = only(found)
    assert "COLOR_0" not in primitive.attributes
    assert primitive.material == (0 if material == 0 else 1)
    texels, points = seen(found, primitive)
    wanted = (points[:, [0, 2]] + 1) / 2
    np.testing.assert_allclose(light(texels[:, :2] / 255), wanted, atol=0.02)
    normals, points = shown_normals(found, primitive)
    assert degrees(normals, normals_at(points)).mean() < 1.5


def test_colours_stay_with_the_vertices_where_uvs_are_kept() -> None:
    """Only the normal map is new."""
    tinted = np.full((len(coarse().positions), 4), 0.5, np.float32)
    level_sheet = replace(coarse(), attributes={**coarse().attributes, "COLOR_0": tinted})
    source = scene(sheet())
    found = rebaked(source, level_of(source, level_sheet)).scene
    assert (only(found).attributes["COLOR_0"] == 0.5).all()


def test_what_is_not_known_is_left_alone() -> None:
    """A texture of an extension that is not baked keeps its place, and so do those beside it; a note says why."""
    glitter = {"VENDOR_glitter": {"glitterTexture": {"index": 0}}}
    source = scene(sheet(), material={**colour(), "extensions": glitter}, images=(png(checker()),))
    level = level_of(source, scrambled(coarse()), torn=True)
    found = rebaked(source, level)
    assert found.scene is level.scene
    assert any("glitter is not baked" in note for note in found.notes)


@pytest.mark.parametrize("reason", ["lines", "animation", "anisotropy"])
def test_what_else_hangs_on_uvs_is_left_alone(reason: str) -> None:
    """Lines with the same material, an animation that moves its textures, anisotropy, which turns with UVs."""
    material = colour()
    if reason == "anisotropy":
        material["extensions"] = {"KHR_materials_anisotropy": {"anisotropyStrength": 1.0}}
    pointer = {"pointer": "/materials/0/pbrMetallicRoughness/baseColorTexture/extensions/KHR_texture_transform/offset"}
    target = {"path": "pointer", "extensions": {"KHR_animation_pointer": pointer}}
    more = {"animations": [{"channels": [{"target": target}]}]} if reason == "animation" else {}
    source = scene(sheet(), material=material, images=(png(checker()),), **more)
    lines = replace(coarse(), mode=1, indices=np.array([0, 1], np.uint32))
    primitives = [scrambled(coarse()), *([lines] if reason == "lines" else [])]
    source = replace(source, meshes=(replace(source.meshes[0], primitives=(sheet(), *primitives[1:])),))
    level = level_of(source, *primitives, torn=True)
    found = rebaked(source, level)
    assert found.scene is level.scene
    assert any("were not baked anew" in note for note in found.notes)


def test_skins_and_morphs_go_with_their_vertices() -> None:
    """Unwrapping splits vertices: each copy has its joints, its weights and its morph."""
    level_sheet = scrambled(coarse())
    rng = np.random.default_rng(2)
    count = len(level_sheet.positions)
    joints, weights = rng.integers(0, 9, (count, 4)).astype(np.uint16), rng.random((count, 4)).astype(np.float32)
    lift = rng.random((count, 3)).astype(np.float32)
    bound: dict[str, Array] = {"JOINTS_0": joints, "WEIGHTS_0": weights}
    level_sheet = replace(
        level_sheet,
        attributes={**level_sheet.attributes, **bound},
        targets=({"POSITION": lift, "NORMAL": lift},),
    )
    source = scene(sheet(), material=colour(), images=(png(checker()),))
    primitive = only(rebaked(source, level_of(source, level_sheet, torn=True)).scene)
    old = np.argmin(np.abs(primitive.positions[:, None] - level_sheet.positions[None]).sum(axis=2), axis=1)
    np.testing.assert_array_equal(primitive.attributes["JOINTS_0"], joints[old])
    np.testing.assert_array_equal(primitive.attributes["WEIGHTS_0"], weights[old])
    for name in ("POSITION", "NORMAL"):
        np.testing.assert_array_equal(primitive.targets[0][name], lift[old])


def test_a_skin_in_other_units_is_baked_from_as_near() -> None:
    """Joints that make metres of centimetres: the deviation is in metres, the mesh is not."""

    def bound(made: Primitive) -> Primitive:
        count = len(made.positions)
        weights = np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1))
        extra: dict[str, Array] = {"JOINTS_0": np.zeros((count, 4), np.uint16), "WEIGHTS_0": weights}
        points = made.positions * np.float32(100)
        return replace(made, attributes={**made.attributes, **extra, "POSITION": points})

    source = nodes(scene(bound(sheet())), {"skin": 0}, {"scale": [0.01] * 3, "mesh": None})
    source = replace(
        source,
        nodes=(Node({"mesh": 0, "skin": 0}), Node({"scale": [0.01] * 3})),
        json={**source.json, "skins": [{"joints": [1]}]},
    )
    found = rebaked(source, level_of(source, bound(coarse()))).scene
    normals, points = shown_normals(found, only(found))
    assert degrees(normals, normals_at(points / 100)).mean() < 1.0


def test_a_checker_survives_the_descent_that_lets_seams_go() -> None:
    """A torus in 64 charts, decimated until no seam can be kept: each field of the checker is where it was."""
    whole = shapes.torus(64, material=0)
    loose = whole.indices.astype(int)
    corner = np.arange(len(loose), dtype=np.uint32)
    patches = np.floor(whole.attributes["TEXCOORD_0"][loose].reshape(-1, 3, 2).mean(axis=1) * 8).astype(int)
    # Every patch lies somewhere else in a second picture of twice the size, turned at random: seams all over.
    places = np.random.default_rng(3).permutation(64)[patches @ [1, 8]].repeat(3)
    local = whole.attributes["TEXCOORD_0"][loose] * 8 - patches.repeat(3, axis=0)
    uvs = (np.stack([places % 8, places // 8], axis=1) + 0.1 + 0.8 * local) / 8
    attributes = {name: values[loose] for name, values in whole.attributes.items()}
    split = replace(whole, indices=corner, attributes={**attributes, "TEXCOORD_0": uvs.astype(np.float32)})
    pixels = np.zeros((256, 256, 3), np.uint8)
    at = np.empty((64, 2), int)
    at[np.random.default_rng(3).permutation(64)] = np.stack([np.arange(64) % 8, np.arange(64) // 8], axis=1)
    for place, (column, row) in enumerate(at):
        if (column + row) % 2:
            pixels[place // 8 * 32 : place // 8 * 32 + 32, place % 8 * 32 : place % 8 * 32 + 32] = 255
    source = scene(split, material=colour(), images=(png(pixels),))
    level = decimated(source, 160)
    found = rebaked(source, level).scene
    texels, points = seen(found, only(found))
    theta = np.arctan2(-points[:, 2], points[:, 0]) / (2 * np.pi) % 1 * 8
    phi = np.arctan2(-points[:, 1], np.hypot(points[:, 0], points[:, 2]) - 1) / (2 * np.pi) % 1 * 8
    white = (np.floor(theta) + np.floor(phi)) % 2 == 1
    clear = (np.abs(theta - np.round(theta)) > 0.2) & (np.abs(phi - np.round(phi)) > 0.2)
    assert level.torn
    assert clear.mean() > 0.2
    assert ((texels[:, 0] > 127) == white)[clear].mean() > 0.99


def test_arrays_of_the_source_and_the_level_are_not_written_into() -> None:
    """Values are never mutated."""
    source = scene(coloured(sheet()), material=colour(), images=(png(cloth(16)),))
    level = level_of(source, coloured(coarse()), torn=True)
    before = {name: values.copy() for name, values in only(level.scene).attributes.items()}
    json = str(level.scene.json) + str(level.scene.materials[0].json)
    rebaked(source, level)
    for name, values in before.items():
        np.testing.assert_array_equal(only(level.scene).attributes[name], values)
    assert str(level.scene.json) + str(level.scene.materials[0].json) == json
