"""What a material looks like without one of its maps."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.asset import Json, Material
from assetpipe.textures import TextureCache
from assetpipe.textures.drop import drop_maps
from tests.textures.pictures import material, png, scene

QUARTERS = np.zeros((2, 2, 4), np.uint8)
QUARTERS[0, 0] = [255, 255, 255, 255]
QUARTERS[0, 1] = [0, 255, 0, 0]


def dropped(source: Material, *slots: str) -> Json:
    return drop_maps(scene(source, images=[png(QUARTERS)]), set(slots), TextureCache()).materials[0].json


def test_a_lamp_that_lights_one_corner_lights_a_quarter_all_over() -> None:
    """Left alone, the factor would light the whole asset."""
    json = dropped(material({"emissiveFactor": [1.0, 0.5, 0.0]}, emissive=0), "emissive")
    assert json == {"emissiveFactor": [0.25, 0.25, 0.0]}


def test_the_average_is_taken_of_light() -> None:
    grey = np.full((2, 2, 3), 188, np.uint8)
    source = scene(material({"emissiveFactor": [1.0, 1.0, 1.0]}, emissive=0), images=[png(grey)])
    json = drop_maps(source, {"emissive"}, TextureCache()).materials[0].json
    assert json["emissiveFactor"] == pytest.approx([0.503, 0.503, 0.503], abs=1e-3)


def test_roughness_and_metalness_take_their_channels() -> None:
    json = dropped(material(metallicRoughness=0), "metallicRoughness")
    assert json == {"pbrMetallicRoughness": {"roughnessFactor": 0.5, "metallicFactor": 0.25}}


def test_extensions_keep_their_factors_beside_their_textures() -> None:
    sheen: Json = {"extensions": {"KHR_materials_sheen": {"sheenColorFactor": [1, 1, 1], "sheenRoughnessFactor": 0.8}}}
    sheen["extensions"]["KHR_materials_sheen"] |= {
        "sheenColorTexture": {"index": 0},
        "sheenRoughnessTexture": {"index": 0},
    }
    json = dropped(Material(sheen), "sheenColor", "sheenRoughness")
    assert json["extensions"]["KHR_materials_sheen"] == {
        "sheenColorFactor": [0.25, 0.5, 0.25],
        "sheenRoughnessFactor": 0.2,
    }


def test_iridescence_ends_where_its_map_was_on_average() -> None:
    json = dropped(material(iridescenceThickness=0), "iridescenceThickness")
    assert json["extensions"]["KHR_materials_iridescence"] == {"iridescenceThicknessMaximum": 100 + 300 * 0.5}


def test_normal_and_occlusion_maps_leave_nothing_behind() -> None:
    assert dropped(material(normal=0, occlusion=0), "normal", "occlusion") == {}


def test_the_maps_that_stay_are_untouched_and_so_is_the_source() -> None:
    source = material(baseColor=0, normal=0)
    assert dropped(source, "normal") == {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    assert "normalTexture" in source.json


def test_a_scene_without_such_maps_is_the_same_scene() -> None:
    source = scene(material(baseColor=0), images=[png(QUARTERS)])
    assert drop_maps(source, {"emissive"}, TextureCache()) is source
