"""The rules by which materials become one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assetpipe.asset import Array, Json, Material, Scene
from assetpipe.atlas import merge, place, plan_atlas
from assetpipe.container import prune
from tests.atlas.looks import FINE, looks, pictures, quad, scene, settings, square
from tests.atlas.merging import assert_alike, merged, noise, painted, two_noises
from tests.textures.pictures import bumps, checkerboard, cloth, png


def test_two_materials_become_one_primitive_that_looks_the_same() -> None:
    """Texels move as they are: at every point the colour is the source's to the last bit of a code."""
    source = two_noises()
    result = merged(source)
    assert [len(result.materials), len(result.images), len(result.meshes[0].primitives)] == [1, 1, 1]
    assert_alike(source, result, 1e-5)


def test_texels_are_copied_to_the_bit() -> None:
    """A chart at a scale of one is found in the atlas as it is in the source."""
    source = two_noises()
    result = merged(source)
    atlas = pictures().decode(result.images[0])
    own = pictures().decode(source.images[1])[39:102, 26:63]
    windows = np.lib.stride_tricks.sliding_window_view(atlas, own.shape)[..., 0, :, :, :]
    assert (windows == own).all(axis=(2, 3, 4)).any()


def test_factors_become_texels() -> None:
    """Colours, roughness, metalness, occlusion's strength, a normal map's scale and emission are what they were."""
    maps = [png(cloth(64, 4)), png(cloth(64, seed=3)), png(bumps(64)), png(cloth(64, seed=5))]
    full = {
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "baseColorFactor": [0.5, 0.9, 0.2, 1.0],
            "metallicRoughnessTexture": {"index": 1},
            "roughnessFactor": 0.7,
            "metallicFactor": 0.4,
        },
        "occlusionTexture": {"index": 1, "strength": 0.6},
        "normalTexture": {"index": 2, "scale": 0.5},
        "emissiveTexture": {"index": 3},
        "emissiveFactor": [1, 0.5, 0],
        "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": 4.0}},
    }
    bumpy = {"normalTexture": {"index": 2, "scale": 1.5}, "occlusionTexture": {"index": 3, "strength": 0.3}}
    plain = {"pbrMetallicRoughness": {"baseColorFactor": [0.02, 0.6, 0.3, 1], "roughnessFactor": 0.2}}
    source = scene(
        [quad(square(0.1, 0.1, 0.8, 0.8), at, at=2 * at) for at in range(3)],
        [Material(full), Material(bumpy), Material(plain)],
        maps,
    )
    result = merged(source)
    assert len(result.meshes[0].primitives) == 1
    # A step of sRGB is 0.009 of light at its brightest; a normal of 8 bits is off by 0.008, more where it is flattened.
    before, after = looks(source), looks(result)
    for name, tolerance in {"baseColor": 0.006, "occlusion": 0.003, "roughness": 0.003, "metallic": 0.003}.items():
        np.testing.assert_allclose(after[name], before[name], atol=tolerance, err_msg=name)
    np.testing.assert_allclose(after["normal"], before["normal"], atol=0.02)
    np.testing.assert_allclose(after["emission"], before["emission"], atol=0.02)


def test_factors_that_all_share_stay_factors() -> None:
    """Where nothing differs, the texels keep their full precision."""
    source = two_noises()
    shared = {"baseColorFactor": [0.05, 0.1, 0.2, 1]}
    materials = tuple(
        Material({"pbrMetallicRoughness": {**each.json["pbrMetallicRoughness"], **shared}}) for each in source.materials
    )
    source = replace(source, materials=materials)
    result = merged(source)
    assert result.materials[0].json["pbrMetallicRoughness"]["baseColorFactor"] == shared["baseColorFactor"]
    assert_alike(source, result, 1e-6)


@pytest.mark.parametrize(
    "transform",
    [
        {"scale": [0.5, 0.5], "offset": [0.2, 0.1]},
        {"scale": [2.0, 3.0]},
        {"scale": [-1.0, 1.0]},
        {"rotation": math.pi / 2},
        {"rotation": 0.4, "scale": [1.5, 1.5], "offset": [0.3, 0.7]},
    ],
)
def test_transforms_of_textures_are_baked(transform: Json) -> None:
    """KHR_texture_transform is gone, what it showed is there."""
    source = scene(
        [quad(square(0.1, 0.1, 0.9, 0.9), 0), quad(square(0.1, 0.2, 0.9, 0.8), 1, at=2)],
        [painted(0, transform), painted(1)],
        [png(cloth(64)), png(cloth(64, seed=9))],
    )
    result = merged(source)
    assert "KHR_texture_transform" not in str(result.materials[0].json)
    assert_alike(source, result, 1e-5)


