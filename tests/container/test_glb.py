"""How the file is laid out, and what its document says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assetpipe import __version__
from assetpipe.asset import POINTS, Image, Material, Node, Scene
from assetpipe.container import encode_geometry, glb, write_glb
from assetpipe.errors import ConfigError, LimitExceeded, SourceError
from tests.container.scenes import picture, rich, settings, skinned, textured, with_ids, written
from tests.shapes import box, scene, sphere, torus

GEOMETRIES = ("none", "draco", "meshopt")


def data_of(asset: Scene, geometry: str = "draco") -> bytes:
    return write_glb(asset, encode_geometry(asset, settings(geometry)))


def document_of(data: bytes) -> dict[str, object]:
    document: dict[str, object] = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    return document


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_lengths_add_up_and_chunks_are_aligned(geometry: str) -> None:
    """Header, JSON chunk padded with spaces, BIN chunk padded with zeros, nothing behind."""
    data = data_of(textured(picture()), geometry)
    text = int.from_bytes(data[12:16], "little")
    binary = int.from_bytes(data[20 + text : 24 + text], "little")
    assert data[:8] == b"glTF\x02\0\0\0"
    assert int.from_bytes(data[8:12], "little") == len(data) == 28 + text + binary
    assert data[16:20] == b"JSON"
    assert data[24 + text : 28 + text] == b"BIN\0"
    assert text % 4 == binary % 4 == 0


def test_every_vertex_attribute_has_its_own_aligned_view() -> None:
    """Rows of a multiple of four bytes, also for three bytes of colour, and a target for each view."""
    colours = np.full((len(torus(12).positions), 3), 128 / 255, np.float32)
    file = written(scene(with_ids(torus(12), COLOR_0=colours)), "none")
    views = file.json["bufferViews"]
    own = file.gltf.meshes[0].primitives[0]
    colour = file.gltf.accessors[own.attributes.COLOR_0]
    assert all(view["byteOffset"] % 4 == 0 for view in views)
    assert all(view["byteStride"] % 4 == 0 for view in views if view["target"] == 34962)
    assert views[file.gltf.accessors[own.indices].bufferView]["target"] == 34963
    assert (colour.componentType, colour.normalized, colour.type) == (5121, True, "VEC3")
    assert views[colour.bufferView]["byteStride"] == 4
    assert np.array_equal(file.primitive().stored["COLOR_0"], np.full((len(colours), 3), 128))


@pytest.mark.parametrize(("vertices", "component"), [(65535, 5123), (65536, 5125)])
def test_indices_are_shorts_as_long_as_they_reach(vertices: int, component: int) -> None:
    """65535 itself restarts strips and may not name a vertex."""
    positions = np.random.default_rng(0).random((vertices, 3)).astype(np.float32)
    indices = np.arange(vertices - vertices % 3, dtype=np.uint32)[::-1].copy()
    shape = replace(torus(4), attributes={"POSITION": positions}, indices=indices)
    file = written(scene(shape), "none")
    assert file.gltf.accessors[file.gltf.meshes[0].primitives[0].indices].componentType == component
    assert np.array_equal(file.primitive().indices, indices)


def test_points_in_their_own_order_need_no_indices() -> None:
    """The reader makes the same ones."""
    count = len(torus(9).positions)
    cloud = replace(torus(9), mode=POINTS, indices=np.arange(count, dtype=np.uint32))
    file = written(scene(cloud), "none")
    assert file.gltf.meshes[0].primitives[0].indices is None
    assert file.gltf.meshes[0].primitives[0].mode == POINTS


def test_bounds_are_exact() -> None:
    """As float32 stores them, widened: a validator compares bit for bit."""
    file = written(scene(sphere(24, radius=0.1)), "none")
    accessor = file.gltf.accessors[file.gltf.meshes[0].primitives[0].attributes.POSITION]
    assert accessor.min == file.primitive().attributes["POSITION"].min(axis=0).tolist()
    assert np.float32(accessor.max[0]) == accessor.max[0]


def test_equal_arrays_are_stored_once() -> None:
    """Two primitives over the same vertices, two meshes of the same shape, two slots of the same picture."""
    base = torus(20)
    half = replace(base, indices=base.indices[: len(base.indices) // 6 * 3])
    file = written(scene(base, half), "none")
    first, second = (own.attributes for own in file.gltf.meshes[0].primitives)
    assert (first.POSITION, first.NORMAL) == (second.POSITION, second.NORMAL)
    twice = written(scene(base, replace(base, json={"extras": {"copy": True}})))
    assert len(twice.json["bufferViews"]) == 1


def test_a_morph_target_stores_only_what_moves() -> None:
    """A sparse accessor over zeros, with the bounds of the whole; nothing at all when nothing moves."""
    base = torus(40)
    nod = np.where(np.arange(len(base.positions))[:, None] < 30, np.float32(0.25), np.float32(0))
    nod = np.broadcast_to(nod, base.positions.shape).copy()
    still = np.zeros_like(base.positions)
    file = written(scene(replace(base, targets=({"POSITION": nod}, {"POSITION": still}))), "none")
    moving, resting = (
        file.json["accessors"][target["POSITION"]] for target in file.json["meshes"][0]["primitives"][0]["targets"]
    )
    assert moving["sparse"]["count"] == 30
    assert (moving["min"], moving["max"]) == ([0.0] * 3, [0.25] * 3)
    assert not resting["sparse"]
    assert resting["bufferView"] is None
    assert np.array_equal(file.primitive().targets[0]["POSITION"], nod)
    assert np.array_equal(file.primitive().targets[1]["POSITION"], still)


def test_animation_inputs_have_bounds_and_skins_keep_their_matrices() -> None:
    """Arrays of the scene become accessors again, each once."""
    asset = skinned(rich(12))
    file = written(asset)
    sampler = file.json["animations"][0]["samplers"][0]
    keys = file.json["accessors"][sampler["input"]]
    assert (keys["min"], keys["max"], keys["type"]) == ([0.0], [1.0], "SCALAR")
    assert np.array_equal(file.array(sampler["output"]), asset.arrays[2])
    matrices = file.json["skins"][0]["inverseBindMatrices"]
    assert file.json["accessors"][matrices]["type"] == "MAT4"
    assert np.array_equal(file.array(matrices).reshape(-1, 4, 4), asset.arrays[0])


def test_instances_keep_their_attributes() -> None:
    """EXT_mesh_gpu_instancing names accessors inside a node."""
    offsets = np.random.default_rng(5).random((7, 3)).astype(np.float32)
    instancing = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}
    asset = replace(scene(box()), nodes=(Node({"mesh": 0, "extensions": instancing}),), arrays=(offsets,))
    document = document_of(data_of(asset, "none"))
    file = written(asset)
    placed = file.json["nodes"][0]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]["TRANSLATION"]
    assert np.array_equal(file.array(placed), offsets)
    assert document["extensionsUsed"] == ["EXT_mesh_gpu_instancing"]


@pytest.mark.parametrize(
    ("mime", "extension"), [("image/webp", "EXT_texture_webp"), ("image/ktx2", "KHR_texture_basisu")]
)
def test_pictures_beyond_the_core_are_named_by_their_extension(mime: str, extension: str) -> None:
    """And required, for there is no fallback; `source` itself stays away."""
    document = document_of(data_of(textured(Image(b"whatever", mime)), "none"))
    assert document["textures"] == [{"extensions": {extension: {"source": 0}}}]
    assert document["extensionsUsed"] == document["extensionsRequired"] == [extension]
    assert document["images"] == [{"mimeType": mime, "bufferView": 3 + 1}]


def test_an_avif_is_never_written() -> None:
    """No extension of the registry can name it."""
    with pytest.raises(ConfigError) as caught:
        data_of(textured(Image(b"whatever", "image/avif")))
    assert caught.value.code == "E_IMAGE_FORMAT"


def test_pictures_are_embedded_byte_for_byte() -> None:
    """In the BIN chunk, aligned."""
    red, blue = picture("red"), picture("blue", "image/jpeg")
    file = written(textured(red, blue))
    assert [file.image(0), file.image(1)] == [red.data, blue.data]


def test_extensions_are_declared_when_they_are_used_and_only_then() -> None:
    """Those of the source in its order, whatever they are; one that nothing uses any more is gone."""
    glass = Material({"extensions": {"KHR_materials_transmission": {}, "ACME_glow": {"power": 3}}})
    used = ["ACME_glow", "KHR_materials_transmission", "KHR_materials_sheen"]
    asset = scene(
        torus(30, material=0),
        materials=(glass,),
        extensionsUsed=used,
        extensionsRequired=["KHR_materials_sheen", "ACME_glow"],
    )
    document = document_of(data_of(asset))
    assert document["extensionsUsed"] == ["ACME_glow", "KHR_materials_transmission", "KHR_draco_mesh_compression"]
    assert document["extensionsRequired"] == ["ACME_glow", "KHR_draco_mesh_compression"]


def test_extras_are_not_searched_for_extensions() -> None:
    """They are the author's own business."""
    asset = scene(box(), extras={"extensions": {"NOT_ONE": {}}})
    document = document_of(data_of(asset, "none"))
    assert "extensionsUsed" not in document
    assert document["extras"] == {"extensions": {"NOT_ONE": {}}}


