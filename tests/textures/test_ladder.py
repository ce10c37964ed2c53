"""The ladder by which a level comes under its size limit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from assetpipe.config import Textures, load_config
from assetpipe.textures import TextureCache, TextureTarget, encode_textures, ladder
from tests.textures.pictures import bumps, cloth, material, png, scene

DEFAULTS = load_config().textures


def rungs(px: int = 512, **changes: object) -> list[TextureTarget]:
    return [target for target, _ in ladder(settings(**changes), px, screen_px=0)]


def settings(**changes: object) -> Textures:
    return Textures.model_validate({**DEFAULTS.model_dump(), **changes})


def test_the_first_rung_is_what_the_settings_ask_for() -> None:
    first, note = next(ladder(DEFAULTS, 512, screen_px=0))
    qualities = (first.colour_quality, first.normal_quality, first.data_quality)
    assert (first.format, first.px, first.dropped) == ("webp", 512, frozenset())
    assert qualities == (DEFAULTS.colour_quality, DEFAULTS.normal_quality, DEFAULTS.data_quality)
    assert note == ""


@pytest.mark.parametrize("power_of_two", [True, False])
@pytest.mark.parametrize("px", [4096, 1000, 64, 16])
def test_no_rung_asks_for_more_than_the_one_above(px: int, *, power_of_two: bool) -> None:
    steps = rungs(px, power_of_two=power_of_two)
    for above, below in pairwise(steps):
        assert below.px <= above.px
        assert below.colour_quality <= above.colour_quality
        assert below.normal_quality <= above.normal_quality
        assert below.data_quality <= above.data_quality
        assert below.dropped >= above.dropped
        assert below != above


def test_quality_goes_before_size_and_size_before_maps() -> None:
    steps = rungs()
    first_smaller = next(i for i, step in enumerate(steps) if step.px < 512)
    first_dropped = next(i for i, step in enumerate(steps) if step.dropped)
    assert steps[first_smaller - 1].colour_quality == steps[first_smaller - 1].data_quality == DEFAULTS.min_quality
    assert steps[first_dropped - 1].px == DEFAULTS.min_px


def test_the_last_rung_is_the_least_that_the_settings_allow() -> None:
    last = rungs()[-1]
    assert (last.px, last.colour_quality, last.normal_quality, last.data_quality) == (64, 50, 50, 50)
    assert "baseColor" not in last.dropped
    assert {"emissive", "normal", "occlusion", "metallicRoughness", "sheenColor"} <= last.dropped


def test_emissive_maps_go_first_then_normals() -> None:
    dropped = [step.dropped for step in rungs() if step.dropped]
    assert dropped[0] == {"emissive"}
    assert dropped[1] == {"emissive", "normal", "clearcoatNormal", "anisotropy"}


def test_settings_below_their_own_minimum_stay_as_they_are() -> None:
    assert {step.colour_quality for step in rungs(colour_quality=30)} == {30}
    assert rungs(px=32)[-1].px == 32


def test_png_has_no_quality_to_give_up() -> None:
    assert [step.px for step in rungs(format="png") if not step.dropped] == [512, 256, 128, 64]


def test_every_rung_but_the_first_says_what_it_gives_up_and_why() -> None:
    notes = [note for _, note in ladder(DEFAULTS, 512, screen_px=0, max_bytes=250_000)]
    assert notes[1] == "textures at quality 80 (colour), 85 (normals) and 75 (data) to stay under 250,000 bytes"
    assert notes[9] == "textures of at most 256 px at quality 50 to stay under 250,000 bytes"
    assert (
        notes[-1] == "textures with base colour maps only, of at most 64 px at quality 50 to stay under 250,000 bytes"
    )
    assert len(set(notes)) == len(notes)


@pytest.mark.parametrize("kind", ["webp", "jpeg", "png"])
def test_every_rung_is_smaller_than_the_one_above(kind: str) -> None:
    """Or as small: what the pipeline's bisection relies on."""
    maps = [png(cloth(64, 4)), png(bumps(64)), png(cloth(64, seed=2)), png(cloth(64, seed=5))]
    source = scene(
        material({"alphaMode": "BLEND"}, baseColor=0, normal=1, metallicRoughness=2, occlusion=2, emissive=3),
        images=maps,
    )
    cache = TextureCache()
    sizes = []
    for target, _ in ladder(settings(format=kind, min_px=16), 64, screen_px=0):
        out = encode_textures(source, target, cache)
        used = {slot.texture for slot in out.materials[0].textures}
        sizes.append(sum(len(out.images[index].data) for index in used))
    assert all(below <= above for above, below in pairwise(sizes)), sizes
    assert np.argmin(sizes) == len(sizes) - 1
