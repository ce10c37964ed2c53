"""Draco and meshopt: what was encoded comes back, and garbage is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import DracoPy
import meshoptimizer
import numpy as np
import pytest

from assetpipe.asset import Array
from tests.shapes import torus
from tests.sources.build import COMPONENTS, KINDS, Build, read, refusal

RANDOM = np.random.default_rng(7)
RING = torus(16)
COUNT = len(RING.positions)
SKIN = {
    "JOINTS_0": RANDOM.permuted(np.tile(np.arange(4, dtype=np.uint16), (COUNT, 1)), axis=1),
    "WEIGHTS_0": np.full((COUNT, 4), 65535 // 4 + 1, np.uint16),
    "TANGENT": np.tile(np.array([[1, 0, 0, -1]], np.float32), (COUNT, 1)),
    "COLOR_0": RANDOM.integers(0, 256, (COUNT, 4)).astype(np.uint8),
    "TEXCOORD_1": RANDOM.random((COUNT, 2)).astype(np.float32),
    "_ID": np.arange(COUNT, dtype=np.uint16).reshape(-1, 1),
}
NORMALISED = ("WEIGHTS_0", "COLOR_0")


def draco(**change: Any) -> Build:
    """The ring with every kind of attribute, each under an id that is not its place."""
    ids = {semantic: 40 + 7 * i for i, semantic in enumerate(SKIN)}
    data = DracoPy.encode(
        RING.positions,
        RING.indices.reshape(-1, 3),
        quantization_bits=20,
        compression_level=7,
        tex_coord=RING.attributes["TEXCOORD_0"].astype(np.float64),
        normals=RING.attributes["NORMAL"].astype(np.float64),
        generic_attributes={ids[semantic]: values for semantic, values in SKIN.items()},
    )
    decoded = DracoPy.decode(data)
    for attribute in decoded.attributes:
        known = {0: "POSITION", 1: "NORMAL", 3: "TEXCOORD_0"}
        if attribute["attribute_type"] in known:
            ids[known[attribute["attribute_type"]]] = attribute["unique_id"]
    return draco_file(change.get("data", data), ids, (len(decoded.points), decoded.faces.size), change.get("view"))


def draco_file(data: bytes, ids: dict[str, int], counts: tuple[int, int], view: int | None = None) -> Build:
    """`counts`: vertices and indices after decoding."""
    build = Build(extensionsUsed=["KHR_draco_mesh_compression"], extensionsRequired=["KHR_draco_mesh_compression"])
    build.view(data)
    attributes = {}
    for semantic in ids:
        values = SKIN.get(semantic, RING.attributes.get(semantic))
        entry: dict[str, Any] = {"componentType": COMPONENTS[values.dtype.name], "count": counts[0]}
        build.json["accessors"].append({**entry, "type": KINDS[values.shape[1]], "normalized": semantic in NORMALISED})
        attributes[semantic] = len(build.json["accessors"]) - 1
    build.json["accessors"].append({"componentType": 5125, "count": counts[1], "type": "SCALAR"})
    extension = {"bufferView": view or 0, "attributes": ids}
    return build.mesh(
        {
            "attributes": attributes,
            "indices": len(build.json["accessors"]) - 1,
            "extensions": {"KHR_draco_mesh_compression": extension},
        }
    )


def test_every_draco_attribute_comes_back_under_its_unique_id(tmp_path: Path) -> None:
    """Types and normalised flags are those of the accessors; vertices are matched by position."""
    scene = read(tmp_path, draco())
    primitive = scene.meshes[0].primitives[0]
    at = primitive.attributes["_ID"][:, 0]
    assert sorted(set(at)) == sorted(set(RING.indices))
    assert np.abs(primitive.positions - RING.positions[at]).max() < 1e-5
    assert np.array_equal(primitive.attributes["TEXCOORD_1"], SKIN["TEXCOORD_1"][at])
    assert np.allclose(primitive.attributes["COLOR_0"], SKIN["COLOR_0"][at] / 255, atol=1e-7)
    assert np.array_equal(primitive.attributes["TANGENT"], SKIN["TANGENT"][at])
    assert np.array_equal(primitive.attributes["JOINTS_0"], SKIN["JOINTS_0"][at])
    assert np.allclose(primitive.attributes["WEIGHTS_0"], 0.25)
    assert np.abs(primitive.attributes["TEXCOORD_0"] - RING.attributes["TEXCOORD_0"][at]).max() < 1e-6
    assert {name: values.dtype.name for name, values in primitive.attributes.items()} == {
        **dict.fromkeys(
            ("POSITION", "NORMAL", "TANGENT", "TEXCOORD_0", "TEXCOORD_1", "COLOR_0", "WEIGHTS_0"), "float32"
        ),
        "JOINTS_0": "uint16",
        "_ID": "uint16",
    }


def test_draco_leaves_no_trace_in_the_scene(tmp_path: Path) -> None:
    scene = read(tmp_path, draco())
    assert scene.meshes[0].primitives[0].json == {}
    assert not {"extensionsUsed", "extensionsRequired", "accessors", "bufferViews"} & set(scene.json)
    assert scene.triangles == RING.triangles


@pytest.mark.parametrize("data", [b"garbage", b"DRACO\2\2\1\1\0\0", b"DRACO" + bytes(range(256))])
def test_draco_garbage_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    error = refusal(tmp_path, draco(data=data))
    assert (error.code, error.exit_code) == ("E_DRACO", 65)
    assert "/meshes/0/primitives/0" in error.message


def test_draco_counts_must_be_those_of_the_accessors(tmp_path: Path) -> None:
    build = draco()
    build.json["accessors"][-1]["count"] += 3
    assert refusal(tmp_path, build).code == "E_DRACO"
    build = draco()
    for accessor in build.json["accessors"][:-1]:
        accessor["count"] += 1
    assert refusal(tmp_path, build).code == "E_DRACO"


def test_a_draco_id_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    build = draco()
    build.json["meshes"][0]["primitives"][0]["extensions"]["KHR_draco_mesh_compression"]["attributes"]["NORMAL"] = 999
    error = refusal(tmp_path, build)
    assert error.code == "E_DRACO"
    assert "no attribute 999" in error.message


def compressed(build: Build, data: bytes, shape: tuple[int, int], **extension: Any) -> int:
    """A meshopt buffer view over a fallback buffer that does not exist; `shape`: count, byteStride."""
    count, stride = shape
    packed = build.view(data)
    source = build.json["bufferViews"][packed]
    entry = {
        "buffer": 0,
        "byteOffset": source["byteOffset"],
        "byteLength": len(data),
        "byteStride": stride,
        "count": count,
    }
    view = {
        "buffer": 1,
        "byteLength": count * stride,
        "extensions": {"EXT_meshopt_compression": {**entry, **extension}},
    }
    if extension["mode"] == "ATTRIBUTES":
        view["byteStride"] = stride
    build.json["bufferViews"].append(view)
    return len(build.json["bufferViews"]) - 1


def meshopt(indices: Array | None = None, mode: str = "TRIANGLES", kind: type = np.uint32) -> Build:
    drawn = RING.indices if indices is None else indices
    encode = meshoptimizer.encode_index_buffer if mode == "TRIANGLES" else meshoptimizer.encode_index_sequence
    meshoptimizer.encode_index_version(1)
    meshoptimizer.encode_vertex_version(0)
    build = Build(extensionsUsed=["EXT_meshopt_compression"], extensionsRequired=["EXT_meshopt_compression"])
    vertices = compressed(build, meshoptimizer.encode_vertex_buffer(RING.positions), (COUNT, 12), mode="ATTRIBUTES")
    size = np.dtype(kind).itemsize
    corners = compressed(build, encode(drawn, len(drawn), COUNT), (len(drawn), size), mode=mode)
    position = build.accessor(RING.positions, bufferView=vertices)
    return build.mesh(
        {"attributes": {"POSITION": position}, "indices": build.accessor(drawn.astype(kind), bufferView=corners)}
    )


def meshopt_glb(build: Build) -> bytes:
    from tests.sources.build import pack

    document = build.document()
    fallback = {"byteLength": 10**6, "extensions": {"EXT_meshopt_compression": {"fallback": True}}}
    return pack({**document, "buffers": [*document["buffers"], fallback]}, build.bin)


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("mode", ["TRIANGLES", "INDICES"])
def test_meshopt_vertices_and_indices_come_back(tmp_path: Path, mode: str, kind: type) -> None:
    """Positions to the bit, triangles up to rotation of their corners (the codec may rotate them)."""
    primitive = read(tmp_path, meshopt_glb(meshopt(mode=mode, kind=kind))).meshes[0].primitives[0]
    assert np.array_equal(primitive.positions, RING.positions)
    assert turned(primitive.indices) == turned(RING.indices)


def turned(indices: Array) -> list[tuple[int, ...]]:
    faces = indices.reshape(-1, 3).tolist()
    return [min((a, b, c), (b, c, a), (c, a, b)) for a, b, c in faces]


def filtered(data: Array, name: str) -> Array:
    from assetpipe.sources.meshopt import FILTERS

    rows = data.view(np.uint8).reshape(len(data), -1)
    return FILTERS[name](rows, rows.shape[1])


@pytest.mark.parametrize(("kind", "bits"), [(np.int8, 7), (np.int16, 11)])
def test_the_octahedral_filter_gives_unit_vectors(kind: type, bits: int) -> None:
    """Encoded here by the equations of the extension; w passes through."""
    normals = RANDOM.standard_normal((500, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    flat = normals / np.abs(normals).sum(axis=1, keepdims=True)
    folded = (1 - np.abs(flat[:, 1::-1])) * np.where(flat[:, :2] >= 0, 1, -1)
    plane = np.where(flat[:, 2:] < 0, folded, flat[:, :2])
    one = 2**bits - 1
    encoded = np.zeros((500, 4), kind)
    encoded[:, :2], encoded[:, 2], encoded[:, 3] = np.round(plane * one), one, 5
    decoded = filtered(encoded, "OCTAHEDRAL")
    assert np.abs(decoded[:, :3] / np.iinfo(kind).max - normals).max() < 2.5 / one
    assert (decoded[:, 3] == 5).all()


def test_the_quaternion_filter_restores_the_largest_component() -> None:
    turns = RANDOM.standard_normal((500, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    largest = np.abs(turns).argmax(axis=1)
    turns *= np.sign(turns[np.arange(500), largest])[:, None]
    one = 4095
    encoded = np.zeros((500, 4), np.int16)
    for place in range(3):
        rest = turns[np.arange(500), (largest + place + 1) % 4]
        encoded[:, place] = np.round(rest * np.sqrt(2) * one)
    encoded[:, 3] = (one & ~3) | largest
    decoded = filtered(encoded, "QUATERNION") / 32767
    assert np.abs(decoded - turns).max() < 1e-3


def test_the_exponential_filter_is_exact() -> None:
    mantissa, exponent = np.array([1, -3, 8388607, -8388608, 0]), np.array([0, 2, -23, -100, 5])
    encoded = ((exponent << 24) | (mantissa & 0xFFFFFF)).astype(np.int64).astype(np.uint32).view(np.int32)
    decoded = filtered(encoded.reshape(-1, 1), "EXPONENTIAL")
    assert decoded.reshape(-1).tolist() == [m * 2.0**e for m, e in zip(mantissa, exponent, strict=True)]


@pytest.mark.parametrize(
    "change",
    [
        {"count": 10**9},
        {"byteStride": 10},
        {"mode": "TRIANGLES"},
        {"filter": "QUATERNION"},
        {"byteLength": 20},
        {"byteOffset": 4},
    ],
)
def test_meshopt_views_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """Above all a count that the bytes could never hold: nothing is allocated for it."""
    build = meshopt()
    view = build.json["bufferViews"][1]
    extension = view["extensions"]["EXT_meshopt_compression"]
    extension |= change
    view["byteLength"] = extension["count"] * extension["byteStride"]
    error = refusal(tmp_path, meshopt_glb(build))
    assert error.code in ("E_MESHOPT", "E_ACCESSOR_BOUNDS")
    assert "/bufferViews/1" in error.message or "/accessors" in error.message
