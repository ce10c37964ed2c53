"""Normal maps that KHR_texture_transform moves, baked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Json, Primitive
from assetpipe.tangents import with_tangents
from tests.baking.scenes import decoded, degrees, shown
from tests.rebaking.levels import coarse, level_of, only, rebaked, scene, sheet, shown_normals, surface, texture
from tests.textures.pictures import png

TILTED = png(np.full((16, 16, 3), (128 + 90, 128, 128 + 90), np.uint8))


def flat_sheet() -> Primitive:
    found = sheet(40)
    flat = {
        "POSITION": found.positions * np.array([1, 0, 1], np.float32),
        "NORMAL": np.tile(np.array([0, 1, 0], np.float32), (len(found.positions), 1)),
    }
    return replace(found, attributes={**found.attributes, **flat})


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
    flat = flat_sheet()
    flat = with_tangents(flat) if own_tangents else flat
    info = {"index": 0, "scale": 0.5, "extensions": {"KHR_texture_transform": transform}}
    source = scene(flat, material={"normalTexture": info}, images=(TILTED,))
    found = rebaked(source, level_of(source, coarse()), always=True).scene
    _, info = texture(found, "normalTexture")
    normals, _ = shown_normals(found, only(found))
    assert info.keys() == {"index"}
    assert degrees(normals, np.array((0.5, 1, 0) if own_tangents else tilt)).max() < 1.5


@pytest.mark.parametrize(("turn", "baked"), [(0.0, False), (math.pi / 2, True)])
def test_bumps_of_a_coat_that_lie_turned_come_along(turn: float, baked: bool) -> None:
    """The level gets tangents with its normals: a coat's map that viewers read along others is baked too, and one that
    lies as they do keeps its picture."""
    bumps = {"index": 0, "extensions": {"KHR_texture_transform": {"rotation": turn}}}
    coat = {"KHR_materials_clearcoat": {"clearcoatFactor": 1.0, "clearcoatNormalTexture": bumps}}
    source = scene(flat_sheet(), material={"extensions": coat}, images=(TILTED,))
    found = rebaked(source, level_of(source, coarse()), always=True).scene
    pixels, info = texture(found, "extensions", "KHR_materials_clearcoat", "clearcoatNormalTexture")
    assert (info != bumps) == baked
    made = surface(only(found))
    texels = shown(made, len(pixels))
    tilt = (0, 1, 1) if baked else (1, 1, 0)
    assert degrees(decoded(made, pixels, texels), np.array(tilt)).max() < 1.5
