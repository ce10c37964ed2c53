"""Entries: whatever lies in a shelf, a build gets what it would have made, or makes it."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from assetpipe.asset import Image, Material, Mesh, Node, Primitive, Scene
from assetpipe.stages.blobs import Blob, Blobs, Digests
from assetpipe.stages.entry import HEAD, DamagedEntry, read_entry, write_entry
from assetpipe.stages.kept import Codec, Kept
from assetpipe.stages.keys import stage_key
from assetpipe.stages.nouns import pack_scene, scene_digest, unpack_scene
from tests.shapes import box, scene, sphere
from tests.stages.places import asset, build, config, entries, shelf

SOURCE = "5" * 64
KEY = stage_key("poster", of=1)
NAME = f"{SOURCE}/{KEY}"
PLAIN: Codec[Any] = Codec(
    lambda made, blobs: {"said": made["said"], "at": blobs.add(made["array"])},
    lambda value, blobs: {"said": value["said"], "array": blobs[value["at"]]},
)
Parts = Sequence[bytes | memoryview]


def joined(parts: Parts) -> bytes:
    return b"".join(parts)


def rich() -> Scene:
    """With something of everything that a scene holds."""
    ball, cube = sphere(8, material=0), box(material=0)
    joints = np.zeros((len(cube.positions), 4), np.uint16)
    morph = {"POSITION": np.full_like(cube.positions, 0.25)}
    cube = Primitive(4, cube.indices, {**cube.attributes, "JOINTS_0": joints}, (morph,), {"material": 0, "extras": {}})
    made = scene(ball, cube, materials=(Material({"name": "p", "extras": {"x": [1, 2.5, None, "ü\ud800"]}}),))
    image = Image(memoryview(b"\x89PNG picture"), "image/png", {"name": "a"}, "a.png")
    nodes = (*made.nodes, Node({"children": [0], "matrix": [1.0, -0.0, 1e-45]}))
    matrices = np.eye(4, dtype=np.float32)[None]
    return Scene(
        nodes, (*made.meshes, Mesh((ball,), {"name": "again"})), made.materials, (image, image), (matrices,), made.json,
        ("repaired",), ("warned",),
    )  # fmt: skip


def test_a_scene_comes_back_bit_for_bit() -> None:
    """Types, shapes, text, numbers, and what is shared: the digest of what comes back is that of what went in."""
    blobs, before = Blobs(), rich()
    value = json.loads(json.dumps(pack_scene(before, blobs)))
    after = unpack_scene(value, blobs.own)
    assert scene_digest(after, Digests()) == scene_digest(before, Digests())
    for mine, theirs in zip(before.meshes[0].primitives, after.meshes[0].primitives, strict=True):
        for name, array in mine.attributes.items():
            assert theirs.attributes[name].dtype == array.dtype
            assert theirs.attributes[name].tobytes() == array.tobytes()
    assert after.materials[0].json == before.materials[0].json
    assert after.images[0].data is after.images[1].data
    assert after.meshes[1].primitives[0].positions is after.meshes[0].primitives[0].positions
    assert (after.repairs, after.warnings, after.json) == (("repaired",), ("warned",), before.json)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.uint32, np.uint8, np.int16, np.float64, np.bool_]),
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9),
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_what_is_written_is_read(array: Any, value: Any) -> None:
    """Any JSON, any array, also one that lies in memory in another order."""
    blobs: list[Blob] = [array, b"some bytes", array[::-1].T, b""]
    _, parts = write_entry(NAME, value, blobs)
    entry = read_entry(NAME, joined(parts))
    assert entry.value == value
    for was, now in zip(blobs, entry.blobs, strict=True):
        assert np.array_equal(now, was, equal_nan=was.dtype.kind == "f") if isinstance(was, np.ndarray) else now == was
        assert getattr(now, "dtype", None) == getattr(was, "dtype", None)


def test_any_damage_is_seen() -> None:
    """Each cut and each flipped bit of 300 chances, another entry, something else altogether: none is read."""
    _, parts = write_entry(NAME, {"of": [1, 2]}, [np.arange(100, dtype=np.uint32)])
    data, chances = joined(parts), random.Random(1)
    read_entry(NAME, data)
    broken = [data[: chances.randrange(len(data))] for _ in range(150)]
    for _ in range(150):
        at, bit = chances.randrange(len(data)), 1 << chances.randrange(8)
        broken.append(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
    for each in (*broken, b"", data + b"\0", b"{}", data[::-1]):
        with pytest.raises(DamagedEntry):
            read_entry(NAME, each)
    with pytest.raises(DamagedEntry, match="another name"):
        read_entry(f"{SOURCE}/{stage_key('poster', of=2)}", data)


@pytest.mark.parametrize(
    "header",
    [
        {"name": NAME, "value": 0, "blobs": [["O", [1], 8]]},
        {"name": NAME, "value": 0, "blobs": [["<f4", [1_000_000_000], 4]]},
        {"name": NAME, "value": 0, "blobs": [["<f4", [2, 2], 10**15]]},
        {"name": NAME, "value": 0, "blobs": [["<f4", [-1], -4]]},
        {"name": NAME, "value": 0, "blobs": [[["<f4", 0], [1], 4]]},
        {"name": NAME, "blobs": []},
        [],
    ],
)
def test_a_forged_header_is_refused(header: object) -> None:
    """With the right hash: objects, sizes that nothing has, types that are none. Nothing is allocated by its word."""
    import hashlib

    text = json.dumps(header).encode()
    body = struct.pack("<Q", len(text)) + text + b"\0" * 64
    with pytest.raises(DamagedEntry):
        read_entry(NAME, b"assetpipe stage 1\n" + hashlib.sha256(body).digest() + body)
    assert HEAD.size == 58


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [("primitives", "indices", 1), ("attributes", "POSITION", 99), ("attributes", "NORMAL", -1), ("node", "mesh", 7)],
)
def test_a_scene_that_kernels_could_not_survive_is_refused(table: str, key: str, value: int) -> None:
    """Indices beyond the vertices, arrays that are not there: read by nobody."""
    blobs = Blobs()
    packed = json.loads(json.dumps(pack_scene(scene(sphere(8)), blobs)))
    primitive = packed["meshes"][0]["primitives"][0]
    blob_list = list(blobs.own)
    if table == "primitives":
        blob_list[primitive["indices"]] = np.full(3, 10_000, np.uint32)
    elif table == "node":
        packed["nodes"][0][key] = value
    else:
        primitive[table][key] = value
    with pytest.raises((DamagedEntry, IndexError)):
        unpack_scene(packed, blob_list)


def test_a_damaged_entry_is_said_removed_and_made_again(tmp_path: Path) -> None:
    """A miss with a warning; the next time it is whole."""
    said: list[str] = []
    kept = Kept(shelf(tmp_path), SOURCE, said.append)
    made = {"said": "x", "array": np.arange(5)}
    kept.through(KEY, lambda: made, PLAIN)
    path = entries(tmp_path)["poster"]
    for spoil in (
        path.read_bytes()[:-1],
        b"",
        b"\x80\x04cos\nsystem\n",
        path.read_bytes().replace(b'"said"', b'"sand"'),
    ):
        path.write_bytes(spoil)
        again = kept.through(KEY, lambda: {**made, "said": "made again"}, PLAIN)
        assert again["said"] == "made again"
        assert kept.through(KEY, lambda: pytest.fail("is there"), PLAIN)["said"] == "made again"
    assert len(said) == 4
    assert all(NAME in line and "removed" in line and str(tmp_path) in line for line in said), said


def test_a_build_over_damaged_entries_is_as_any(tmp_path: Path) -> None:
    """Each file of a cache spoilt in another way: warnings, no fault, the same bundle; after that all is whole."""
    source = asset(tmp_path)
    first = build(source, tmp_path / "1", config(), shelf(tmp_path / "cache"))
    files = sorted((tmp_path / "cache").glob("*/*/*-*"))
    for number, path in enumerate(files):
        data = path.read_bytes()
        path.write_bytes(
            [data[: len(data) // 2], data[:-100] + bytes(100), b"", files[0].read_bytes()[::-1]][number % 4]
        )
    second = build(source, tmp_path / "2", config(), shelf(tmp_path / "cache"))
    assert second.files == first.files
    assert second.calls == first.calls
    assert len(second.warnings) == len(files) == 7
    assert build(source, tmp_path / "3", config(), shelf(tmp_path / "cache")).calls == {}
