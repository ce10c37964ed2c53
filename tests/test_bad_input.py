"""Every kind of bad input: its exit code, one sentence that names file and fault, a hint, and nothing written."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import gltf_files
from tests.commands import run
from tests.shapes import sphere

DOCUMENT, BINARY = gltf_files.document(sphere(32))
Make = Callable[[Path], Path]


def broken(**changes: object) -> Make:
    """The sphere with top-level keys of its document replaced."""
    return lambda folder: gltf_files.write_glb(folder / "thing.glb", {**copy.deepcopy(DOCUMENT), **changes}, BINARY)


def missing_file(folder: Path) -> Path:
    return folder / "thing.glb"


def folder_instead(folder: Path) -> Path:
    (folder / "thing.glb").mkdir()
    return folder / "thing.glb"


def empty(folder: Path) -> Path:
    (folder / "thing.glb").write_bytes(b"")
    return folder / "thing.glb"


def wrong_type(folder: Path) -> Path:
    (folder / "thing.glb").write_bytes(b"PK\x03\x04" + b"\0" * 400)
    return folder / "thing.glb"


def unknown_type(folder: Path) -> Path:
    (folder / "thing.docx").write_bytes(b"\x01\x02\x03 not a model" * 30)
    return folder / "thing.docx"


def truncated(folder: Path) -> Path:
    path = broken()(folder)
    path.write_bytes(path.read_bytes()[:9000])
    return path


def missing_buffer(folder: Path) -> Path:
    buffers = [{"uri": "thing.bin", "byteLength": len(BINARY)}]
    return gltf_files.write_gltf(folder / "thing.gltf", {**DOCUMENT, "buffers": buffers})


def escaping(folder: Path) -> Path:
    buffers = [{"uri": "../secret.bin", "byteLength": len(BINARY)}]
    (folder.parent / "secret.bin").write_bytes(BINARY)
    return gltf_files.write_gltf(folder / "thing.gltf", {**DOCUMENT, "buffers": buffers})


def index_out_of_range(folder: Path) -> Path:
    view = DOCUMENT["bufferViews"][3]
    binary = bytearray(BINARY)
    struct.pack_into("<I", binary, view["byteOffset"] + 4 * 7, 70_000)
    return gltf_files.write_glb(folder / "thing.glb", DOCUMENT, bytes(binary))


def nan_positions(folder: Path) -> Path:
    binary = bytearray(BINARY)
    struct.pack_into("<f", binary, 12, float(np.nan))
    return gltf_files.write_glb(folder / "thing.glb", DOCUMENT, bytes(binary))


def not_json(folder: Path) -> Path:
    (folder / "thing.gltf").write_text('{"asset": {"version": "2.0"},}')
    return folder / "thing.gltf"


BAD: list[tuple[str, Make, int, str]] = [
    ("missing file", missing_file, 66, "thing.glb"),
    ("folder", folder_instead, 65, "thing.glb"),
    ("empty", empty, 65, "0 bytes"),
    ("wrong type", wrong_type, 65, "ZIP"),
    ("unknown type", unknown_type, 65, "thing.docx"),
    ("truncated", truncated, 65, "the file has 9,000"),
    ("missing buffer", missing_buffer, 66, "thing.bin"),
    ("escaping buffer", escaping, 65, "secret.bin"),
    ("index out of range", index_out_of_range, 65, "70"),
    ("NaN positions", nan_positions, 65, "meshes/0/primitives/0"),
    ("no triangles", broken(meshes=[], nodes=[{"name": "nothing"}]), 65, "thing.glb"),
    ("cyclic nodes", broken(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}]), 65, "0"),
    ("required extension", broken(extensionsUsed=["ACME_x"], extensionsRequired=["ACME_x"]), 65, "ACME_x"),
    ("glTF 1.0", broken(asset={"version": "1.0"}), 65, "1.0"),
    ("not JSON", not_json, 65, "line 1"),
]


@pytest.mark.parametrize(("make", "code", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.parametrize("command", ["build", "inspect"])
def test_bad_input_gets_one_sentence_a_hint_and_its_exit_code(
    tmp_path: Path, command: str, make: Make, code: int, said: str
) -> None:
    """No traceback, no other output, and not one file or folder more than before."""
    folder = tmp_path / "models"
    folder.mkdir()
    source = make(folder)
    before = sorted(tmp_path.rglob("*"))
    done = run(command, source, *(["--out", tmp_path / "out"] if command == "build" else []))
    assert done.code == code, done.err
    assert done.out == ""
    sentence, hint = done.err.strip().split("\n\n")
    assert sentence.startswith("error: ")
    assert said in sentence
    assert "\n" not in sentence
    assert hint.startswith("hint: ")
    assert len(hint) > 12
    left = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert left in ([], [tmp_path / "out"])


def test_a_missing_texture_is_a_warning_not_an_end(tmp_path: Path) -> None:
    """The material keeps its factors, and the manifest says what is missing."""
    document = copy.deepcopy(DOCUMENT)
    document |= {
        "images": [{"uri": "oak.png"}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "baseColorFactor": [1, 0, 0, 1]}}],
    }
    document["meshes"][0]["primitives"][0]["material"] = 0
    source = gltf_files.write_gltf(tmp_path / "thing.gltf", document, BINARY)
    done = run("build", source, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "oak.png" in done.err
    manifest = json.loads((tmp_path / "out" / "thing" / "manifest.json").read_text())
    assert any("oak.png" in line for line in manifest["repairs"] + manifest["warnings"])
    assert manifest["levels"][0]["textures"] == []


def test_one_bad_source_of_several_fails_alone(tmp_path: Path) -> None:
    """The others are built, the exit code is 3, and the bad one said why."""
    good = gltf_files.write_glb(tmp_path / "good.glb", DOCUMENT, BINARY)
    done = run("build", truncated(tmp_path), good, "--out", tmp_path / "out")
    assert done.code == 3
    assert "the file has 9,000" in done.err
    assert "1 of 2 failed" in done.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]
