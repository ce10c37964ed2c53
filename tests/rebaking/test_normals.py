"""The rules by which shading comes back."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Deviation, Json, Material, Primitive
from assetpipe.rebaking import rebake
from assetpipe.textures import TextureCache
from tests.baking.scenes import degrees
from tests.rebaking.levels import (
    PX,
    asked,
    coarse,
    decimated,
    level_of,
    meshes,
    nodes,
    normals_at,
    only,
    rebaked,
    scene,
    sheet,
    shown_normals,
    texture,
)
from tests.textures.pictures import bumps, cloth, png


def test_a_level_shows_the_sources_normals() -> None:
    """A bumpy sheet of 7,200 triangles, brought down to 72 flat ones: what a viewer shows has the source's normals."""
    source = scene(sheet())
    found = rebaked(source, level_of(source, coarse())).scene
    shown, points = shown_normals(found, only(found))
    off = degrees(shown, normals_at(points))
    assert off.mean() < 1.0
    assert np.percentile(off, 99) < 3.0


def test_a_decimated_level_shows_the_sources_normals() -> None:
    """The same after our own descent, whose vertices lie on the surface."""
    source = scene(sheet())
    level = decimated(source, 120)
    found = rebaked(source, level)
    shown, points = shown_normals(found.scene, only(found.scene))
    assert only(found.scene).triangles <= 120
    assert degrees(shown, normals_at(points)).mean() < 1.5
    assert any("degrees off, baked from the source" in note for note in found.notes)


def test_what_lacks_nothing_comes_back_as_it_is() -> None:
    """A level whose normals are right, and one that was not changed at all: the same objects, and a word on why what
    was changed is not baked."""
    source = scene(sheet())
    near, same = level_of(source, sheet(59)), replace(level_of(source, sheet()), deviation=Deviation(0.0, 0.0))
    made = rebake(source, [same, near], asked(levels=2), TextureCache())
    assert made[0] is same
    assert made[1].scene is near.scene
    (note,) = made[1].notes
    assert re.fullmatch(r"cloth: normals, 0\.[\d] degrees off, not baked: fewer than bake_degrees", note)


@pytest.mark.parametrize(("mapped", "tiles", "baked"), [(False, 1, False), (True, 1, True), (True, 3, False)])
def test_a_normal_map_that_is_there_is_painted_anew_for_less(mapped: bool, tiles: int, baked: bool) -> None:
    """Normals a degree or two off are not worth a new map, but are put right in one that takes its bytes anyway; not
    where that would need new UVs, and what is said of those that stay is why."""

    def tiled(primitive: Primitive) -> Primitive:
        uvs = primitive.attributes["TEXCOORD_0"] * np.float32(tiles)
        return replace(primitive, attributes={**primitive.attributes, "TEXCOORD_0": uvs})

    flat = png(np.full((16, 16, 3), (128, 128, 255), np.uint8))
    source = scene(tiled(sheet()), material={"normalTexture": {"index": 0}} if mapped else {}, images=(flat,))
    level = level_of(source, tiled(sheet(10)))
    found = rebaked(source, level)
    assert (found.scene is not level.scene) == baked
    assert [("not baked: fewer than" in note) for note in found.notes] == [not baked]
    if baked:
        shown, points = shown_normals(found.scene, only(found.scene))
        assert degrees(shown, normals_at(points)).mean() < 0.8