def test_the_generator_is_ours_and_the_copyright_is_theirs() -> None:
    """Every other word of `asset` stays."""
    asset = scene(
        box(), asset={"version": "2.0", "copyright": "© the author", "generator": "older tool", "extras": {"a": 1}}
    )
    assert document_of(data_of(asset))["asset"] == {
        "version": "2.0",
        "copyright": "© the author",
        "generator": f"assetpipe {__version__}",
        "extras": {"a": 1},
    }


def test_the_document_has_no_empty_lists() -> None:
    """glTF forbids them."""
    document = document_of(data_of(scene(box()), "none"))
    assert [] not in document.values()


def test_geometry_encoded_once_serves_any_textures() -> None:
    """The pipeline tries several sizes of picture without encoding meshes again."""
    small, large = textured(picture("red")), textured(picture("blue", "image/webp"))
    geometry = encode_geometry(small, settings())
    assert write_glb(large, geometry) == data_of(large)


def test_a_file_of_more_than_four_gibibytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GLB's length is a 32 bit number."""
    monkeypatch.setattr(glb, "MOST_BYTES", 1000)
    with pytest.raises(LimitExceeded) as caught:
        data_of(scene(torus(30)))
    assert caught.value.code == "E_GLB_SIZE"


def test_numbers_that_json_cannot_hold_are_refused() -> None:
    """NaN in extras is the source's fault."""
    with pytest.raises(SourceError) as caught:
        data_of(scene(box(), extras={"weight": float("nan")}))
    assert caught.value.code == "E_JSON_NUMBER"


SCRIPT = """
import hashlib, sys
from tests.container.test_glb import data_of
from tests.container.scenes import picture, rich, skinned, textured
for geometry in ("none", "draco", "meshopt"):
    for asset in (skinned(rich(24)), textured(picture(), picture("blue"))):
        print(hashlib.sha256(data_of(asset, geometry)).hexdigest())
"""


def test_the_same_scene_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    """Whatever the hash seed, the locale and the working folder."""
    root = str(Path(__file__).parents[2])
    outputs = set()
    for seed in ("1", "2"):
        settings_of_process = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root, "LC_ALL": "C"}
        ran = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=settings_of_process, cwd=tmp_path, capture_output=True, check=True
        )
        outputs.add(ran.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 6
