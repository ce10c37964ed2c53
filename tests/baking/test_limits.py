"""What the baker does with surfaces that have nothing to show, and that it gives the same bytes whatever runs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Material
from assetpipe.baking import BakeRequest, Coat, Layer, Occlusion, Surface, bake, stage_source
from assetpipe.baking.cells import sort_into_cells
from assetpipe.baking.materials import read_layers
from assetpipe.errors import ServiceUnavailable
from assetpipe.queries import device
from tests import shapes
from tests.baking.scenes import baked, colour_layer, joined, normal_layer, picture, plain, square, surface


def all_layers() -> list[Layer]:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3))
    orm = Layer("occlusionRoughnessMetallic", "data", "rgb", [Coat(picture(noise))])
    return [colour_layer(Coat(picture(noise))), normal_layer(Coat(picture(noise))), orm]


@pytest.mark.parametrize("occlusion", [None, Occlusion(rays=4)])
@pytest.mark.parametrize("samples", [1, 4, 16])
def test_threads_change_no_byte(samples: int, occlusion: Occlusion | None) -> None:
    """One thread, two and five: the same maps."""
    source = stage_source(surface(shapes.torus(64)), all_layers(), "cpu")
    level, request = surface(shapes.torus(24)), BakeRequest(150, 0.05, samples=samples, occlusion=occlusion)
    first, *others = [bake(source, level, replace(request, threads=threads)) for threads in (1, 2, 5)]
    for other in others:
        assert first.misses == other.misses
        assert (first.coverage == other.coverage).all()
        for name, texels in first.maps.items():
            assert (texels == other.maps[name]).all(), name


def test_the_same_triangles_are_sorted_once() -> None:
    """A source staged like another, its vertices in other numbers, bakes the same bytes, from the same hierarchy."""
    torus = surface(shapes.torus(64))
    corners = torus.indices.astype(int)
    split = Surface(
        torus.positions[corners],
        np.arange(len(corners), dtype=np.uint32),
        None if torus.normals is None else torus.normals[corners],
        None if torus.tangents is None else torus.tangents[corners],
        {0: torus.uvs[0][corners]},
    )
    plain = stage_source(torus, [normal_layer()], "cpu")
    own, shared = (stage_source(split, all_layers(), "cpu", like) for like in (None, plain))
    assert shared.alive is plain.alive is not own.alive
    one, other = (bake(each, surface(shapes.torus(24)), BakeRequest(96, 0.05)) for each in (own, shared))
    assert all((texels == other.maps[name]).all() for name, texels in one.maps.items())


def test_a_level_beyond_the_distance_is_a_miss_and_still_finite() -> None:
    """Nothing is met: the share says so, nothing counts as covered, and the maps are flat."""
    result = baked(square(), square(5.0), [normal_layer(), colour_layer(plain(1, 0, 0))], BakeRequest(32, 0.1))
    assert result.misses == 1
    assert result.coverage.sum() == 0
    assert (result.maps["normal"] == (128, 128, 255)).all()
    assert (result.maps["baseColor"] == 255).all()


def test_what_misses_is_filled_from_around_it() -> None:
    """Half of the level lies off the source: its texels take the colour of those that met it."""
    level = replace(square(), positions=square().positions + np.array([0.5, 0, 0], np.float32))
    result = baked(square(), level, [colour_layer(plain(0, 0, 1))], BakeRequest(32, 0.01))
    assert 0.4 < result.misses < 0.6
    assert (result.maps["baseColor"] == (0, 0, 255)).all()


def test_a_source_seen_from_behind_is_a_miss() -> None:
    """A face that looks the other way is no answer, however near it is."""
    assert baked(square(), square(facing=-1.0), [normal_layer()], BakeRequest(16, 0.1)).misses == 1


@pytest.mark.parametrize("px", [1, 33])
def test_triangles_without_area_show_nothing(px: int) -> None:
    """A level with triangles that have no area in space, in UV, or UVs outside the texture or not finite."""
    level = square()
    indices = np.array([*level.indices, 0, 0, 1, 1, 1, 1], np.uint32)
    lines = replace(level, indices=indices)
    assert baked(level, lines, [normal_layer()], BakeRequest(px, 0.01)).misses == 0
    for bad in (np.zeros((4, 2)), np.full((4, 2), np.nan), level.uvs[0] + 7.0):
        broken = replace(level, uvs={0: bad.astype(np.float32)})
        assert baked(level, broken, [normal_layer()], BakeRequest(px, 0.01)).coverage.sum() == 0
    squashed = replace(level, positions=np.zeros((4, 3), np.float32))
    assert np.isfinite(baked(level, squashed, all_layers(), BakeRequest(px, 0.01)).misses)


def test_an_empty_level_and_an_empty_source_give_maps() -> None:
    """Nothing in, flat maps out."""
    none = np.zeros(0, np.uint32)
    assert baked(square(), replace(square(), indices=none), all_layers(), BakeRequest(16, 0.1)).misses == 0
    assert baked(replace(square(), indices=none), square(), all_layers(), BakeRequest(16, 0.1)).misses == 1


def test_far_from_the_origin_nothing_is_lost() -> None:
    """Positions are taken about the source's centre: 10 km away a square metre bakes as it does at home."""
    away = np.array([8192.0, -4096.0, 4096.0], np.float32)
    moved = replace(square(), positions=square().positions + away)
    layers = all_layers()
    here, there = (baked(each, each, layers, BakeRequest(32, 0.01)) for each in (square(), moved))
    assert there.misses == 0
    for name, texels in here.maps.items():
        assert np.abs(texels.astype(int) - there.maps[name]).max() <= 1


