"""Normal maps that are nothing but grain."""

from __future__ import annotations

import os

import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.textures import TextureCache, encode_textures
from assetpipe.textures.decode import Pixels, decode
from assetpipe.textures.encode import Coding, encode
from assetpipe.textures.grain import loses_grain
from assetpipe.textures.uses import ImageUse
from tests.textures.pictures import bumps, material, png, scene, target

NOISE_PX = 4096 if os.environ.get("ASSETPIPE_LONG") else 1024
"""What libwebp refuses takes fifteen seconds."""


def lacquer(side: int = 256) -> Array:
    """Flat but for a ripple of two code values, finer than the blocks of an encoder."""
    rows, columns = np.indices((side, side))
    ripple = np.rint(2 * np.sin(rows * 2.1) * np.cos(columns * 1.7))
    return np.stack([128 + ripple, 128 - ripple, np.full((side, side), 255)], axis=-1).astype(np.uint8)


def weave(side: int = 256) -> Array:
    """Eight texels to a thread, eight code values high, in more colours than a palette has."""
    rows, columns = np.indices((side, side)) * np.pi / 4
    slope = 150 + np.indices((side, side)).sum(axis=0) // 8
    height = np.rint(8 * np.sin(rows + 0.3) * np.cos(columns + 0.2))
    return np.stack([128 + height, 128 - height, slope], axis=-1).astype(np.uint8)


def webp(picture: Array, quality: int, **more: int) -> bytes:
    """At exactly this quality."""
    options = {"Q": quality, "effort": 4, "keep": "none", "exact": True, **more}
    return bytes(Pixels(picture).vips.copy(interpretation="srgb").webpsave_buffer(**options))


def of_a_level(picture: Array, quality: int, screen_px: int = 0, slots: tuple[str, ...] = ("normal",)) -> bytes:
    source = scene(material(**dict.fromkeys(slots, 0)), images=[png(picture)])
    asked = target(format="webp", normal_quality=quality, screen_px=screen_px)
    return encode_textures(source, asked, TextureCache()).images[0].data


@pytest.mark.parametrize("quality", [70, 85, 90])
def test_grain_that_would_be_smoothed_away_gets_more_quality(quality: int) -> None:
    """Five more than the settings say, at every rung of the ladder alike, so that each rung is still smaller."""
    assert of_a_level(lacquer(), quality) == webp(lacquer(), quality + 5)


def test_grain_whose_texels_are_larger_than_a_pixel_gets_more_still() -> None:
    """256 texels in a picture of 257 pixels."""
    colourful = lacquer()
    colourful[..., 2] = 150 + np.indices((256, 256)).sum(axis=0) // 8  # more than a palette has
    assert of_a_level(colourful, 90, 257) == webp(colourful, 98, smart_subsample=True, effort=6)
    assert of_a_level(colourful, 90, 256) == webp(colourful, 95)
    assert of_a_level(bumps(256), 90, 257) == webp(bumps(256), 90)


def test_data_whose_texels_are_larger_than_a_pixel_get_more() -> None:
    packed = bumps(256)
    assert of_a_level(packed, 90, 257, ("occlusion", "metallicRoughness")) == webp(packed, 85, effort=6)
    assert of_a_level(packed, 90, 256, ("occlusion", "metallicRoughness")) == webp(packed, 80)


def test_bumps_get_the_quality_that_is_set() -> None:
    assert of_a_level(bumps(256), 90) == webp(bumps(256), 90)


def test_grain_is_found_on_an_atlas_that_is_mostly_empty() -> None:
    """What is flat counts neither way, wherever it lies."""
    sheet = np.full((1024, 1024, 3), (128, 128, 255), np.uint8)
    sheet[:256, :256] = lacquer()
    assert loses_grain(Pixels(sheet), 90)
    assert not loses_grain(Pixels(sheet[256:]), 90)


def test_grain_is_asked_for_once_for_all_rungs() -> None:
    """At the quality that the settings ask for: a map whose grain only a lower rung takes gets no more there, else that
    rung could be larger than the one above."""
    woven = weave()
    assert [quality for quality in (90, 70, 50) if loses_grain(Pixels(woven), quality)] == [50]
    source = scene(material(normal=0), images=[png(woven)])
    lower = target(format="webp", normal_quality=50, asked_quality=90)
    assert encode_textures(source, lower, TextureCache()).images[0].data == webp(woven, 50)


def test_noise_that_libwebp_refuses_is_encoded_all_the_same() -> None:
    """It has 512 KiB for how blocks are coded, which noise of 4096² exceeds at quality 90 with effort 1."""
    noise = np.random.default_rng(1).integers(0, 256, (NOISE_PX, NOISE_PX, 3), np.uint8)
    made = encode(Pixels(noise), ImageUse("normal"), Coding("webp", 90, large=True))
    assert decode(made, "noise").size == (NOISE_PX, NOISE_PX)
