"""The rules by which a scene becomes what the renderer draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Material
from assetpipe.baking.occlusion import NAME
from assetpipe.poster import make_poster, textures
from tests.atlas.looks import quad, scene, square
from tests.textures.pictures import png


def test_pictures_of_16_bits_are_drawn_as_what_they_show() -> None:
    """A source may hold them; the renderer reads bytes: 257 steps of 65535 are one of 255."""
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    material = Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    found = textures(scene([quad(square(0, 0, 1, 1), 0)], [material], [png(ramp)]))[0].pixels
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., 0], ramp // 257)
    assert (found[..., 3] == 255).all()


def test_baked_occlusion_is_not_in_the_poster() -> None:
    """It casts its own: what was baked on request would darken twice. An author's counts."""
    dark = png(np.zeros((4, 4, 3), np.uint8))
    material, plate = Material({"occlusionTexture": {"index": 0}}), [quad(square(0, 0, 1, 1), 0)]
    bare = make_poster(scene(plate, [Material({})], []))
    assert make_poster(scene(plate, [material], [replace(dark, json={"name": NAME})])) == bare
    assert make_poster(scene(plate, [material], [replace(dark, json={"name": "cavities"})])) != bare
