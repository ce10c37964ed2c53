"""GLB framing, JSON and versions: rows 1 to 15 of the catalogue of bad input."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from assetpipe.errors import SourceError
from assetpipe.sources import open_source, read_scene
from tests.sources.build import LIMITS, chunk, frame, pack, quad, read, refusal

GOOD = quad().glb()
JSON_TEXT = json.dumps(quad().document()).encode()


def header(length: int, version: int = 2) -> bytes:
    return struct.pack("<4sII", b"glTF", version, length)


BROKEN: dict[str, tuple[bytes, str, str]] = {
    "cut in its header": (GOOD[:9], "E_GLB_TRUNCATED", "9 bytes"),
    "cut in its data": (GOOD[:-8], "E_GLB_TRUNCATED", f"says {len(GOOD)} bytes, the file has {len(GOOD) - 8}"),
    "version 1": (header(len(GOOD), 1) + GOOD[12:], "E_VERSION", "version 1"),
    "chunk of 4 GB": (header(28) + struct.pack("<I4s", 0xFFFFFFF0, b"JSON") + b" " * 8, "E_GLB_CHUNK", "4,294,967,280"),
    "chunk header cut": (header(16) + b"\0" * 4, "E_GLB_CHUNK", "offset 12"),
    "BIN first": (frame(chunk(b"BIN\0", b"\0" * 4)), "E_GLB_CHUNK_ORDER", "not JSON"),
    "no chunk": (header(12), "E_GLB_CHUNK_ORDER", "missing"),
    "two JSON": (frame(chunk(b"JSON", b"{}  "), chunk(b"JSON", b"{}  ")), "E_GLB_CHUNK_ORDER", "second JSON"),
    "two BIN": (header(len(GOOD) + 12) + GOOD[12:] + chunk(b"BIN\0", b"abcd"), "E_GLB_CHUNK_ORDER", "BIN"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_container_is_refused_with_its_numbers(tmp_path: Path, case: str) -> None:
    data, code, said = BROKEN[case]
    error = refusal(tmp_path, data)
    assert (error.code, error.exit_code) == (code, 65)
    assert error.message.startswith("model.glb: ")
    assert said in error.message


def test_bytes_after_the_end_are_ignored_and_noted(tmp_path: Path) -> None:
    scene = read(tmp_path, GOOD + b"x" * 17)
    assert scene.triangles == 2
    assert [line for line in scene.repairs if line.startswith("W_GLB_TRAILING") and "17 bytes" in line]


def test_an_unaligned_chunk_is_read_and_noted(tmp_path: Path) -> None:
    """Its floats are copied to where they are aligned."""
    build = quad()
    text = json.dumps(build.document()).encode()
    text += b" " * (-len(text) % 4 + 1)
    scene = read(tmp_path, frame(chunk(b"JSON", text), chunk(b"BIN\0", build.bin)))
    assert scene.meshes[0].primitives[0].positions.flags.aligned
    assert [line for line in scene.repairs if line.startswith("W_GLB_ALIGN")]


def test_unknown_chunks_are_ignored(tmp_path: Path) -> None:
    data = header(len(GOOD) + 12) + GOOD[12:] + chunk(b"ABCD", b"wxyz")
    assert read(tmp_path, data).triangles == 2


NOT_JSON: dict[str, tuple[bytes, str, str]] = {
    "syntax": (b'{"asset":\n  {"version" "2.0"}}', "E_JSON", "line 2, column 14"),
    "array": (b"[]", "E_JSON", "no object"),
    "NaN": (JSON_TEXT[:-1] + b', "extras": NaN}', "E_JSON", "NaN"),
    "infinite": (JSON_TEXT[:-1] + b', "extras": 1e999}', "E_JSON", "1e999"),
    "long integer": (JSON_TEXT[:-1] + b', "extras": ' + b"9" * 5000 + b"}", "E_JSON", "digit"),
    "twice": (JSON_TEXT[:-1] + b', "asset": {}}', "E_JSON", "'asset' appears twice"),
    "deep": (JSON_TEXT[:-1] + b', "extras": ' + b"[" * 130 + b"]" * 130 + b"}", "E_LIMIT_DEPTH", "128"),
    "abyss": (JSON_TEXT[:-1] + b', "extras": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "E_LIMIT_DEPTH", "128"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_JSON)
def test_bad_json_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    data, code, said = NOT_JSON[case]
    error = refusal(tmp_path, pack(data))
    assert error.code == code
    assert said in error.message


def test_a_byte_order_mark_is_repaired(tmp_path: Path) -> None:
    scene = read(tmp_path, pack(b"\xef\xbb\xbf" + JSON_TEXT, quad().bin))
    assert [line for line in scene.repairs if line.startswith("W_BOM")]


def test_names_that_are_no_utf8_are_repaired(tmp_path: Path) -> None:
    """Bytes and lone surrogates become U+FFFD, so that the JSON can be written again."""
    for broken in (b"\xff", b"\\ud83d"):
        scene = read(tmp_path, pack(JSON_TEXT[:-1] + b', "extras": "a' + broken + b'b"}', quad().bin))
        assert scene.json["extras"] == "a\ufffdb"


def test_strange_names_pass_as_they_are(tmp_path: Path) -> None:
    name = "CON/..\u202e\u0000 é é 😀" + "x" * 10_000
    build = quad(nodes=[{"mesh": 0, "name": name}])
    assert read(tmp_path, build).nodes[0].json["name"] == name


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        ({"version": "1.0"}, "glTF 1.0"),
        ({"version": "3.0"}, "glTF 3.0"),
        ({"version": "2.1", "minVersion": "2.1"}, "glTF 2.1"),
        ({"version": 2.0}, "asset.version"),
        ({}, "asset.version"),
        ({"version": "two"}, "'two'"),
    ],
)
def test_other_versions_are_refused(tmp_path: Path, asset: dict[str, Any], said: str) -> None:
    error = refusal(tmp_path, quad(asset=asset))
    assert error.code == "E_VERSION"
    assert said in error.message


@pytest.mark.parametrize(
    ("limit", "document", "code"),
    [
        ({"json_bytes": 100}, {}, "E_LIMIT_JSON"),
        ({"nodes": 1}, {"nodes": [{"mesh": 0}, {}]}, "E_LIMIT_NODES"),
        ({"materials": 1}, {"materials": [{}, {}]}, "E_LIMIT_MATERIALS"),
        ({"textures": 1}, {"textures": [{}, {}]}, "E_LIMIT_TEXTURES"),
        ({"vertices": 3}, {}, "E_LIMIT_VERTICES"),
        ({"triangles": 1}, {}, "E_LIMIT_TRIANGLES"),
        ({"node_depth": 2}, {"nodes": [{"children": [1]}, {"children": [2]}, {"mesh": 0}]}, "E_LIMIT_NODE_DEPTH"),
    ],
)
def test_every_limit_is_enforced_with_value_and_limit(
    tmp_path: Path, limit: dict[str, int], document: dict[str, Any], code: str
) -> None:
    error = refusal(tmp_path, quad(**document), limits=LIMITS.model_copy(update=limit))
    assert (error.code, error.exit_code) == (code, 70)
    assert str(next(iter(limit.values()))) in error.message


def test_an_unknown_required_extension_is_refused_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path, quad(extensionsUsed=["ACME_x"], extensionsRequired=["ACME_x"]))
    assert error.code == "E_EXT_REQUIRED"
    assert "ACME_x" in error.message


def test_an_unknown_optional_extension_passes_with_a_warning(tmp_path: Path) -> None:
    build = quad(extensionsUsed=["ACME_x"], extensions={"ACME_x": {"a": [1, {"b": 2}]}}, extras={"c": 3})
    scene = read(tmp_path, build)
    assert scene.json["extensions"] == {"ACME_x": {"a": [1, {"b": 2}]}}
    assert scene.json["extras"] == {"c": 3}
    assert [line for line in scene.warnings if "ACME_x" in line]


def test_a_glb_of_more_than_4_gb_is_refused_as_what_it_is(tmp_path: Path) -> None:
    """Its length field has 32 bits: a larger one has wrapped around. (The file is sparse.)"""
    path = tmp_path / "large.glb"
    with path.open("wb") as file:
        file.write(header(100))
        file.truncate(2**32 + 100)
    with pytest.raises(SourceError) as caught:
        read_scene(open_source(path, LIMITS), LIMITS)
    assert caught.value.code == "E_GLB_LENGTH"


def test_a_4_gb_json_chunk_in_a_small_file_allocates_nothing(tmp_path: Path) -> None:
    """What is declared is compared with what is there before anything else happens."""
    data = header(0xFFFFFFFF) + struct.pack("<I4s", 0xFFFFFFFF - 20, b"JSON")
    assert refusal(tmp_path, data).code == "E_GLB_TRUNCATED"
