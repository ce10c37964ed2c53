"""Which use a material makes of an image decides how it is treated."""

from __future__ import annotations

import hashlib

import numpy as np

from assetpipe.asset import Image, Material, Scene
from assetpipe.textures import TextureCache, encode_textures, image_info
from assetpipe.textures.uses import ImageUse, find_uses
from tests.textures.pictures import checkerboard, cloth, material, pixels, png, scene, target

MASK = {"alphaMode": "MASK", "alphaCutoff": 0.3}


def uses(source: Scene) -> dict[int, ImageUse]:
    return find_uses(source, lambda image: hashlib.sha256(image.data).hexdigest())[0]


def test_packed_maps_share_one_image() -> None:
    """Occlusion, roughness and metalness in one file stay one file, and all three channels count."""
    orm = png(cloth(16))
    assert uses(scene(material(occlusion=0, metallicRoughness=0), images=[orm])) == {0: ImageUse("data", "rgb")}


def test_the_same_file_twice_is_one_image() -> None:
    """Many exporters write the packed map once for each of its uses."""
    source = scene(material(occlusion=0, metallicRoughness=1), images=[png(cloth(64)), png(cloth(64))])
    assert uses(source) == {0: ImageUse("data", "rgb"), 1: ImageUse("data", "rgb")}
    out = encode_textures(source, target(format="webp", px=32), TextureCache()).images
    assert out[0].data == out[1].data


def test_sheen_roughness_in_the_alpha_of_sheen_colour_is_no_conflict() -> None:
    found, warnings = find_uses(
        scene(material(sheenColor=0, sheenRoughness=0), images=[png(cloth(8, 4))]), lambda _: ""
    )
    assert found == {0: ImageUse("colour", "rgb", "data")}
    assert warnings == []


def test_an_image_in_conflicting_roles_is_treated_as_data_and_named() -> None:
    source = scene(material(baseColor=0, metallicRoughness=0), images=[png(checkerboard(8))])
    out = encode_textures(source, target(px=4), TextureCache())
    assert (pixels(out.images[0]) == 128).all()
    assert out.warnings == ("images/0 (wood) serves as baseColor, metallicRoughness at once and is resized as data",)


def test_an_image_that_is_also_a_normal_map_is_a_normal_map() -> None:
    assert uses(scene(material(baseColor=0, normal=0), images=[png(checkerboard(8))]))[0].role == "normal"


def test_equal_files_in_conflicting_roles_are_treated_apart() -> None:
    source = scene(material(baseColor=0, occlusion=1), images=[png(checkerboard(8)), png(checkerboard(8))])
    out = encode_textures(source, target(px=4), TextureCache())
    assert [int(pixels(image)[0, 0, 0]) for image in out.images] == [188, 128]
    assert out.warnings == ()


def test_the_cutoff_counts_where_all_materials_agree_on_it() -> None:
    leaf = png(cloth(8, 4))
    assert uses(scene(material(MASK, baseColor=0), images=[leaf]))[0].cutoff == 0.3
    blend = material({"alphaMode": "BLEND"}, baseColor=0)
    assert uses(scene(material(MASK, baseColor=0), blend, images=[leaf]))[0] == ImageUse("colour", "rgb", "coverage")


def test_a_slot_of_an_unknown_extension_goes_by_its_name_and_keeps_its_alpha() -> None:
    acme = {"extensions": {"ACME_fur": {"tuftColorTexture": {"index": 0}, "lengthTexture": {"index": 1}}}}
    found = uses(scene(Material(acme), images=[png(cloth(8)), png(cloth(8, seed=2))]))
    assert found == {0: ImageUse("colour", "rgb", "data"), 1: ImageUse("data", "rgb", "data")}


def test_opaque_materials_drop_the_alpha_of_their_base_colour() -> None:
    leaf = png(cloth(8, 4))
    opaque = encode_textures(scene(material(baseColor=0), images=[leaf]), target(), TextureCache())
    blended = encode_textures(
        scene(material({"alphaMode": "BLEND"}, baseColor=0), images=[leaf]), target(), TextureCache()
    )
    assert image_info(opaque.images[0]).channels == 3
    assert image_info(blended.images[0]).channels == 4


def test_full_alpha_is_dropped_even_where_it_would_count() -> None:
    full = np.dstack([cloth(8), np.full((8, 8), 255, np.uint8)])
    source = scene(material({"alphaMode": "BLEND"}, baseColor=0), images=[png(full)])
    assert image_info(encode_textures(source, target(), TextureCache()).images[0]).channels == 3


def test_images_that_no_material_shows_are_left_alone() -> None:
    """Pruning is the container's work; encoding them would be wasted."""
    junk = Image(b"not even a picture", "image/png")
    source = scene(material(baseColor=0), images=[png(cloth(8)), junk])
    assert encode_textures(source, target(format="webp"), TextureCache()).images[1] is junk


def test_textures_without_a_source_show_nothing() -> None:
    source = Scene((), (), (material(baseColor=0),), (), json={"textures": [{}]})
    assert encode_textures(source, target(), TextureCache()).images == ()
