"""What a smaller texture must look like."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.asset import Array, Image, Scene
from assetpipe.textures import TextureCache, encode_textures, image_info
from assetpipe.textures.coverage import fill_hidden, keep_coverage
from assetpipe.textures.decode import Pixels
from assetpipe.textures.resize import target_size
from tests.textures.pictures import bumps, checkerboard, cloth, material, pixels, png, scene, target


def resized(source: Scene, **changes: object) -> Array:
    """The first image, without loss."""
    return pixels(encode_textures(source, target(**changes), TextureCache()).images[0])


def test_colour_is_averaged_as_light() -> None:
    """Half black, half white is half the light: 188 in sRGB, not 128."""
    half = resized(scene(material(baseColor=0), images=[png(checkerboard(64))]), px=32, power_of_two=False)
    assert (half == 188).all()


@pytest.mark.parametrize("slot", ["emissive", "sheenColor"])
def test_every_colour_slot_is_averaged_as_light(slot: str) -> None:
    half = resized(scene(material(**{slot: 0}), images=[png(checkerboard(64))]), px=32)
    assert (half == 188).all()


@pytest.mark.parametrize("slot", ["metallicRoughness", "occlusion", "transmission"])
def test_numbers_are_averaged_as_they_are(slot: str) -> None:
    """Half rough, half smooth is half rough: 127.5, which rounds to even."""
    half = resized(scene(material(**{slot: 0}), images=[png(checkerboard(64))]), px=32)
    assert (half == 128).all()


def test_normals_stay_unit_vectors() -> None:
    """To the nearest step of 8 bits, whatever the averaging cancelled."""
    small = resized(scene(material(normal=0), images=[png(bumps(256))]), px=16)
    length = np.linalg.norm(small / 127.5 - 1, axis=-1)
    assert small.shape == (16, 16, 3)
    np.testing.assert_allclose(length, 1, atol=0.008)


def test_normals_that_cancel_out_become_flat() -> None:
    left_right = np.full((8, 8, 3), [0, 128, 128], np.uint8)
    left_right[:, ::2] = [255, 127, 127]
    small = resized(scene(material(normal=0), images=[png(left_right)]), px=4)
    assert (np.abs(small.astype(int) - [128, 128, 255]) <= 1).all()


def test_hidden_colours_do_not_bleed_into_edges() -> None:
    """A red leaf on transparent green stays red along its edge, and green is gone from under it."""
    leaf = np.full((64, 64, 4), [0, 255, 0, 0], np.uint8)
    leaf[:, :33] = [200, 0, 0, 255]
    small = resized(scene(material({"alphaMode": "BLEND"}, baseColor=0), images=[png(leaf)]), px=32)
    assert small[0, 16].tolist() == [200, 0, 0, 128]
    assert (small[..., :3] == [200, 0, 0]).all()
    assert small[0, 31, 3] == 0


def test_hidden_colours_are_filled_without_resizing_too() -> None:
    leaf = np.zeros((7, 5, 4), np.uint8)
    leaf[3, 2] = [10, 20, 30, 255]
    assert (fill_hidden(Pixels(leaf)).array[..., :3] == [10, 20, 30]).all()


def test_masked_lace_does_not_thin_out() -> None:
    """As many texels pass the alpha test as in the source, within half a percent, two and three levels down."""
    rows, columns = np.indices((512, 512))
    lace = np.zeros((512, 512, 4), np.uint8)
    threads = np.sin(rows * 0.52 + 3 * np.sin(columns * 0.05)), np.sin(columns * 0.47 + 2 * np.sin(rows * 0.07))
    lace[..., 3] = ((np.maximum(*threads) - 0.9) * 1000 + 128).clip(0, 255)
    share = (lace[..., 3] >= 128).mean()
    for px in (128, 64):
        json = {"alphaMode": "MASK"}
        small = resized(scene(material(json, baseColor=0), images=[png(lace)]), px=px)
        assert abs((small[..., 3] >= 127.5).mean() - share) < 0.005


def test_coverage_that_is_right_already_is_left_alone() -> None:
    half = np.repeat(np.array([0, 0, 1, 1], np.float32), 4).reshape(4, 4, 1)
    assert keep_coverage(half, 0.5, 0.5) is not None
    np.testing.assert_array_equal(keep_coverage(half, 0.5, 0.5), half)


def test_alpha_that_is_data_does_not_weigh_the_colour() -> None:
    """sheenRoughness sits in the alpha of sheenColor: rough or not, the colour is the same."""
    sheen = np.full((8, 8, 4), [90, 60, 30, 0], np.uint8)
    sheen[:, ::2] = [30, 60, 90, 255]
    cloth_material = material(sheenColor=0, sheenRoughness=0)
    small = resized(scene(cloth_material, images=[png(sheen)]), px=4, power_of_two=False)
    assert small.shape[2] == 4
    assert small[0, 0, 3] == 128
    assert small[0, 0, 0] == small[0, 0, 2] == 68  # the light of 30 and 90 halfway


def test_images_are_never_enlarged() -> None:
    small = encode_textures(scene(material(baseColor=0), images=[png(cloth(32))]), target(px=4096), TextureCache())
    assert (image_info(small.images[0]).width, image_info(small.images[0]).height) == (32, 32)


@pytest.mark.parametrize(
    ("size", "px", "expected"),
    [
        ((4096, 2048), 512, (512, 256)),
        ((1000, 600), 4096, (512, 512)),
        ((1025, 1024), 1024, (1024, 1024)),
        ((1000, 600), 500, (256, 256)),
        ((4096, 1), 64, (64, 1)),
    ],
)
def test_powers_of_two_round_each_side_down(size: tuple[int, int], px: int, expected: tuple[int, int]) -> None:
    assert target_size(size, target(px=px)) == expected


def test_without_powers_of_two_the_aspect_is_kept() -> None:
    assert target_size((1000, 600), target(px=500, power_of_two=False)) == (500, 300)
    assert target_size((1000, 600), target(px=1000, power_of_two=False)) == (1000, 600)


def test_ktx2_sides_are_multiples_of_4_and_its_area_is_what_the_encoder_takes() -> None:
    assert target_size((1000, 602), target(format="ktx2", power_of_two=False)) == (1000, 600)
    assert target_size((2, 1), target(format="ktx2")) == (4, 4)
    assert target_size((4096, 4096), target(format="ktx2")) == (2048, 2048)
    assert target_size((4096, 2048), target(format="ktx2")) == (4096, 2048)


def test_webp_stays_within_its_14_bits() -> None:
    assert target_size((16384, 16384), target(format="webp", px=16384)) == (8192, 8192)


def test_a_ratio_that_is_not_whole_is_filtered() -> None:
    """1000 to 512: the mean stays, and no ringing leaves the range."""
    wave = cloth(100)
    small = resized(scene(material(occlusion=0), images=[png(wave)]), px=64)
    assert small.shape == (64, 64, 3)
    assert abs(small[..., 0].mean() - wave[..., 0].mean()) < 1


def test_a_flat_image_becomes_one_texel() -> None:
    """It shows the same, and the GPU does not hold 4096² copies of it."""
    flat = png(np.full((256, 256, 3), [40, 80, 120], np.uint8))
    out = encode_textures(scene(material(baseColor=0), images=[flat]), target(format="webp"), TextureCache()).images[0]
    assert (image_info(out).width, image_info(out).height) == (1, 1)
    assert np.abs(pixels(out).astype(int) - [40, 80, 120]).max() <= 1


def test_what_nobody_reads_costs_nothing() -> None:
    """Noise in the unread red of a roughness-metallic map: the file is as small as without it."""
    rough = cloth(128)
    noisy = rough.copy()
    noisy[..., 0] = np.random.default_rng(1).integers(0, 256, (128, 128))

    def size(image: Image) -> int:
        source = scene(material(metallicRoughness=0), images=[image])
        return len(encode_textures(source, target(format="webp"), TextureCache()).images[0].data)

    assert size(png(noisy)) == size(png(rough))