def test_nothing_is_staged_where_no_level_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting a million triangles for nothing would be a second."""
    monkeypatch.setattr("assetpipe.rebaking.stage.stage_source", lambda *_: pytest.fail("staged"))
    source = scene(sheet())
    same = replace(level_of(source, sheet()), deviation=Deviation(0.0, 0.0))
    assert rebake(source, [same], asked(), TextureCache()) == [same]


def test_always_bakes_what_was_not_changed() -> None:
    """Deviation 0: the map is flat, and the level looks as it did."""
    source = scene(sheet(20))
    same = replace(level_of(source, sheet(20)), deviation=Deviation(0.0, 0.0))
    found = rebaked(source, same, always=True).scene
    pixels, _ = texture(found, "normalTexture")
    assert np.abs(pixels.astype(int) - (128, 128, 255)).max() <= 2


def test_other_maps_stay_as_they_are() -> None:
    """Where UVs are kept only the normal map is new: base colour keeps its picture and its transform."""
    moved = {"KHR_texture_transform": {"scale": [3, 3]}}
    pbr = {"baseColorTexture": {"index": 0, "extensions": moved}}
    source = scene(sheet(), material={"pbrMetallicRoughness": pbr}, images=(png(cloth(32)),))
    found = rebaked(source, level_of(source, coarse())).scene
    assert found.materials[0].json["pbrMetallicRoughness"] == pbr
    assert found.images[0] is source.images[0]
    np.testing.assert_array_equal(
        only(found).attributes["TEXCOORD_0"][: len(coarse().positions)], coarse().attributes["TEXCOORD_0"]
    )


@pytest.mark.parametrize("bumpy", [False, True])
def test_what_tiles_goes_on_tiling(bumpy: bool) -> None:
    """A normal map cannot lie in UVs that overlap: it gets a set of its own, and colour keeps the one that it had."""
    tiled = {"TEXCOORD_0": sheet().attributes["TEXCOORD_0"] * np.float32(3)}
    source_sheet = replace(sheet(), attributes={**sheet().attributes, **tiled})
    level_sheet = replace(
        coarse(), attributes={**coarse().attributes, "TEXCOORD_0": coarse().attributes["TEXCOORD_0"] * np.float32(3)}
    )
    material: Json = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    if bumpy:
        material["normalTexture"] = {"index": 1}
    flat = np.full((16, 16, 3), (128, 128, 255), np.uint8)
    source = scene(source_sheet, material=material, images=(png(cloth(32)), png(flat)))
    found = rebaked(source, level_of(source, level_sheet)).scene
    _, info = texture(found, "normalTexture")
    shown, points = shown_normals(found, only(found))
    colour = only(found).attributes["TEXCOORD_0"]
    assert info["texCoord"] == 1
    assert degrees(shown, normals_at(points)).mean() < 1.5
    assert found.materials[0].json["pbrMetallicRoughness"] == material["pbrMetallicRoughness"]
    np.testing.assert_allclose(colour, (only(found).positions[:, [0, 2]] + 1) * 1.5, atol=1e-5)


@pytest.mark.parametrize("clamped", [False, True])
def test_what_lies_whole_tiles_away_does_not_overlap(clamped: bool) -> None:
    """Its charts come home, where maps that repeat show the same; a map that ends at its edges would not."""
    moved = [_shifted(each) for each in (sheet(), coarse())]
    sampler = {"wrapS": 33071, "wrapT": 33071} if clamped else {}
    material: Json = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    images = (png(cloth(32)),)
    source = scene(moved[0], material=material, images=images, samplers=[sampler])
    source.json["textures"][0]["sampler"] = 0
    found = rebaked(source, level_of(source, moved[1])).scene
    _, info = texture(found, "normalTexture")
    shown, points = shown_normals(found, only(found))
    assert degrees(shown, normals_at(points)).mean() < 1.5
    assert info.get("texCoord", 0) == int(clamped)
    expected = (moved[1] if clamped else coarse()).attributes["TEXCOORD_0"]
    colour = only(found).attributes["TEXCOORD_0"]
    assert colour.min(axis=0) == pytest.approx(expected.min(axis=0), abs=1e-5)
    assert colour.max(axis=0) == pytest.approx(expected.max(axis=0), abs=1e-5)


def _shifted(primitive: Primitive) -> Primitive:
    uvs = primitive.attributes["TEXCOORD_0"] + np.array((1, -2), np.float32)
    return replace(primitive, attributes={**primitive.attributes, "TEXCOORD_0": uvs})


def test_a_fine_map_that_tiles_is_not_blurred() -> None:
    """Where a normal map tiles finer than the level's picture could hold, it stays, and a note says so."""
    tiled = {"TEXCOORD_0": sheet().attributes["TEXCOORD_0"] * np.float32(100)}
    source = scene(
        replace(sheet(), attributes={**sheet().attributes, **tiled}),
        material={"name": "linen", "normalTexture": {"index": 0}},
        images=(png(bumps(64)),),
    )
    level = level_of(
        source, replace(coarse(), attributes={**coarse().attributes, "TEXCOORD_0": coarse().positions[:, :2] * 50})
    )
    found = rebaked(source, level)
    assert found.scene is level.scene
    assert any(note.startswith("linen: normals, ") and "would blur" in note for note in found.notes)


@pytest.mark.parametrize(
    "placed",
    [
        {"scale": [-1, 1, 1]},
        {"scale": [0.001, 0.001, 0.001]},
        {"scale": [1000, 1000, 1000]},
        {"rotation": [0.5, 0.5, 0.5, 0.5], "translation": [9, 8, 7]},
        {"scale": [1, 0.1, 1]},
    ],
)
def test_where_nodes_put_a_mesh_does_not_matter(placed: dict[str, list[float]]) -> None:
    """Mirrored, tiny, huge, turned, squashed: the normal map lives in the mesh."""
    source = nodes(scene(sheet()), placed)
    size = max(map(abs, placed.get("scale", [1.0])))
    level = replace(level_of(source, coarse()), deviation=Deviation(0.03 * size, 0.01 * size))
    if placed.get("scale", [1, 1])[1] == 0.1:
        level = replace(level, deviation=Deviation(0.003, 0.001))
    found = rebaked(source, level).scene
    shown, points = shown_normals(found, only(found))
    assert degrees(shown, normals_at(points)).mean() < 1.0