def test_maps_with_transforms_of_their_own_are_aligned() -> None:
    """One material whose maps are placed differently: the finest one sets the lattice, the other is drawn onto it."""
    turned = {"KHR_texture_transform": {"rotation": 0.3, "scale": [0.7, 0.7]}}
    mixed = {
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicRoughnessTexture": {"index": 1, "extensions": turned},
        }
    }
    source = scene(
        [quad(square(0.1, 0.1, 0.9, 0.9), 0), quad(square(0.1, 0.2, 0.9, 0.8), 1, at=2)],
        [Material(mixed), painted(0)],
        [png(cloth(128)), png(cloth(32, seed=9))],
    )
    assert_alike(source, merged(source), 0.02)


@pytest.mark.parametrize("wrap", [10497, 33648, 33071])
def test_pictures_go_on_beyond_their_edges_as_samplers_say(wrap: int) -> None:
    """Repeated, mirrored or held: unrolled into texels of their own."""
    source = scene(
        [quad(square(-0.7, -0.2, 2.1, 1.6), 0), quad(square(0.1, 0.2, 0.9, 0.8), 1, at=4)],
        [painted(0), painted(1)],
        [png(cloth(64)), noise(64)],
        samplers=[{"wrapS": wrap, "wrapT": wrap}],
    )
    assert_alike(source, merged(source), 1e-5)


def test_pixels_that_an_author_shows_as_squares_stay_squares() -> None:
    """What is magnified without mixing is so from its atlas too, at its own texels, and what is smooth stays smooth."""
    source = scene(
        [quad(square(0, 0, 1, 1), at, at=2 * at) for at in range(4)],
        [painted(at) for at in range(4)],
        [noise(16, seed=at) for at in range(4)],
        textures=[{"source": at, "sampler": at // 2} for at in range(4)],
        samplers=[{"magFilter": 9728, "minFilter": 9728}, {"magFilter": 9729}],
    )
    result = merged(source)
    assert [_magnified(result, at) for at in (0, 1)] == [9728, 9729]
    assert_alike(source, result, 1e-5)


def _magnified(found: Scene, material: int) -> int:
    at = found.materials[material].json["pbrMetallicRoughness"]["baseColorTexture"]["index"]
    magnified: int = found.json["samplers"][found.json["textures"][at]["sampler"]]["magFilter"]
    return magnified


def test_maps_by_two_uv_sets_are_brought_to_one() -> None:
    """Colour tiles by one set, occlusion is unique by another: the result has one set that serves both."""
    second = np.float32([(0.1, 0.9), (0.5, 0.95), (0.12, 0.4), (0.6, 0.5)])
    both = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}},
        "occlusionTexture": {"index": 1, "texCoord": 1},
    }
    source = scene(
        [quad(square(0, 0, 3, 3), 0, TEXCOORD_1=second), quad(square(0.1, 0.2, 0.9, 0.8), 1, at=4)],
        [Material(both), painted(2)],
        [png(cloth(64)), png(cloth(64, seed=4)), noise(64)],
    )
    result = merged(source)
    assert not [name for name in result.meshes[0].primitives[0].attributes if name == "TEXCOORD_1"]
    assert_alike(source, result, 0.06)


def test_mirrored_halves_share_their_texels() -> None:
    """What overlaps in the source overlaps in the atlas: no texel is stored twice."""
    half, mirrored = square(0.05, 0.05, 0.95, 0.95), square(0.95, 0.05, 0.05, 0.95)
    source = scene(
        [quad(half, 0), quad(mirrored, 0, at=1), quad(half + 3, 0, at=2), quad(square(0, 0, 1, 1), 1, at=4)],
        [painted(0), painted(None, name="plain")],
        [noise(128)],
    )
    atlas = plan_atlas(source, settings(), FINE, pictures()).atlases[0]
    assert atlas.outlines[0].patches == 1
    assert_alike(source, merged(source), 1e-5)


def test_what_would_be_too_coarse_keeps_its_maps() -> None:
    """A map that tiles more often than an atlas can hold stays a tiling map, and a note says why."""
    source = scene(
        [quad(square(0, 0, 40, 40), 0), quad(square(0, 0, 1, 1), 1, at=2), quad(square(0, 0, 1, 1), 2, at=4)],
        [painted(0, name="linen"), painted(1), painted(None)],
        [noise(64), noise(64, seed=4)],
    )
    result = merge(source, settings(atlas="auto"), FINE, pictures())
    assert len(result.scene.materials) == 2
    assert result.scene.materials[0].json == source.materials[0].json
    (note,) = (note for note in result.notes if "linen keeps its own maps" in note)
    assert "1600 times" in note
    assert "times coarser, 1.5 is the limit (atlas_loss)" in note


