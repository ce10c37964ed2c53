"""The rules of places: who keeps which texels, how sharp things are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from assetpipe.asset import Array, Material, Primitive, Scene
from assetpipe.atlas import Sizes, place, plan_atlas
from assetpipe.atlas.kernels.packing import pack
from assetpipe.atlas.layout import Layout
from assetpipe.container import prune
from tests.atlas.looks import FINE, bilinear, look, pictures, quad, scene, settings, spots, square, uvs_at
from tests.textures.pictures import cloth, png

COLOURS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (250, 250, 20), (20, 250, 250), (250, 20, 250))


def patched(background: tuple[int, int, int] = (0, 0, 0), larger: int = 1) -> Scene:
    """Two materials; on the first one's picture six islands, each of one colour, on a background that must not be
    seen. `larger`: the pictures, times 128²."""
    pixels = np.full((128, 128, 3), background, np.uint8)
    islands, quads = (
        [(5, 7, 40, 33), (50, 3, 57, 90), (70, 10, 120, 14), (3, 60, 30, 122), (70, 70, 71, 71), (80, 90, 124, 124)],
        [],
    )
    for at, ((left, top, right, bottom), colour) in enumerate(zip(islands, COLOURS, strict=True)):
        pixels[top - 1 : bottom + 1, left - 1 : right + 1] = colour
        quads.append(
            quad(np.array(square(left, top, right, bottom)) / 128, 0, side=0.1 + (right - left) / 128, at=2 * at)
        )
    other = np.full((128, 128, 3), (130, 130, 130), np.uint8)
    quads.append(quad(square(0.1, 0.1, 0.9, 0.9), 1, at=14))
    materials = [Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": at}}}) for at in (0, 1)]
    return scene(
        quads, materials, [png(each.repeat(larger, axis=0).repeat(larger, axis=1)) for each in (pixels, other)]
    )


def halved(pixels: Array) -> Array:
    height, width = pixels.shape[:2]
    return pixels.reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))


@pytest.mark.parametrize("finest", [1024, 128])
def test_padding_never_bleeds(finest: int) -> None:
    """On every mip level down to one texel per cell a bilinear lookup anywhere on a chart reads that chart alone, also
    where charts had to be made smaller."""
    assert_clean(patched(), Sizes(finest, coarsest=32))


@pytest.mark.parametrize("metres", [1 / 40, 1 / 100])
def test_padding_holds_on_every_mip_that_a_screen_shows(metres: float) -> None:
    """512 texels a metre, on a screen whose pixels span so much: clean down to the mip with a texel for each pixel,
    although the level's own picture is no smaller. The sheet is no larger."""
    source = patched(larger=4)
    seen = assert_clean(source, Sizes(1024, coarsest=1024, pixel=metres))
    assert seen.cell == 2 ** math.ceil(math.log2(512 * metres))
    unseen = plan_atlas(source, settings(), Sizes(1024, coarsest=1024), pictures()).atlases[0].layout
    assert (unseen.cell, unseen.size) == (4, seen.size)
    assert (seen.scale / unseen.scale).min() >= 0.89


def assert_clean(source: Scene, sizes: Sizes) -> Layout:
    plan = plan_atlas(source, settings(), sizes, pictures())
    result = prune(place(source, plan, pictures()))
    layout = plan.atlases[0].layout
    level = pictures().decode(result.images[0]).astype(np.float64)
    (primitive,) = result.meshes[0].primitives
    faces, weights = spots(primitive, 200)
    on_edges = np.where(
        np.arange(len(weights))[:, None] % 3 == 0, np.roll(np.eye(3), 1, axis=0)[np.arange(len(weights)) % 3], weights
    )
    uvs = uvs_at(primitive, faces, on_edges)
    wanted = np.array([*COLOURS, (130, 130, 130)], float).repeat(2 * 200, axis=0)
    for _ in range(layout.cell.bit_length()):
        np.testing.assert_allclose(bilinear(level, uvs), wanted, atol=1)
        level = halved(level)
    assert level.shape[0] == layout.size[1] // layout.cell // 2
    return layout


