"""Normal maps that KHR_texture_transform moves, baked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Json
from assetpipe.tangents import with_tangents
from tests.baking.scenes import degrees
from tests.rebaking.levels import coarse, level_of, only, rebaked, scene, sheet, shown_normals, texture
from tests.textures.pictures import png


@pytest.mark.parametrize("own_tangents", [False, True])
@pytest.mark.parametrize(
    ("transform", "tilt"),
    [
        ({"scale": [2, 2], "offset": [0.25, 0]}, (0.5, 1, 0)),
        ({"rotation": math.pi / 2}, (0, 1, 0.5)),
        ({"scale": [-1, 1]}, (-0.5, 1, 0)),
    ],
)
def test_the_sources_own_normal_map_and_its_scale_are_in_the_texels(
    transform: Json, tilt: tuple[float, float, float], own_tangents: bool
) -> None:
    """normalTexture.scale and KHR_texture_transform are gone; what they showed, on top of the lost shape, is there,
    along the tangents that the file has, or those that viewers make where the picture lies."""
    flat = sheet(40)
    flat = replace(
        flat,
        attributes={
            **flat.attributes,
            "POSITION": flat.positions * np.array([1, 0, 1], np.float32),
            "NORMAL": np.tile(np.array([0, 1, 0], np.float32), (len(flat.positions), 1)),
        },
    )
    flat = with_tangents(flat) if own_tangents else flat
    tilted = np.full((16, 16, 3), (128 + 90, 128, 128 + 90), np.uint8)
    info = {"index": 0, "scale": 0.5, "extensions": {"KHR_texture_transform": transform}}
    source = scene(flat, material={"normalTexture": info}, images=(png(tilted),))
    found = rebaked(source, level_of(source, coarse()), always=True).scene
    _, info = texture(found, "normalTexture")
    shown, _ = shown_normals(found, only(found))
    assert info.keys() == {"index"}
    assert degrees(shown, np.array((0.5, 1, 0) if own_tangents else tilt)).max() < 1.5