def test_what_has_nothing_to_merge_with_is_said() -> None:
    """Glass beside two cloths: every material of the asset is in a note."""
    source = two_noises()
    glass = painted(None, name="glass", alphaMode="BLEND")
    parts = [*source.meshes[0].primitives, quad(square(0, 0, 1, 1), 2, at=4)]
    found = merge(
        scene(parts, [*source.materials, glass], list(source.images)), settings(atlas="auto"), FINE, pictures()
    )
    reason = "no other material has their alpha mode, sides, filter and extensions"
    assert f"kept as they are, because {reason}: glass" in found.notes


def test_a_merge_that_saves_nothing_is_not_made() -> None:
    """Two materials on two nodes that move apart are two draw calls anyhow."""
    source = two_noises()
    mesh = source.meshes[0]
    nodes = (replace(source.nodes[0], json={"mesh": 0}), replace(source.nodes[0], json={"mesh": 1}))
    channel = {"target": {"node": 1, "path": "translation"}, "sampler": 0}
    document = {**source.json, "scenes": [{"nodes": [0, 1]}], "animations": [{"channels": [channel], "samplers": []}]}
    meshes = tuple(replace(mesh, primitives=(each,)) for each in mesh.primitives)
    result = merge(replace(source, nodes=nodes, meshes=meshes, json=document), settings(atlas="auto"), FINE, pictures())
    assert result.scene.materials == source.materials
    assert any("saves no draw call" in note for note in result.notes)


def test_never_means_never() -> None:
    """The scene comes back as it is."""
    source = two_noises()
    assert merge(source, settings(atlas="never"), FINE, pictures()).scene is source


def test_minification_averages_light_over_the_whole_area() -> None:
    """A pattern of single texels at a quarter of its size is the grey of half the light, everywhere."""
    source = scene(
        [quad(square(0, 0, 1, 1), 0), quad(square(0, 0, 1, 1), 1, at=2)],
        [painted(0), painted(None)],
        [png(checkerboard(512))],
    )
    small = replace(FINE, finest=128)
    plan = plan_atlas(source, settings(), small, pictures())
    assert 0.2 < plan.atlases[0].layout.scale[0] < 0.3
    result = prune(place(source, plan, pictures()))
    grey = looks(result)["baseColor"][:, :3][:120]
    np.testing.assert_allclose(grey, 0.5, atol=0.02)


def test_hidden_colour_does_not_bleed_into_what_covers() -> None:
    """Green under zero alpha is not in the average of red under full alpha."""
    pixels = np.zeros((256, 256, 4), np.uint8)
    pixels[..., 1] = 255
    pixels[::2] = (255, 0, 0, 255)
    source = scene(
        [quad(square(0, 0, 1, 1), 0), quad(square(0, 0, 1, 1), 1, at=2)],
        [painted(0, alphaMode="BLEND"), painted(None, alphaMode="BLEND")],
        [png(pixels)],
    )
    plan = plan_atlas(source, settings(), replace(FINE, finest=64), pictures())
    result = prune(place(source, plan, pictures()))
    pixels = pictures().decode(result.images[0])
    corners = result.meshes[0].primitives[0].attributes["TEXCOORD_0"][:4] * pixels.shape[0]
    (left, top), (right, bottom) = corners.min(axis=0).astype(int) + 1, corners.max(axis=0).astype(int) - 1
    chart = pixels[top:bottom, left:right].reshape(-1, 4)
    assert len(chart) > 1500
    assert (chart[:, :3] == (255, 0, 0)).all()
    assert abs(chart[:, 3].mean() - 127.5) < 2


def test_the_same_source_gives_the_same_bytes() -> None:
    """Whatever the threads do."""
    one, other = (merged(two_noises()) for _ in range(2))
    assert [image.data for image in one.images] == [image.data for image in other.images]
    uvs = [each.meshes[0].primitives[0].attributes["TEXCOORD_0"] for each in (one, other)]
    np.testing.assert_array_equal(*uvs)


def test_arrays_of_the_source_are_not_written_into() -> None:
    """Values are never mutated."""
    source = two_noises()
    kept: list[Array] = [each.attributes["TEXCOORD_0"].copy() for each in source.meshes[0].primitives]
    merged(source)
    for primitive, before in zip(source.meshes[0].primitives, kept, strict=True):
        np.testing.assert_array_equal(primitive.attributes["TEXCOORD_0"], before)
