"""Structural similarity, and where it is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Material, Primitive
from assetpipe.baking.occlusion import NAME
from assetpipe.quality import likeness as module
from assetpipe.quality.likeness import C1, C2, likeness, reached, ssim
from assetpipe.quality.render import Frame
from assetpipe.scores import picture_ssim
from tests.shapes import box, scene, sphere
from tests.textures.pictures import png


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def blurred(picture: Array, strength: int, seed: int = 1) -> Array:
    """With noise of up to `strength` added."""
    added = np.random.default_rng(seed).integers(-strength, strength + 1, picture.shape)
    return np.clip(picture.astype(int) + added, 0, 255).astype(np.uint8)


def by_definition(one: Array, other: Array, row: int, column: int) -> float:
    """Wang et al. 2004, formula 13, at one pixel at least five from the edge: sums over the window, written out."""
    away = np.arange(-5, 6)
    weights = np.exp(-(away[:, None] ** 2 + away[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    x, y = (picture[row - 5 : row + 6, column - 5 : column + 6].astype(np.longdouble) for picture in (one, other))
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variance_x, variance_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
    return float(luminance * structure)


@pytest.mark.parametrize("strength", [3, 40, 200])
def test_ssim_is_what_its_paper_says(strength: int) -> None:
    """Each pixel against the formula written out, in extended precision; the mean of them too."""
    one = noise(40, 33)
    other = blurred(one, strength)
    where = np.zeros(one.shape, bool)
    where[5:-5, 5:-5] = np.random.default_rng(4).random((30, 23)) > 0.5
    expected = [by_definition(one, other, row, column) for row, column in np.argwhere(where)]
    assert ssim(one, other, where) == pytest.approx(np.mean(expected), abs=1e-6)


def test_ssim_of_known_pictures() -> None:
    """Equal: 1. Black on white: only C1 is left. A picture and its negative: below zero."""
    white, black = np.full((32, 32), 255, np.uint8), np.zeros((32, 32), np.uint8)
    assert ssim(noise(32, 32, 3), noise(32, 32, 3)) == 1.0
    assert ssim(white, black) == pytest.approx(C1 / (255**2 + C1), abs=1e-6)
    assert ssim(noise(32, 32), 255 - noise(32, 32)) < -0.5


def test_channels_are_averaged() -> None:
    """A part that takes another colour of the same brightness is seen: one channel in three is wrong."""
    one = noise(48, 48, 3)
    other = one.copy()
    other[..., 0] = noise(48, 48, seed=9)
    parts = [ssim(one[..., channel], other[..., channel]) for channel in range(3)]
    assert parts[1:] == [1.0, 1.0]
    assert ssim(one, other) == pytest.approx(np.mean(parts), abs=1e-6)


def test_the_edge_of_a_picture_goes_on_mirrored() -> None:
    """SSIM at the edge of a picture is that of the picture continued symmetrically."""
    one, other = noise(30, 30), noise(30, 30, seed=5)
    wide = [np.pad(picture, 8, mode="symmetric") for picture in (one, other)]
    inside = np.zeros(wide[0].shape, bool)
    inside[8:-8, 8:-8] = True
    assert ssim(one, other) == ssim(wide[0], wide[1], inside)


def test_bands_do_not_change_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of rows at once, to the last digit."""
    one, other, where = noise(70, 50, 3), noise(70, 50, 3, seed=2), noise(70, 50) > 99
    found = []
    for rows in (1, 7, 64, 1000):
        monkeypatch.setattr(module, "BAND", rows)
        found.append(ssim(one, other, where))
    assert len(set(found)) == 1


def test_where_nothing_is_asked_everything_is_alike() -> None:
    """An empty region has no faults."""
    assert ssim(noise(16, 16), noise(16, 16, seed=1), np.zeros((16, 16), bool)) == 1.0


def test_a_region_reaches_as_far_as_the_window() -> None:
    """Five pixels in every direction, and no further, at the picture's edge too."""
    where = np.zeros((30, 30), bool)
    where[1, 15] = True
    grown = reached(where)
    assert grown.sum() == 7 * 11
    assert grown[:7, 10:21].all()


def frame(picture: Array, covered: Array) -> Frame:
    """A model that covers `covered` (px, px) and sends `picture` (px, px) of grey light, 0..1."""
    light = np.repeat((picture * covered)[..., None], 4, axis=2).astype(np.float32)
    light[..., 3] = covered
    return Frame(light, covered.astype(np.float32), np.zeros(covered.shape, np.float32))


def test_an_empty_background_does_not_flatter() -> None:
    """The same small model in a picture twice as large scores the same."""
    rng = np.random.default_rng(6)
    one, other = rng.random((40, 40)), rng.random((40, 40))
    covered = np.zeros((40, 40))
    covered[10:30, 12:28] = 1
    tight = likeness([frame(one, covered)], [frame(other, covered)]).worst
    wide = likeness(*([frame(np.pad(each, 40), np.pad(covered, 40))] for each in (one, other))).worst
    assert wide == tight
    assert tight < 0.7
    assert ssim(*(frame(np.pad(each, 40), np.pad(covered, 40)).over(0.2) for each in (one, other))) > 0.9


def test_a_model_that_is_gone_is_not_alike() -> None:
    """Its place counts, though the level shows nothing there."""
    covered = np.zeros((40, 40))
    covered[10:30, 12:28] = 1
    white = np.ones((40, 40))
    assert likeness([frame(white, covered)], [frame(white, covered * 0)]).worst < 0.5


def test_pictures_of_scenes_are_compared_from_six_sides() -> None:
    """A ball is like itself; fewer triangles, another colour, a missing part: each costs, and more costs more."""
    red, brown = (
        Material({"pbrMetallicRoughness": {"baseColorFactor": [*rgb, 1], "metallicFactor": 0}})
        for rgb in ((0.8, 0.1, 0.1), (0.4, 0.2, 0.1))
    )
    ball = scene(sphere(64, material=0), materials=(red,))
    assert picture_ssim(ball, ball, 96).views == (1.0,) * 6
    finer, coarser = (picture_ssim(ball, scene(sphere(n, material=0), materials=(red,)), 96).mean for n in (32, 12))
    assert 1.0 > finer > coarser > 0.7
    assert picture_ssim(ball, replace(ball, materials=(brown,)), 96).worst < 0.95
    # A single dark side: five views are right, and the sixth tells.
    marked = scene(sphere(64, material=0), lid(), materials=(red,))
    found = picture_ssim(ball, marked, 96)
    assert found.views.index(found.worst) == 4
    assert found.views[5] == 1.0


def test_occlusion_that_was_asked_for_is_no_loss() -> None:
    """A level with occlusion baked on request is like its source, which has none, and like one that has its author's;
    occlusion of another name is a difference."""
    dark = np.zeros((4, 4, 3), np.uint8)
    painted = Material({"occlusionTexture": {"index": 0}})
    bare, baked, other = (
        scene(sphere(32, material=0), materials=(material,), images=images, textures=[{"source": 0}] * len(images))
        for material, images in (
            (Material({}), ()),
            (painted, (replace(png(dark), json={"name": NAME}),)),
            (painted, (replace(png(dark), json={"name": "cavities"}),)),
        )
    )
    assert picture_ssim(bare, baked, 64).worst == 1.0
    assert picture_ssim(other, baked, 64).worst == 1.0
    assert picture_ssim(bare, other, 64).worst < 0.9


def lid() -> Primitive:
    """A small box that only shows from above and a little from the sides."""
    shape = box(0.5)
    return replace(shape, attributes={**shape.attributes, "POSITION": shape.positions + np.float32([0, 0.74, 0])})
