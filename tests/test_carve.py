"""What a pixel of a level's screen is: the measure of how far its surface may stray."""

from __future__ import annotations

from itertools import permutations

import pytest

from assetpipe.carve import coarsest_pixel, pixel
from assetpipe.config import load_config
from assetpipe.geometry import Bounds

PREVIEW = load_config().levels["preview"]


def bounds(*sides: float) -> Bounds:
    x, y, z = sides
    return Bounds((-x / 2, -y / 2, -z / 2), (x / 2, y / 2, z / 2), (x * x + y * y + z * z) ** 0.5 / 2)


@pytest.mark.parametrize("sides", [*permutations((0.035, 0.285, 0.66))])
def test_a_pixel_is_that_of_the_side_that_fills_the_screen_first(sides: tuple[float, float, float]) -> None:
    """A racket seen from its end is 0.285 m wide: that is what 256 pixels show then, however the racket lies."""
    assert pixel(PREVIEW, bounds(*sides)) == pytest.approx(0.285 / 256)


def test_a_stick_is_not_looked_at_with_its_end_filling_the_screen() -> None:
    """Two metres long and a centimetre thick: its pixel is a quarter of that which shows all of it, not the end's."""
    stick = bounds(0.01, 2.0, 0.01)
    assert pixel(PREVIEW, stick) == pytest.approx(0.25 * coarsest_pixel(PREVIEW, stick))


@pytest.mark.parametrize("sides", [(1.0, 1.0, 1.0), (0.0, 1.0, 2.0), (0.0, 0.0, 1.0)])
def test_no_side_shows_an_asset_smaller_than_its_sphere(sides: tuple[float, float, float]) -> None:
    """What mip levels a level uses follows from the coarsest pixel, how far it may stray from the finest; a sheet and a
    line have both."""
    assert 0 < pixel(PREVIEW, bounds(*sides)) <= coarsest_pixel(PREVIEW, bounds(*sides))


def test_what_draws_nothing_may_stray_nowhere() -> None:
    """A point has no side; its pixel is 0, not a fault."""
    assert pixel(PREVIEW, bounds(0.0, 0.0, 0.0)) == 0.0