def test_more_triangles_than_texels_are_sampled_more_often() -> None:
    """A texel that shows hundreds of triangles takes 16 samples, one that shows tens 4, one that shows few one."""
    source = stage_source(surface(shapes.torus(96)), [normal_layer()], "cpu")
    taken = [bake(source, surface(shapes.torus(24)), BakeRequest(px, 0.05)).samples for px in (4, 16, 64)]
    assert taken == [16, 4, 1]


def test_thin_triangles_are_looked_for_where_they_lie() -> None:
    """A fan of 2,000 over 4096²: its triangles touch a hundred cells each, their boxes hold thousands."""
    turns = np.linspace(0, 2 * np.pi, 2001)
    rim = np.stack([np.cos(turns), np.sin(turns)], axis=1) / 2 + 0.5
    fan = np.stack([np.full((2000, 2), 0.5), rim[:-1], rim[1:]], axis=1).astype(np.float32)
    cells = sort_into_cells(fan, 4096, 128, 1.7)
    steps = np.linspace(0, 1, 500)[:, None]
    for face in range(0, 2000, 97):
        along = (fan[face, 0] * (1 - steps) + fan[face, 1] * steps) * 4096
        own = cells.pairs[cells.pairs[:, 0] == face, 1:] // 32
        assert {(x, y) for x, y in (along // 32).astype(int).tolist() if x < 128 and y < 128} <= set(map(tuple, own))
        assert len(own) < 600


def test_materials_are_read_as_layers() -> None:
    """Factors go into texels; light above 1 and thickness leave a factor; one picture of occlusion, roughness and metal
    is one layer."""
    image = picture(np.full((2, 2, 3), 128))
    packed = {"index": 3, "extensions": {"KHR_texture_transform": {"offset": [0.25, 0], "scale": [2, 2]}}}
    bright = Material(
        {
            "pbrMetallicRoughness": {"metallicFactor": 0.5, "roughnessFactor": 1.0, "metallicRoughnessTexture": packed},
            "occlusionTexture": {**packed, "strength": 0.5},
            "emissiveFactor": [0.5, 0.25, 0],
            "extensions": {
                "KHR_materials_emissive_strength": {"emissiveStrength": 4},
                "KHR_materials_clearcoat": {"clearcoatFactor": 0.8},
            },
        }
    )
    dull = Material({"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 1, 0.5]}})
    read = read_layers([bright, dull], {3: image})
    assert [(layer.map, layer.channels) for layer in read.layers] == [
        ("baseColor", "rgba"),
        ("normal", "rgb"),
        ("occlusionRoughnessMetallic", "rgb"),
        ("emissive", "rgb"),
        ("clearcoat", "r"),
        ("clearcoat", "g"),
    ]
    assert read.factors == {"emissive": 2.0}
    source = joined(square(), square(1.0))
    result = baked(source, square(), read.layers, BakeRequest(8, 0.01))
    assert (result.maps["baseColor"] == (255, 255, 255, 255)).all()
    assert (result.maps["occlusionRoughnessMetallic"] == (192, 128, 64)).all()
    assert (result.maps["emissive"] == (255, 188, 0)).all()
    assert (result.maps["clearcoat"][..., :2] == (204, 0)).all()
    above = baked(source, square(1.0), read.layers, BakeRequest(8, 0.01))
    assert (above.maps["baseColor"] == (0, 0, 255, 128)).all()
    assert (above.maps["emissive"] == 0).all()


def test_a_gpu_that_is_not_there_is_an_error_only_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` goes on with the CPU; `cuda` says what is missing, with the exit code of a missing service."""
    monkeypatch.setattr(device.wp, "is_cuda_available", lambda: False)
    assert device.pick("auto") == device.pick("cpu") == "cpu"
    with pytest.raises(ServiceUnavailable, match="--device cuda") as raised:
        device.pick("cuda")
    assert (raised.value.code, raised.value.exit_code) == ("E_NO_CUDA", 69)


def test_a_normal_map_without_tangents_is_refused() -> None:
    """There is no frame to bake into."""
    bare: Surface = replace(square(), tangents=None)
    with pytest.raises(ValueError, match="tangents"):
        baked(square(), bare, [normal_layer()], BakeRequest(8, 0.01))