def test_two_meshes_of_one_material_do_not_see_each_other() -> None:
    """They lie in one place and share the picture; each half has its own mesh's normals."""
    half = np.array([0.49, 1.0], np.float32)

    def placed(at: float, *, flat: bool, fine: bool) -> object:
        made = sheet() if fine else coarse()
        uvs = made.attributes["TEXCOORD_0"] * half + np.array([at, 0], np.float32)
        attributes = {**made.attributes, "TEXCOORD_0": uvs}
        if flat:
            attributes["POSITION"] = made.positions * np.array([1, 0, 1], np.float32)
            attributes["NORMAL"] = np.tile(np.array([0, 1, 0], np.float32), (len(uvs), 1))
        return replace(made, attributes=attributes)

    fine, rough = ([placed(0.0, flat=False, fine=each), placed(0.51, flat=True, fine=each)] for each in (True, False))
    source = nodes(meshes(scene(sheet()), *fine), {}, {"mesh": 1})  # type: ignore[arg-type]
    level = replace(level_of(source), scene=meshes(source, *rough))  # type: ignore[arg-type]
    found = rebaked(source, level).scene
    wavy, points = shown_normals(found, only(found, 0))
    flat, _ = shown_normals(found, only(found, 1))
    assert degrees(wavy, normals_at(points)).mean() < 1.0
    assert degrees(flat, np.array([0, 1.0, 0])).mean() < 0.5


def test_a_source_without_normals_is_flat() -> None:
    """glTF shades it face by face: a roof's two sides come out flat, with an edge between them."""
    roof = sheet(2)
    points = roof.positions * np.array([1, 0, 1], np.float32) - np.abs(roof.positions[:, :1]) * np.array(
        [0, 0.2, 0], np.float32
    )
    attributes = {"POSITION": points, "TEXCOORD_0": roof.attributes["TEXCOORD_0"]}
    source = scene(replace(roof, attributes=attributes))
    found = rebaked(source, level_of(source, coarse(1))).scene
    shown, points = shown_normals(found, only(found))
    sides = np.where(points[:, :1] < 0, [[-0.2, 1.0, 0.0]], [[0.2, 1.0, 0.0]])
    assert degrees(shown, sides)[np.abs(points[:, 0]) > 0.02].max() < 1.0


def test_levels_are_baked_at_their_own_size() -> None:
    """No level's picture is larger than the level's pictures are, nor than what the source has to show."""
    source = scene(sheet())
    wish = replace(asked(levels=2), px=[64, 4096])
    made = rebake(source, [level_of(source, coarse())] * 2, wish, TextureCache())
    sides = [len(texture(each.scene, "normalTexture")[0]) for each in made]
    assert sides == [64, PX]


def test_materials_are_baked_apart() -> None:
    """Of two materials only the one whose shading is off gets a map."""
    flat = replace(coarse(40, 1), json={"material": 1})
    source = scene(sheet(), flat)
    source = replace(source, materials=(Material({"name": "a"}), Material({"name": "b"})))
    found = rebaked(source, level_of(source, coarse(), coarse(4, 1))).scene
    assert "normalTexture" in found.materials[0].json
    assert found.materials[1] is source.materials[1]


def test_what_is_the_same_for_several_is_said_once() -> None:
    """One sentence names all materials that were baked alike, and from where to where their normals were off."""
    source = replace(scene(sheet(), sheet(60, 1)), materials=tuple(Material({"name": name}) for name in ("a", "b")))
    (note,) = rebaked(source, level_of(source, coarse(), coarse(8, 1))).notes
    assert re.fullmatch(r"a, b: normals, [\d.]+( to [\d.]+)? degrees off, baked from the source", note)


def test_what_lost_its_morph_targets_is_compared_where_default_weights_leave_it() -> None:
    """At rest the waves turn to where the base has none: the level shows those of the weights, not of the base."""
    moved = np.zeros_like(sheet().positions)
    moved[:, 1] = -sheet().positions[:, 1]
    flat = replace(
        sheet(), attributes={**sheet().attributes, "POSITION": (sheet().positions + moved).astype(np.float32)}
    )
    target = {"POSITION": -moved, "NORMAL": sheet().attributes["NORMAL"] - np.float32([0, 1, 0])}
    flat = replace(flat, attributes={**flat.attributes, "NORMAL": np.tile(np.float32([0, 1, 0]), (len(moved), 1))})
    source = scene(replace(flat, targets=(target,)))
    source = replace(source, meshes=(replace(source.meshes[0], json={"weights": [1.0]}),))
    found = rebaked(source, level_of(scene(sheet()), coarse())).scene
    normals, points = shown_normals(found, only(found))
    assert degrees(normals, normals_at(points)).mean() < 1.5
