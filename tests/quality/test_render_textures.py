"""How textures look on what is drawn: where they lie, how they repeat, and what distance makes of them."""

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Json, Material
from assetpipe.quality.drawables import Drawable, Texture
from assetpipe.quality.pyramids import pyramid
from tests.quality.drawing import (
    BLUE,
    CLAMP,
    GREEN,
    MIRROR,
    RED,
    WHITE,
    colour_at,
    drawable,
    front,
    square,
    texels,
    unlit,
)


def test_the_first_row_of_a_texture_is_its_top() -> None:
    """glTF puts UV (0, 0) at the top left."""
    frame = front(drawable(square(), unlit()), texture=texels([RED, GREEN], [BLUE, WHITE]), wrap=CLAMP)
    corners = [colour_at(frame, x, y) for x, y in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))]
    assert corners == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [(10497, [RED, BLUE, RED, BLUE]), (MIRROR, [RED, BLUE, BLUE, RED]), (CLAMP, [RED, BLUE, BLUE, BLUE])],
)
def test_textures_go_on_as_their_sampler_says(wrap: int, expected: list[tuple[int, ...]]) -> None:
    """Repeated, mirrored or clamped; UVs run from 0 to 2 across the square."""
    stripes = np.repeat(texels([RED, BLUE]), 16, axis=1).repeat(32, axis=0)
    frame = front(drawable(square(2.0), unlit()), texture=stripes, wrap=wrap)
    assert [colour_at(frame, x, 0.5) for x in (0.13, 0.38, 0.63, 0.87)] == expected


def test_texture_transform_scales_turns_and_moves() -> None:
    """A quarter turn brings the left edge of the picture to another side; an offset of half swaps the halves."""
    stripes = np.repeat(texels([RED, BLUE]), 16, axis=1).repeat(32, axis=0)

    def at(transform: Json, x: float, y: float) -> tuple[int, ...]:
        info = {"index": 0, "extensions": {"KHR_texture_transform": transform}}
        material = {**unlit(), "pbrMetallicRoughness": {"baseColorTexture": info}}
        return colour_at(front(drawable(square(), material), texture=stripes), x, y)

    assert at({"offset": [0.5, 0.0]}, 0.25, 0.5) == BLUE
    assert at({"scale": [2.0, 1.0]}, 0.38, 0.5) == BLUE
    # rotation r: u' = cos(r) u + sin(r) v, so at a quarter turn u' is v: red above blue.
    assert (at({"rotation": np.pi / 2}, 0.5, 0.2), at({"rotation": np.pi / 2}, 0.5, 0.8)) == (RED, BLUE)


def test_distance_averages_textures_in_linear_light() -> None:
    """A fine black and white board seen from afar is half as bright as white: sRGB 188, not 128."""
    board = np.zeros((256, 256, 4), np.uint8)
    board[..., 3] = 255
    board[::2, ::2, :3] = board[1::2, 1::2, :3] = 255
    frame = front(drawable(square(), unlit()), texture=board, px=32)
    assert colour_at(frame, 0.5, 0.5)[0] == pytest.approx(188, abs=1)


def test_every_level_of_a_pyramid_has_the_same_mean() -> None:
    """Halving neither darkens nor shifts, down to one texel, whatever the size."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 32, 4)).astype(np.uint8)
    levels = pyramid(Texture(noise), colour=False, px=64)
    assert [level.shape[:2] for level in levels] == [(64, 32), (32, 16), (16, 8), (8, 4), (4, 2), (2, 1), (1, 1)]
    assert all(abs(float(level.mean()) - float(noise.mean())) < 1.5 for level in levels)
    assert pyramid(Texture(noise), colour=True, px=20)[0].shape[:2] == (16, 8)


def test_missing_textures_normals_and_uvs_leave_the_factors() -> None:
    """A material whose texture did not decode shows its colour."""
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 5}, "baseColorFactor": [0, 0, 1, 1]},
        "extensions": {"KHR_materials_unlit": {}},
    }
    bare = Drawable(square().positions, square().indices, material=Material(material))
    assert colour_at(front(bare), 0.5, 0.5) == BLUE


def test_uvs_that_are_no_numbers_are_drawn_as_something() -> None:
    """NaN and infinity address no texel, and crash nothing."""
    for value in (np.nan, np.inf, -np.inf, 1e30):
        odd = replace(drawable(square(), unlit()), uvs={0: np.full((4, 2), value, np.float32)})
        for wrap in (10497, MIRROR, CLAMP):
            assert front(odd, texture=texels([RED, BLUE], [BLUE, RED]), wrap=wrap).coverage[32, 32] == 1
