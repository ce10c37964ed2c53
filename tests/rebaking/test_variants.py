"""The rules by which what the variants of an asset show is baked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Material, Primitive, Scene
from assetpipe.geometry import Decimated
from tests.baking.scenes import degrees
from tests.rebaking.levels import coarse, level_of, normals_at, only, rebaked, scene, sheet, shown_normals, texture
from tests.rebaking.test_textures import assert_checker, checker, colour, scrambled, seen
from tests.textures.pictures import bumps, png

VARIANTS = "KHR_materials_variants"


def worn(primitive: Primitive, *materials: int) -> Primitive:
    """The first without a variant, each of the others in one."""
    mappings = [{"material": each, "variants": [at]} for at, each in enumerate(materials[1:])]
    return replace(primitive, json={"material": materials[0], "extensions": {VARIANTS: {"mappings": mappings}}})


def offered(primitives: tuple[Primitive, ...], materials: list[Json], pictures: list[Array]) -> Scene:
    offers = {VARIANTS: {"variants": [{"name": "one"}, {"name": "other"}]}}
    source = scene(*primitives, images=tuple(map(png, pictures)), extensions=offers)
    return replace(source, materials=tuple(map(Material, materials)))


def shown_by(primitive: Primitive, material: int) -> Primitive:
    return replace(primitive, json={"material": material})


def mapped(primitive: Primitive) -> list[int]:
    found: list[int] = [each["material"] for each in primitive.json["extensions"][VARIANTS]["mappings"]]
    return found


def test_each_variants_colours_are_baked_and_normals_once() -> None:
    """A torn level in two colours: one new set of UVs, a picture of its own for each, one normal map for both."""
    source = offered((worn(sheet(), 0, 0, 1),), [colour(0), colour(1)], [checker(), 255 - checker()])
    found = rebaked(source, level_of(source, worn(scrambled(coarse()), 0, 0, 1), torn=True)).scene
    primitive = only(found)
    assert [primitive.material, mapped(primitive)] == [0, [0, 1]]
    assert_checker(*seen(found, shown_by(primitive, 0)))
    texels, points = seen(found, shown_by(primitive, 1))
    assert_checker(255 - texels, points)
    assert len({each.json["normalTexture"]["index"] for each in found.materials}) == 1
    assert len(found.images) == len(source.images) + 3
    normals, points = shown_normals(found, primitive)
    assert degrees(normals, normals_at(points)).mean() < 1.5


def test_lost_normals_come_back_in_all_variants() -> None:
    """UVs are unique and stay; both materials get the one map, and keep the rest of theirs."""
    source = offered((worn(sheet(), 0, 0, 1),), [colour(0), {**colour(1), "alphaMode": "MASK"}], [checker()] * 2)
    found = rebaked(source, level_of(source, worn(coarse(), 0, 0, 1)))
    maps = [each.json["normalTexture"] for each in found.scene.materials]
    kept = [each.json["pbrMetallicRoughness"]["baseColorTexture"] for each in found.scene.materials]
    assert maps[0] == maps[1]
    assert kept == [{"index": 0}, {"index": 1}]
    normals, points = shown_normals(found.scene, only(found.scene))
    assert degrees(normals, normals_at(points)).mean() < 1.5


def test_normal_maps_that_differ_are_baked_each() -> None:
    """The lost shape is in both, the source's own bumps in one alone."""
    bumpy = {**colour(0), "normalTexture": {"index": 1}}
    source = offered((worn(sheet(), 0, 0, 1),), [colour(0), bumpy], [checker(), bumps(256)])
    found = rebaked(source, level_of(source, worn(coarse(), 0, 0, 1))).scene
    smooth, rough = (texture(found, "normalTexture", material=at)[0].astype(int) for at in (0, 1))
    assert np.abs(smooth - rough).mean() > 2


