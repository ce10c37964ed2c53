"""What the source's materials become in a level's maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Scene
from assetpipe.baking import BakeRequest, Coat, Layer, Surface
from assetpipe.geometry import decimate
from assetpipe.geometry.surface import Target
from tests import shapes
from tests.baking.scenes import (
    CLAMP,
    MIRROR,
    REPEAT,
    at_texels,
    baked,
    colour_layer,
    joined,
    moved_uvs,
    picture,
    plain,
    shown,
    square,
    surface,
)


def checker(cells: int, px: int) -> Array:
    y, x = np.mgrid[:px, :px] * cells // px
    return np.where((x + y)[..., None] % 2, 255, 0).astype(np.uint8).repeat(3, axis=2)


def test_a_checker_survives_decimation_with_its_lines_in_place() -> None:
    """A torus with 8 x 8 fields, decimated to an eighth: every texel shows the field that lies there in space."""
    textured = Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    scene: Scene = shapes.scene(shapes.torus(96, material=0), materials=(textured,))
    coarse = decimate(scene, [Target(1152, 0.0)])[0].scene.meshes[0].primitives[0]
    source, level, px = surface(shapes.torus(96)), surface(coarse), 256
    result = baked(source, level, [colour_layer(Coat(picture(checker(8, 256)), opaque=True))], BakeRequest(px, 0.05))
    texels = shown(level, px)
    points = at_texels(level, level.positions, texels)
    theta = np.arctan2(-points[:, 2], points[:, 0]) / (2 * np.pi) % 1 * 8
    ring = np.hypot(points[:, 0], points[:, 2]) - 1.0
    phi = np.arctan2(-points[:, 1], ring) / (2 * np.pi) % 1 * 8
    white = (np.floor(theta) + np.floor(phi)) % 2 == 1
    clear = (np.abs(theta - np.round(theta)) > 0.12) & (np.abs(phi - np.round(phi)) > 0.12)
    seen = result.maps["baseColor"][texels.y, texels.x, 0] > 127
    assert coarse.triangles <= 1152
    assert result.misses < 1e-3
    assert clear.mean() > 0.5
    assert (seen == white)[clear].all()


@pytest.mark.parametrize("gap", [0.02, 0.002, 0.0002])
def test_a_thin_wall_does_not_bleed(gap: float) -> None:
    """Two sheets, one red and one blue, back to back: even a level whose sheets have changed places shows each its own
    colour, however thin the wall is against the reach."""
    wall = joined(square(gap / 2), square(-gap / 2, facing=-1.0))
    front = moved_uvs(square(-gap), (0.48, 0.98), (0.01, 0.01))
    back = moved_uvs(square(gap, facing=-1.0), (0.48, 0.98), (0.51, 0.01))
    level = joined(front, back)
    result = baked(wall, level, [colour_layer(plain(1, 0, 0), plain(0, 0, 1))], BakeRequest(64, distance=0.05))
    texels = shown(level, 64)
    assert result.misses == 0
    seen = result.maps["baseColor"][texels.y, texels.x]
    assert (seen == np.where(texels.faces[:, None] < 2, (255, 0, 0), (0, 0, 255))).all()


def test_a_part_shows_itself_alone() -> None:
    """A button on cloth: the cloth's texels below it show cloth, for parts meet only their own."""
    cloth, button = square(0.0), square(0.001, size=0.3)
    source = replace(joined(cloth, button), parts=np.array([0, 0, 1, 1]))
    layers = [colour_layer(plain(0, 1, 0), plain(1, 0, 0))]
    level = replace(square(0.0015), parts=np.array([0, 0]))
    mixed = baked(source, level, layers, BakeRequest(64, 0.01))
    assert (mixed.maps["baseColor"] == (0, 255, 0)).all()
    assert (
        (baked(replace(source, parts=None), level, layers, BakeRequest(64, 0.01)).maps["baseColor"][32, 32, 0]) == 255
    )


@pytest.mark.parametrize(("wrap", "order"), [(REPEAT, [0, 1, 0, 1]), (MIRROR, [0, 1, 1, 0]), (CLAMP, [0, 1, 1, 1])])
def test_tiled_uvs_become_unique_texels(wrap: int, order: list[int]) -> None:
    """A source whose UVs run over its texture twice: the level shows each tile as the sampler goes on there."""
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:, 4:] = 255
    source = square(tiles=2.0)
    result = baked(source, square(), [colour_layer(Coat(picture(halves, wrap)))], BakeRequest(64, 0.01, samples=1))
    row = result.maps["baseColor"][16, :, 0]
    assert [int(row[at] > 127) for at in (8, 24, 40, 56)] == order


def test_a_texture_transform_moves_the_picture() -> None:
    """KHR_texture_transform: half the size, moved to the right."""
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:, 4:] = 255
    coat = Coat(picture(halves), matrix=(0.5, 0.0, 0.25, 0.0, 0.5, 0.0))
    result = baked(square(), square(), [colour_layer(coat)], BakeRequest(64, 0.01, samples=1))
    row = result.maps["baseColor"][32, :, 0]
    assert (row[4:22] < 20).all()
    assert (row[42:60] > 235).all()


