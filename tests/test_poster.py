"""The rules by which a scene becomes what the renderer draws."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Material
from assetpipe.poster import textures
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