def test_a_material_that_others_show_is_not_changed_for_them() -> None:
    """Another mesh shows it in UVs of its own: it keeps the material as it was, the baked one is a copy."""
    other = shown_by(coarse(40), 1)
    source = offered((worn(sheet(), 0, 0, 1), shown_by(sheet(), 1)), [colour(0), colour(1)], [checker()] * 2)
    level = level_of(source, worn(coarse(), 0, 0, 1), other)
    found = rebaked(source, replace(level, scene=with_exact_second(level, source))).scene
    first, second = found.meshes[0].primitives
    assert mapped(first) == [0, 2]
    assert second.material == 1
    assert "normalTexture" not in found.materials[1].json
    assert [found.materials[at].json.keys() & {"normalTexture"} for at in (0, 2)] == [{"normalTexture"}] * 2


def with_exact_second(level: Decimated, source: Scene) -> Scene:
    """The second primitive has lost nothing."""
    (mesh,) = level.scene.meshes
    own = (mesh.primitives[0], source.meshes[0].primitives[1])
    return replace(level.scene, meshes=(replace(mesh, primitives=own),))


def in_two_sets(primitive: Primitive, second: Array) -> Primitive:
    return replace(primitive, attributes={**primitive.attributes, "TEXCOORD_1": second.astype(np.float32)})


def test_colours_that_lie_in_different_uvs_are_baked_into_the_same() -> None:
    """The second look's map lies in the second set, one field aside: its checker comes out inverted, in the new UVs."""
    far = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 1}}}
    fine, few = (in_two_sets(each, each.attributes["TEXCOORD_0"] + [1 / 8, 0]) for each in (sheet(), coarse()))
    source = offered((worn(fine, 0, 0, 1),), [colour(0), far], [checker()])
    found = rebaked(source, level_of(source, worn(scrambled(few), 0, 0, 1), torn=True)).scene
    primitive = only(found)
    infos = [each.json["pbrMetallicRoughness"]["baseColorTexture"] for each in found.materials]
    assert [info.get("texCoord", 0) for info in infos] == [0, 0]
    assert_checker(*seen(found, shown_by(primitive, 0)))
    texels, points = seen(found, shown_by(primitive, 1))
    assert_checker(255 - texels, points)


@pytest.mark.parametrize("torn", [False, True])
def test_normal_maps_in_uvs_that_are_turned_show_the_same_bumps(torn: bool) -> None:
    """The second set lies a quarter turn aside, and so do its picture and the vectors in it: each is read along its own
    tangents, and both come out as one."""
    turned = bumps(256)[..., [1, 0, 2]]
    turned[..., 0] = 255 - turned[..., 0]
    maps = [{"index": 0}, {"index": 1, "texCoord": 1}]
    materials = [{"name": f"cloth {at}", "normalTexture": info} for at, info in enumerate(maps)]
    fine, few = (
        in_two_sets(each, np.stack([v, 1 - u], axis=1))
        for each in (sheet(), coarse())
        for u, v in [each.attributes["TEXCOORD_0"].T]
    )
    source = offered((worn(fine, 0, 0, 1),), materials, [bumps(256), np.rot90(turned).copy()])
    level = level_of(source, worn(scrambled(few) if torn else few, 0, 0, 1), torn=torn)
    found = rebaked(source, level).scene
    primitive = only(found)
    (one, points), (other, _) = (shown_normals(found, shown_by(primitive, at)) for at in (0, 1))
    assert degrees(one, other).mean() < 1.0
    assert degrees(one, normals_at(points)).mean() > 5, "the bumps are there, beside the lost shape"
    assert {each.json["normalTexture"].get("texCoord", 0) for each in found.materials} == {0}


def test_what_has_no_material_in_a_variant_is_left_alone() -> None:
    """There is nothing that its maps could be given to."""
    bare = {VARIANTS: {"mappings": [{"material": 0, "variants": [1]}]}}
    source = offered((replace(sheet(), json={"extensions": bare}),), [colour(0)], [checker()])
    level = level_of(source, replace(coarse(), json={"extensions": bare}))
    found = rebaked(source, level)
    assert found.scene is level.scene
    assert any("no material" in note for note in found.notes)
