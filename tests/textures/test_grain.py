"""Normal maps that are nothing but grain."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.textures import TextureCache, encode_textures
from assetpipe.textures.decode import Pixels
from assetpipe.textures.grain import loses_grain
from tests.textures.pictures import bumps, material, pixels, png, scene, target


def lacquer(side: int = 256) -> Array:
    """Flat but for a ripple of two code values, finer than the blocks of an encoder."""
    rows, columns = np.indices((side, side))
    ripple = np.rint(2 * np.sin(rows * 2.1) * np.cos(columns * 1.7))
    return np.stack([128 + ripple, 128 - ripple, np.full((side, side), 255)], axis=-1).astype(np.uint8)


def webp(picture: Array, quality: int) -> bytes:
    """At exactly this quality."""
    options = {"Q": quality, "effort": 4, "keep": "none", "exact": True}
    return bytes(Pixels(picture).vips.copy(interpretation="srgb").webpsave_buffer(**options))


def of_a_level(picture: Array, quality: int) -> bytes:
    source = scene(material(normal=0), images=[png(picture)])
    return encode_textures(source, target(format="webp", data_quality=quality), TextureCache()).images[0].data


@pytest.mark.parametrize("quality", [70, 85, 90])
def test_grain_that_would_be_smoothed_away_gets_more_quality(quality: int) -> None:
    """Five more than the settings say, at every rung of the ladder alike, so that each rung is still smaller."""
    assert of_a_level(lacquer(), quality) == webp(lacquer(), quality + 5)


def test_bumps_get_the_quality_that_is_set() -> None:
    assert of_a_level(bumps(256), 90) == webp(bumps(256), 90)


def test_grain_is_found_on_an_atlas_that_is_mostly_empty() -> None:
    """What is flat counts neither way, wherever it lies."""
    sheet = np.full((1024, 1024, 3), (128, 128, 255), np.uint8)
    sheet[:256, :256] = lacquer()
    assert loses_grain(Pixels(sheet), webp(sheet, 90))
    assert not loses_grain(Pixels(sheet[256:]), webp(sheet[256:], 90))


def test_what_is_kept_is_not_lost() -> None:
    kept = png(lacquer())
    assert not loses_grain(Pixels(lacquer()), bytes(kept.data))
    np.testing.assert_array_equal(pixels(kept), lacquer())
