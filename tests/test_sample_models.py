"""The sample models have the traits that they are there for."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import browser
from tests.conftest import NAMES, generate

Samples = Mapping[str, Path]
Json = dict[str, Any]


def document_of(path: Path) -> Json:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    document: Json = json.loads(data[20 : 20 + length])
    return document


def values_of(path: Path, accessor: int) -> np.ndarray[Any, Any]:
    """(count, components) of a tightly packed accessor."""
    document, data = document_of(path), path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    described = document["accessors"][accessor]
    view = document["bufferViews"][described["bufferView"]]
    kind = {5126: "<f4", 5125: "<u4", 5123: "<u2", 5121: "u1"}[described["componentType"]]
    start = 28 + length + view["byteOffset"]
    return np.frombuffer(data[start : start + view["byteLength"]], kind).reshape(described["count"], -1)


def picture_size(path: Path, image: int) -> tuple[int, int]:
    """Width and height of an embedded PNG."""
    document, data = document_of(path), path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    start = 28 + length + document["bufferViews"][document["images"][image]["bufferView"]]["byteOffset"]
    width, height = struct.unpack_from(">II", data, start + 16)
    return width, height


def material_extensions(document: Json) -> set[str]:
    return {name for material in document["materials"] for name in material.get("extensions", {})}


def test_the_same_bytes_come_out_of_every_run(samples: Samples, tmp_path: Path) -> None:
    """Two runs write the same file, byte by byte."""
    generate("lamp", out=tmp_path)
    assert (tmp_path / "lamp.glb").read_bytes() == samples["lamp"].read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_each_model_is_small_and_named_for_the_web(name: str, samples: Samples) -> None:
    """Under 25 MB, and every name is made of a-z, 0-9, - and _."""
    document = document_of(samples[name])
    assert samples[name].stat().st_size < 25_000_000
    named = [thing for kind in ("nodes", "meshes", "materials", "images") for thing in document.get(kind, ())]
    assert all(re.fullmatch(r"[a-z0-9_-]+", thing["name"]) for thing in named)


@pytest.mark.browser
def test_shoppers_see_every_model_standing_on_the_floor(samples: Samples) -> None:
    """Three.js loads all without a word; each one's lowest point is at y = 0, to a millimetre; none outgrows a sofa."""
    browser.require_browser()
    for shown in browser.load_in_three([samples[name] for name in NAMES], px=64):
        assert (shown["errors"], shown["warnings"], shown["failedRequests"]) == ([], [], [])
        low, high = np.array(shown["extents"]["min"]), np.array(shown["extents"]["max"])
        assert abs(low[1]) < 0.001
        assert 0.05 < (high - low).max() < 2.3


@pytest.mark.node
@pytest.mark.parametrize("name", NAMES)
def test_khronos_validator_finds_nothing_wrong(name: str, samples: Samples) -> None:
    """No errors and no warnings."""
    browser.require_node()
    issues = browser.validate(samples[name])["issues"]
    assert [m for m in issues["messages"] if m["severity"] < 2] == []


def test_the_sofa_tiles_its_cloth_by_texture_transform(samples: Samples) -> None:
    """UVs are metres; KHR_texture_transform makes the weave repeat, and turns the grain of the legs."""
    document = document_of(samples["sofa"])
    base = [m["pbrMetallicRoughness"].get("baseColorTexture", {}) for m in document["materials"]]
    transforms = [texture["extensions"]["KHR_texture_transform"] for texture in base if texture]
    assert len(document["materials"]) == 5
    assert all(transform["scale"][0] > 1 for transform in transforms)
    assert any("rotation" in transform for transform in transforms)


def test_the_gadget_shows_few_meshes_many_times(samples: Samples) -> None:
    """Over two hundred nodes show one grille hole; nine materials, one of them lacquered, one alight."""
    document = document_of(samples["gadget"])
    shown = [node["mesh"] for node in document["nodes"] if "mesh" in node]
    assert max(map(shown.count, shown)) > 200
    assert len(document["materials"]) == 9
    assert material_extensions(document) == {"KHR_materials_clearcoat"}
    assert any("emissiveFactor" in material for material in document["materials"])