def test_colours_are_averaged_in_linear_light() -> None:
    """Black and white in equal parts are sRGB 188, not 128; numbers are averaged as they are."""
    fine = checker(256, 256)
    grey = baked(square(), square(), [colour_layer(Coat(picture(fine)))], BakeRequest(16, 0.01))
    data = Layer("occlusionRoughnessMetallic", "data", "rgb", [Coat(picture(fine))])
    number = baked(square(), square(), [data], BakeRequest(16, 0.01))
    assert np.abs(grey.maps["baseColor"].astype(int) - 188).max() <= 1
    assert np.abs(number.maps["occlusionRoughnessMetallic"].astype(int) - 128).max() <= 1


def test_factors_and_vertex_colours_become_texels() -> None:
    """Base colour is factor x texel x vertex colour, in linear light."""
    source = replace(square(), colours=np.full((4, 3), 0.5, np.float32))
    result = baked(source, square(), [colour_layer(plain(0.5, 1.0, 0.0))], BakeRequest(8, 0.01))
    assert (result.maps["baseColor"] == (137, 188, 0)).all()


def test_transparency_comes_along_and_hidden_colour_does_not() -> None:
    """BLEND: alpha is baked; where it is 0 the colour underneath lends nothing to texels that show some of it."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[...] = (0, 255, 0, 0)
    pixels[::2] = (255, 0, 0, 255)
    result = baked(square(), square(), [colour_layer(Coat(picture(pixels)), alpha=True)], BakeRequest(16, 0.01))
    assert result.maps["baseColor"].shape == (16, 16, 4)
    assert (result.maps["baseColor"][2:-2, 2:-2, :3] == (255, 0, 0)).all()
    assert np.abs(result.maps["baseColor"][..., 3].astype(int) - 128).max() <= 3


def test_an_opaque_material_has_no_alpha() -> None:
    """OPAQUE beside BLEND in one atlas: what its texture says about alpha is not looked at."""
    pixels = np.full((4, 4, 4), (10, 20, 30, 0), np.uint8)
    coat = Coat(picture(pixels), opaque=True)
    result = baked(square(), square(), [colour_layer(coat, alpha=True)], BakeRequest(8, 0.01))
    assert (result.maps["baseColor"] == (10, 20, 30, 255)).all()


def test_two_slots_fill_one_map() -> None:
    """Occlusion goes to red and roughness and metal to green and blue, from textures of their own."""
    red = Layer("occlusionRoughnessMetallic", "data", "r", [Coat(picture(np.full((2, 2, 3), 51)))])
    rest = Layer("occlusionRoughnessMetallic", "data", "gb", [Coat(factor=(0.0, 0.4, 1.0, 0.0))])
    result = baked(square(), square(), [red, rest], BakeRequest(8, 0.01))
    assert (result.maps["occlusionRoughnessMetallic"] == (51, 102, 255)).all()


def test_only_the_maps_that_are_asked_for_are_made() -> None:
    """A level that keeps the source's charts needs its normal map alone."""
    layers = [colour_layer(plain(1, 1, 1)), Layer("normal", "normal", "rgb", [Coat()])]
    result = baked(square(), square(), layers, BakeRequest(8, 0.01, maps=("normal",)))
    assert list(result.maps) == ["normal"]
    assert (result.maps["normal"] == (128, 128, 255)).all()


def far_apart() -> Surface:
    """Two charts in opposite corners of the texture."""
    left, right = moved_uvs(square(), (0.3, 0.3), (0.05, 0.05)), moved_uvs(square(1.0), (0.3, 0.3), (0.6, 0.6))
    return joined(left, right)


def test_gutters_carry_the_charts_edge_through_the_mips() -> None:
    """Eight texels about a red chart are red, and no texel of any mip that a chart covers shows the blue one."""
    level, px = far_apart(), 128
    source = joined(square(), square(1.0))
    layers = [colour_layer(plain(1, 0, 0), plain(0, 0, 1))]
    result = baked(source, level, layers, BakeRequest(px, 0.01, gutter=8))
    colour = result.maps["baseColor"].astype(int)
    low, high = int(0.05 * px), int(0.35 * px) + 1
    assert (colour[max(low - 8, 0) : high + 8, max(low - 8, 0) : high + 8] == (255, 0, 0)).all()
    assert result.coverage[:low].sum() == 0
    mip = colour
    for _ in range(3):  # until a texel is as wide as the gutter
        mip = (mip[::2, ::2] + mip[1::2, ::2] + mip[::2, 1::2] + mip[1::2, 1::2]) // 4
        size = len(mip)
        chart = slice(int(0.05 * size), int(0.35 * size) + 1)
        assert (mip[chart, chart] == (255, 0, 0)).all()
    # All in between is a mixture of the two, nothing foreign.
    assert (colour.sum(axis=2) > 180).all()
    assert (colour[..., 1] == 0).all()


def test_small_charts_leave_no_texel_empty() -> None:
    """A triangle that covers the middle of no texel still shows in those that it touches."""
    level = moved_uvs(square(), (0.02, 0.02), (0.505, 0.505))
    result = baked(square(), level, [colour_layer(plain(0, 1, 0))], BakeRequest(16, 0.01))
    assert result.coverage.sum() >= 1
    assert (result.maps["baseColor"] == (0, 255, 0)).all()