def test_what_had_to_give_is_equally_sharp() -> None:
    """Pictures of one size on surfaces of very different sizes: texels per metre come out within a factor of 2, but for
    what was coarser from the start."""
    sides = (1.0, 0.5, 0.25, 2.0)
    source = scene(
        [quad(square(0, 0, 1, 1), at, side=side, at=6 * at) for at, side in enumerate(sides)],
        [Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": at}}}) for at in range(4)],
        [png(cloth(128, seed=at)) for at in range(4)],
    )
    plan = plan_atlas(source, settings(), Sizes(finest=256, coarsest=64), pictures())
    layout = plan.atlases[0].layout
    density = layout.scale * 128 / np.array(sides)
    gave = layout.scale < 1
    assert gave.tolist() == [True, True, True, False]
    assert density[gave].max() / density[gave].min() < 1.1
    assert density[gave].min() > density[3] == 64


def test_what_fits_is_not_made_coarser() -> None:
    """All patches at a scale of one where the finest level has room for them."""
    plan = plan_atlas(patched(), settings(), FINE, pictures())
    np.testing.assert_array_equal(plan.atlases[0].layout.scale, 1.0)


def test_the_sheet_is_no_larger_than_the_level() -> None:
    """However much there is to hold."""
    for finest in (64, 100, 256):
        layout = plan_atlas(patched(), settings(), Sizes(finest, 32), pictures()).atlases[0].layout
        assert max(layout.size) <= finest


def test_a_checker_keeps_its_lines() -> None:
    """Lines of a checker cross the surface where they did, to a tenth of a texel."""
    rows, columns = np.indices((128, 128)) // 16
    checker = np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    source = scene(
        [quad(square(-0.3, 0.2, 1.4, 0.9), 0), quad(square(0, 0, 1, 1), 1, at=2)],
        [Material({"pbrMetallicRoughness": {"baseColorTexture": {"index": at}}}) for at in (0, 1)],
        [png(checker), png(cloth(64))],
    )
    plan = plan_atlas(source, settings(), FINE, pictures())
    result = prune(place(source, plan, pictures()))
    atlas = pictures().decode(result.images[0]).astype(float)
    along = np.linspace(0.01, 0.99, 4000)
    for line in (0.25, 0.5, 0.75):
        uvs = [np.stack([along, np.full_like(along, line)], axis=1)]
        before = bilinear(checker.astype(float), [-0.3, 0.2] + uvs[0] * [1.7, 0.7], (10497, 10497))[:, 0]
        corners = result.meshes[0].primitives[0].attributes["TEXCOORD_0"][:4].astype(float)
        across, up = corners[3] - corners[2], corners[0] - corners[2]
        after = bilinear(atlas, corners[2] + uvs[0][:, :1] * across + uvs[0][:, 1:] * up)[:, 0]
        assert np.abs(before - after).max() < 25  # of 255 over one texel


masks = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**16)).map(
        lambda made: np.random.default_rng(made[2]).random(made[:2]) < 0.7
    ),
    min_size=1,
    max_size=30,
)


@effort(max_examples=60, deadline=None)
@given(masks)
def test_no_two_patches_share_a_cell(drawn: list[Array]) -> None:
    """Whatever their shapes; what does not fit is refused, not squeezed."""
    drawn = [mask for mask in drawn if mask.any()]
    places = pack(drawn, (16, 24))
    if places is None:
        assert sum(int(mask.sum()) for mask in drawn) > 100
        return
    taken = np.zeros((24, 16), int)
    for (left, top), mask in zip(places, drawn, strict=True):
        taken[top : top + mask.shape[0], left : left + mask.shape[1]] += mask
    assert taken.max(initial=0) <= 1
    assert taken.sum() == sum(int(mask.sum()) for mask in drawn)


def test_small_patches_lie_inside_large_rings() -> None:
    """Shapes are packed, not their boxes."""
    ring = np.ones((12, 12), bool)
    ring[2:-2, 2:-2] = False
    places = pack([ring, np.ones((8, 8), bool)], (12, 12))
    assert places is not None
    assert places.tolist() == [[0, 0], [2, 2]]


def test_padding_is_as_wide_as_the_levels_need() -> None:
    """A cell is a texel of the mip level below the coarsest level's picture."""
    atlas = plan_atlas(patched(), settings(), replace(FINE, coarsest=32), pictures()).atlases[0]
    assert atlas.layout.cell == 2 * max(atlas.layout.size) // 32


def test_more_colours_than_a_sheet_has_room_for_share_several() -> None:
    """A hundred plain colours where sixteen blocks of the coarsest level fill a sheet: each is what it was, in a few
    draw calls, and nothing fails."""
    colours = np.random.default_rng(1).random((100, 3))
    materials = [Material({"pbrMetallicRoughness": {"baseColorFactor": [*colour, 1]}}) for colour in colours.tolist()]
    source = scene([quad(square(0, 0, 1, 1), at, at=2.0 * at) for at in range(100)], materials, [])
    plan = plan_atlas(source, settings(), Sizes(finest=256, coarsest=64), pictures())
    result = prune(place(source, plan, pictures()))
    assert [len(plan.atlases), len(result.materials)] == [8, 8]
    shown = {round(at / 2): colour for each in result.meshes[0].primitives for at, colour in _colours(result, each)}
    np.testing.assert_allclose([shown[at][:3] for at in range(100)], colours, atol=0.006)


def _colours(found: Scene, primitive: Primitive) -> Iterator[tuple[float, Array]]:
    """Where each square begins, and what it shows there."""
    first = np.arange(0, len(primitive.positions), 4)
    where = first[:, None].repeat(3, axis=1), np.tile([1.0, 0.0, 0.0], (len(first), 1))
    yield from zip(primitive.positions[first, 0].tolist(), look(found, primitive, where)["baseColor"], strict=True)