def test_the_shoe_has_one_4k_set_and_three_colourways(samples: Samples) -> None:
    """All materials share three maps of 4096²; vents are cut by alpha; every dyed part knows all three variants."""
    document = document_of(samples["shoe"])
    assert [picture_size(samples["shoe"], image) for image in range(len(document["images"]))] == [(4096, 4096)] * 3
    assert [v["name"] for v in document["extensions"]["KHR_materials_variants"]["variants"]] == [
        "arctic",
        "ember",
        "moss",
    ]
    primitives = [primitive for mesh in document["meshes"] for primitive in mesh["primitives"]]
    mapped = [p["extensions"]["KHR_materials_variants"]["mappings"] for p in primitives if "extensions" in p]
    assert len(mapped) >= 5
    assert all(sorted(v for mapping in mappings for v in mapping["variants"]) == [0, 1, 2] for mappings in mapped)
    assert {m["alphaMode"] for m in document["materials"] if "alphaMode" in m} == {"MASK"}


def test_the_garment_is_skinned_and_moves(samples: Samples) -> None:
    """Eighteen joints, weights that add up to one, a clip that ends as it began, two morph targets."""
    path = samples["garment"]
    document = document_of(path)
    [skin], [clip] = document["skins"], document["animations"]
    assert len(skin["joints"]) == 18
    primitives = [p for mesh in document["meshes"] for p in mesh["primitives"] if "WEIGHTS_0" in p["attributes"]]
    for primitive in primitives:
        weights = values_of(path, primitive["attributes"]["WEIGHTS_0"])
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        assert values_of(path, primitive["attributes"]["JOINTS_0"]).max() < 18
    assert {channel["target"]["path"] for channel in clip["channels"]} == {"rotation", "translation", "weights"}
    assert {sampler["interpolation"] for sampler in clip["samplers"]} == {"LINEAR", "CUBICSPLINE"}
    assert [len(p["targets"]) for p in primitives if "targets" in p] == [2]
    assert material_extensions(document) == {"KHR_materials_sheen"}


def test_the_lamp_carries_light_glass_and_metadata(samples: Samples) -> None:
    """Transmission with volume and ior, a bulb brighter than one, a light, XMP, extras and a copyright line."""
    document = document_of(samples["lamp"])
    assert material_extensions(document) == {
        "KHR_materials_transmission",
        "KHR_materials_volume",
        "KHR_materials_ior",
        "KHR_materials_emissive_strength",
    }
    assert document["extensions"]["KHR_lights_punctual"]["lights"][0]["type"] == "point"
    assert (
        "dc:title"
        in document["extensions"]["KHR_xmp_json_ld"]["packets"][
            document["asset"]["extensions"]["KHR_xmp_json_ld"]["packet"]
        ]
    )
    assert document["asset"]["copyright"]
    assert document["asset"]["extras"]


def test_the_scan_has_as_many_triangles_as_asked(tmp_path: Path) -> None:
    """A small one of 50,000: never fewer, within two in a hundred; its charts are parted by seams."""
    generate("scan", "--triangles", "50000", "--px", "512", out=tmp_path)
    path = tmp_path / "scan.glb"
    document = document_of(path)
    [primitive] = document["meshes"][0]["primitives"]
    corners = document["accessors"][primitive["indices"]]["count"]
    assert 50_000 <= corners // 3 <= 51_000
    assert len(document["images"]) == 3
    points = values_of(path, primitive["attributes"]["POSITION"])
    uvs = values_of(path, primitive["attributes"]["TEXCOORD_0"])
    assert len(np.unique(np.round(points, 6), axis=0)) < len(points), "seams double vertices"
    assert 0 < uvs.min() < uvs.max() < 1
