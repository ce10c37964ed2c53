"""Accessors, primitives and attributes: what they become, and what they may not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.asset import LINES, POINTS, TRIANGLES, Array, Primitive
from tests.sources.build import CORNERS, QUAD, Build, quad, read, refusal


def one(folder: Path, build: Build) -> Primitive:
    return read(folder, build).meshes[0].primitives[0]


def with_attribute(semantic: str, values: Array, **accessor: Any) -> Build:
    build = quad()
    build.json["meshes"][0]["primitives"][0]["attributes"][semantic] = build.accessor(values, **accessor)
    return build


def test_float_data_is_not_copied(tmp_path: Path) -> None:
    """Positions are a read-only view of the mapped file."""
    primitive = one(tmp_path, quad())
    assert np.array_equal(primitive.positions, CORNERS)
    assert not primitive.positions.flags.owndata
    assert not primitive.positions.flags.writeable
    assert primitive.indices.dtype == np.uint32
    assert primitive.indices.tolist() == QUAD.tolist()


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32"])
def test_indices_of_every_width_become_uint32(tmp_path: Path, kind: str) -> None:
    build = Build()
    build.mesh({"attributes": {"POSITION": build.accessor(CORNERS)}, "indices": build.accessor(QUAD.astype(kind))})
    assert one(tmp_path, build).indices.tolist() == QUAD.tolist()


def test_interleaved_attributes_are_taken_apart(tmp_path: Path) -> None:
    rows = np.concatenate([CORNERS, CORNERS * 2 - 1], axis=1).astype(np.float32)
    build = Build()
    view = build.view(rows.tobytes(), byteStride=24)
    position = build.accessor(CORNERS, bufferView=view)
    custom = build.accessor(CORNERS, bufferView=view, byteOffset=12)
    build.mesh({"attributes": {"POSITION": position, "_OTHER": custom}, "indices": build.accessor(QUAD)})
    primitive = one(tmp_path, build)
    assert np.array_equal(primitive.positions, CORNERS)
    assert np.array_equal(primitive.attributes["_OTHER"], CORNERS * 2 - 1)
    assert all(values.flags.c_contiguous for values in primitive.attributes.values())


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([-128, -127, 0, 127], np.int8), [-1, -1, 0, 1]),
        (np.array([0, 51, 102, 255], np.uint8), [0, 0.2, 0.4, 1]),
        (np.array([-32768, -32767, 0, 32767], np.int16), [-1, -1, 0, 1]),
        (np.array([0, 13107, 26214, 65535], np.uint16), [0, 0.2, 0.4, 1]),
    ],
)
def test_normalised_integers_become_floats(tmp_path: Path, stored: Array, expected: list[float]) -> None:
    """By the equations of glTF 2.0, 3.11: -128 and -127 both mean -1."""
    values = one(tmp_path, with_attribute("_WEAR", stored, normalized=True)).attributes["_WEAR"]
    assert values.dtype == np.float32
    assert np.allclose(values[:, 0], expected, atol=1e-7)


def test_quantised_positions_become_floats_by_value(tmp_path: Path) -> None:
    """KHR_mesh_quantization without the normalised flag; the extension is gone afterwards."""
    build = Build(extensionsUsed=["KHR_mesh_quantization"], extensionsRequired=["KHR_mesh_quantization"])
    padded = np.zeros((4, 4), np.int16)
    padded[:, :3] = CORNERS * 100
    position = build.accessor(CORNERS, bufferView=build.view(padded.tobytes(), byteStride=8), componentType=5122)
    build.mesh({"attributes": {"POSITION": position}, "indices": build.accessor(QUAD)})
    scene = read(tmp_path, build)
    assert np.array_equal(scene.meshes[0].primitives[0].positions, CORNERS * 100)
    assert "extensionsUsed" not in scene.json
    assert "extensionsRequired" not in scene.json


def test_custom_integers_keep_their_type(tmp_path: Path) -> None:
    values = one(tmp_path, with_attribute("_ID", np.arange(4, dtype=np.uint16))).attributes["_ID"]
    assert values.dtype == np.uint16


def sparse(build: Build, at: list[int], values: Array) -> dict[str, Any]:
    return {
        "count": len(at),
        "indices": {"bufferView": build.view(np.array(at, np.uint8).tobytes()), "componentType": 5121},
        "values": {"bufferView": build.view(values.tobytes())},
    }


@pytest.mark.parametrize("base", [True, False])
def test_sparse_accessors_are_filled_in(tmp_path: Path, base: bool) -> None:
    """Over their buffer view, or over zeros where they have none."""
    build = Build()
    moved = np.array([[5, 5, 5], [6, 6, 6]], np.float32)
    position = build.accessor(CORNERS, sparse=sparse(build, [1, 3], moved))
    if not base:
        del build.json["accessors"][position]["bufferView"]
    build.mesh({"attributes": {"POSITION": position}, "indices": build.accessor(QUAD)})
    expected = CORNERS.copy() if base else np.zeros_like(CORNERS)
    expected[[1, 3]] = moved
    assert np.array_equal(one(tmp_path, build).positions, expected)


@pytest.mark.parametrize(("at", "code"), [([3, 1], "E_SPARSE"), ([1, 1], "E_SPARSE"), ([1, 9], "E_INDEX_RANGE")])
def test_bad_sparse_indices_are_refused(tmp_path: Path, at: list[int], code: str) -> None:
    build = Build()
    position = build.accessor(CORNERS, sparse=sparse(build, at, CORNERS[:2]))
    build.mesh({"attributes": {"POSITION": position}, "indices": build.accessor(QUAD)})
    error = refusal(tmp_path, build)
    assert error.code == code
    assert "/accessors/0/sparse" in error.message


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "too many": ({"count": 1000}, "E_ACCESSOR_BOUNDS", "1,000 elements need 12,000 bytes"),
    "2^31": ({"count": 2**31}, "E_LIMIT_VERTICES", "2,147,483,648"),
    "offset": ({"byteOffset": 4}, "E_ACCESSOR_BOUNDS", "/accessors/0"),
    "negative": ({"count": -4}, "E_SCHEMA", "/accessors/0/count"),
    "half": ({"componentType": 5131}, "E_COMPONENT_TYPE", "5131"),
    "type": ({"type": "VEC5"}, "E_SCHEMA", "VEC5"),
    "text": ({"count": "4"}, "E_SCHEMA", "'4'"),
    "view": ({"bufferView": 99}, "E_REFERENCE", "/accessors/0/bufferView"),
    "width": ({"type": "VEC2"}, "E_ATTRIBUTE_TYPE", "POSITION"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_accessor_is_refused_at_its_place(tmp_path: Path, case: str) -> None:
    change, code, said = BROKEN[case]
    build = quad()
    build.json["accessors"][0] |= change
    error = refusal(tmp_path, build)
    assert error.code == code
    assert said in error.message


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("byteLength", 10**9, "E_ACCESSOR_BOUNDS"),
        ("byteOffset", 10**9, "E_ACCESSOR_BOUNDS"),
        ("byteStride", 4, "E_ACCESSOR_BOUNDS"),
        ("buffer", 1, "E_REFERENCE"),
    ],
)
def test_a_broken_buffer_view_is_refused(tmp_path: Path, key: str, value: int, code: str) -> None:
    build = quad()
    build.json["bufferViews"][0][key] = value
    assert refusal(tmp_path, build).code == code


def test_a_buffer_shorter_than_declared_is_refused(tmp_path: Path) -> None:
    from tests.sources.build import pack

    build = quad()
    document = build.document()
    document["buffers"][0]["byteLength"] = 1000
    error = refusal(tmp_path, pack(document, build.bin))
    assert (error.code, "1,000" in error.message) == ("E_BUFFER_SHORT", True)


def test_zeros_are_not_allocated_beyond_the_limit(tmp_path: Path) -> None:
    """An accessor without a buffer view costs 60 bytes of JSON and could ask for gigabytes."""
    build = quad()
    build.json["accessors"].append({"componentType": 5126, "count": 200_000_000, "type": "VEC4"})
    build.json["meshes"][0]["primitives"][0]["attributes"]["_BOMB"] = 2
    error = refusal(tmp_path, build)
    assert (error.code, error.exit_code) == ("E_LIMIT_VERTICES", 70)


@pytest.mark.parametrize(
    ("mode", "indices", "expected_mode", "expected"),
    [
        (0, [0, 1, 2], POINTS, [0, 1, 2]),
        (1, [0, 1, 2, 3], LINES, [0, 1, 2, 3]),
        (2, [0, 1, 2], LINES, [0, 1, 1, 2, 2, 0]),
        (3, [0, 1, 2], LINES, [0, 1, 1, 2]),
        (4, [0, 1, 2], TRIANGLES, [0, 1, 2]),
        (5, [0, 1, 2, 3], TRIANGLES, [0, 1, 2, 1, 3, 2]),
        (5, [0, 1, 2, 2, 1, 3], TRIANGLES, [0, 1, 2, 2, 3, 1]),
        (6, [0, 1, 2, 3], TRIANGLES, [1, 2, 0, 2, 3, 0]),
    ],
)
def test_every_topology_becomes_a_list(
    tmp_path: Path, mode: int, indices: list[int], expected_mode: int, expected: list[int]
) -> None:
    """Winding as glTF 2.0, 3.7.2.1 has it; triangles that only join two strips are left out."""
    build = Build()
    drawn = build.accessor(np.array(indices, np.uint16))
    build.mesh({"attributes": {"POSITION": build.accessor(CORNERS)}, "indices": drawn, "mode": mode})
    primitive = one(tmp_path, build)
    assert (primitive.mode, primitive.indices.tolist()) == (expected_mode, expected)


def test_primitives_without_indices_are_counted_through(tmp_path: Path) -> None:
    build = Build()
    build.mesh({"attributes": {"POSITION": build.accessor(CORNERS[:3])}})
    assert one(tmp_path, build).indices.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("indices", "code", "said"),
    [
        (np.array([0, 1, 7], np.uint16), "E_INDEX_RANGE", "/primitives/0/indices: [2] = 7, but there are 4 vertices"),
        (np.array([0, 1, 65535], np.uint16), "E_INDEX_RESTART", "65535"),
        (np.array([0, 255, 1], np.uint8), "E_INDEX_RESTART", "[1] = 255"),
        (np.array([0, 1, 2, 3], np.uint16), "E_INDEX_COUNT", "4 indices"),
        (np.array([0, 1, 2], np.float32), "E_INDEX_TYPE", "unsigned"),
    ],
)  # fmt: skip
def test_bad_indices_are_refused(tmp_path: Path, indices: Array, code: str, said: str) -> None:
    build = Build()
    build.mesh({"attributes": {"POSITION": build.accessor(CORNERS)}, "indices": build.accessor(indices)})
    error = refusal(tmp_path, build)
    assert error.code == code
    assert said in error.message


def test_what_draws_nothing_is_dropped_and_nodes_follow_their_mesh(tmp_path: Path) -> None:
    """Mesh 0 has no POSITION: it goes, and mesh 1 takes its place for node 1."""
    build = Build(nodes=[{"mesh": 0}, {"mesh": 1}], scenes=[{"nodes": [0, 1]}])
    build.mesh({"attributes": {"_X": build.accessor(CORNERS)}})
    build.mesh({"attributes": {"POSITION": build.accessor(CORNERS)}, "indices": build.accessor(QUAD)})
    scene = read(tmp_path, build)
    assert [node.mesh for node in scene.nodes] == [None, 0]
    assert len(scene.meshes) == 1


def test_a_document_without_anything_to_draw_is_empty(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"asset": {"version": "2.0"}}, "model.gltf")
    assert (error.code, error.exit_code) == ("E_EMPTY", 65)


def test_a_shared_accessor_is_read_once(tmp_path: Path) -> None:
    build = Build()
    entry = {"attributes": {"POSITION": build.accessor(CORNERS)}, "indices": build.accessor(QUAD)}
    first, second = read(tmp_path, build.mesh(entry, dict(entry))).meshes[0].primitives
    assert first.positions is second.positions
