"""What may be opened, what it is, and what is recorded of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from assetpipe.errors import LimitExceeded, MissingFile, NotPermitted, SourceError
from assetpipe.sources import open_source, read_scene, unchanged
from tests.sources.build import LIMITS, Build, quad, read


def external(folder: Path, uri: str = "model.bin") -> Path:
    """A .gltf whose buffer lies in a file of its own."""
    import json

    build = quad()
    (folder / "model.bin").write_bytes(build.bin)
    document = build.document()
    document["buffers"][0]["uri"] = uri
    path = folder / "model.gltf"
    path.write_text(json.dumps(document))
    return path


def test_a_missing_source_names_the_nearest_file(tmp_path: Path) -> None:
    """A typo in the path is answered with the name that was meant, exit code 66."""
    (tmp_path / "chair.glb").write_bytes(quad().glb())
    with pytest.raises(MissingFile) as caught:
        open_source(tmp_path / "chiar.glb", LIMITS)
    assert (caught.value.code, caught.value.exit_code) == ("E_SOURCE_MISSING", 66)
    assert "chair.glb" in caught.value.hint


def test_links_that_lead_nowhere_and_names_that_cannot_be_written_are_said(tmp_path: Path) -> None:
    """A hint never names what was asked for, nor a folder. Manifests are UTF-8, and name their files."""
    (tmp_path / "chair.glb").symlink_to("gone.glb")
    (tmp_path / "chair2.glb").mkdir()
    with pytest.raises(MissingFile, match=r"is a link to gone\.glb, which is not there") as dangling:
        open_source(tmp_path / "chair.glb", LIMITS)
    assert dangling.value.hint == "check the path"
    (tmp_path / "loop.glb").symlink_to("loop.glb")
    with pytest.raises(SourceError, match=r"cannot be opened: Too many levels of symbolic links\n"):
        open_source(tmp_path / "loop.glb", LIMITS)
    with pytest.raises(SourceError, match="is not UTF-8"):
        open_source(tmp_path / "b\udcffd.glb", LIMITS)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    """A folder, a FIFO (without waiting for a writer) and a device are refused."""
    path = {"folder": tmp_path, "pipe": tmp_path / "pipe.glb", "device": Path("/dev/zero")}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(SourceError) as caught:
        open_source(path, LIMITS)
    assert caught.value.code == "E_NOT_REGULAR"


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.glb").touch()
    with pytest.raises(SourceError, match="0 bytes") as caught:
        open_source(tmp_path / "a.glb", LIMITS)
    assert caught.value.code == "E_EMPTY_FILE"


def test_an_unreadable_file_is_a_matter_of_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 77. (Tests may run as root, who may read everything, so the refusal is played.)"""

    def refuse(*_args: object, **_kwargs: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotPermitted) as caught:
        open_source(tmp_path / "a.glb", LIMITS)
    assert (caught.value.code, caught.value.exit_code) == ("E_UNREADABLE", 77)


def test_a_source_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    """The message has the size and the limit; a sparse file of 10 GB costs nothing to refuse."""
    path = tmp_path / "a.glb"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(LimitExceeded, match="10,000,000,000 bytes, limit 8,000,000,000"):
        open_source(path, LIMITS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.glb", b"PK\x03\x04" + b"x" * 100, "named .glb, content is ZIP\n\nhint: unpack it"),
        ("a.usdz", b"PK\x03\x04" + b"x" * 100, "content is USDZ\n\nhint: export it as one of .glb"),
        ("a.glb", b"<!DOCTYPE html><title>404</title>", "content is a web page\n\nhint: download it again"),
        ("a.dae", b"<?xml version='1.0'?><COLLADA/>", "content is XML\n\nhint: export it as one of .glb"),
        ("a.gltf", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "named .gltf, content is PNG"),
        ("a.glb", b'{"asset": {"version": "2.0"}}', "named .glb, content is glTF JSON"),
        ("a.fbx", b"Kaydara FBX Binary  \0" + b"\0" * 100, "content is FBX"),
        ("a.glb", b"version https://git-lfs.github.com/spec/v1\n", "not the file itself\n\nhint: `git lfs pull`"),
        ("a.obj", b"\x00\x01\x02\x03" * 100, "no format that is known"),
    ],
)
def test_content_that_disagrees_with_the_name_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / name, LIMITS)
    assert caught.value.code == "E_FORMAT"
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.stl", b"solid x\nfacet normal 0 0 1\n", "stl"),
        ("a.stl", b"solid".ljust(80) + b"\1\0\0\0" + b"\0" * 50, "stl"),
        ("a.ply", b"ply\nformat ascii 1.0\n", "ply"),
        ("a.obj", b"# made by hand\nv 0 0 0\n", "obj"),
        ("noname", b"glTF\2\0\0\0", "glb"),
        ("a.gltf", b"\xef\xbb\xbf  {", "gltf"),
    ],
)
def test_formats_are_told_by_content(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert open_source(tmp_path / name, LIMITS).format == expected


def test_the_fingerprint_of_a_lone_file_is_its_own_hash(tmp_path: Path) -> None:
    data = quad().glb()
    (tmp_path / "a.glb").write_bytes(data)
    source = open_source(tmp_path / "a.glb", LIMITS)
    read_scene(source, LIMITS)
    assert source.sha256 == hashlib.sha256(data).hexdigest()
    assert [(file.uri, file.bytes) for file in source.files] == [("a.glb", len(data))]


def test_the_fingerprint_covers_the_files_that_the_source_names(tmp_path: Path) -> None:
    """Any byte of any file changes it; nothing else does."""
    path = external(tmp_path)
    source = open_source(path, LIMITS)
    read_scene(source, LIMITS)
    assert [file.uri for file in source.files] == ["model.gltf", "model.bin"]
    assert source.bytes == path.stat().st_size + (tmp_path / "model.bin").stat().st_size
    assert unchanged(path, source.files)
    binary = bytearray((tmp_path / "model.bin").read_bytes())
    binary[0] ^= 1
    (tmp_path / "model.bin").write_bytes(binary)
    assert not unchanged(path, source.files)
    again = open_source(path, LIMITS)
    read_scene(again, LIMITS)
    assert again.sha256 != source.sha256


def test_a_file_that_was_missing_must_still_be_missing(tmp_path: Path) -> None:
    """A texture that turns up later makes another source."""
    build = quad(images=[{"uri": "late.png"}], textures=[{"source": 0}])
    (tmp_path / "a.glb").write_bytes(build.glb())
    source = open_source(tmp_path / "a.glb", LIMITS)
    read_scene(source, LIMITS)
    assert source.files[1].sha256 is None
    assert unchanged(tmp_path / "a.glb", source.files)
    (tmp_path / "late.png").write_bytes(b"x")
    assert not unchanged(tmp_path / "a.glb", source.files)


def test_a_source_that_is_written_to_while_being_read_is_refused(tmp_path: Path) -> None:
    """The file itself, or one that it names."""
    path = external(tmp_path)
    source = open_source(path, LIMITS)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError) as caught:
        read_scene(source, LIMITS)
    assert caught.value.code == "E_SOURCE_CHANGED"
    source = open_source(path, LIMITS)
    read_scene(source, LIMITS)
    os.utime(tmp_path / "model.bin", ns=(1, 1))
    with pytest.raises(SourceError, match=r"model\.bin changed"):
        source.check_unchanged()


ESCAPES = {
    "../secret.bin": "E_URI_ESCAPE",
    "..%2Fsecret.bin": "E_URI_ESCAPE",
    "%2e%2e/secret.bin": "E_URI_ESCAPE",
    "a/../../secret.bin": "E_URI_ESCAPE",
    "..\\secret.bin": "E_URI_ESCAPE",
    "/etc/passwd": "E_URI_ABSOLUTE",
    "%2Fetc%2Fpasswd": "E_URI_ABSOLUTE",
    "C:\\secret.bin": "E_URI_ABSOLUTE",
    "C%3A/secret.bin": "E_URI_ABSOLUTE",
    "\\\\server\\share\\x.bin": "E_URI_ABSOLUTE",
    "file:///etc/passwd": "E_URI_ABSOLUTE",
    "FILE:secret.bin": "E_URI_ABSOLUTE",
    "//server/x.bin": "E_URI_REMOTE",
    "http://example.com/x.bin": "E_URI_REMOTE",
    "s3://bucket/x.bin": "E_URI_REMOTE",
    "a%00.bin": "E_URI_INVALID",
    "": "E_URI_INVALID",
    ".": "E_URI_INVALID",
}


@pytest.mark.parametrize("uri", ESCAPES)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, uri: str) -> None:
    """Decoded once, then judged; the message has the place in the document."""
    (tmp_path / "secret.bin").write_bytes(quad().bin)
    folder = tmp_path / "in"
    folder.mkdir()
    source = open_source(external(folder, uri), LIMITS)
    with pytest.raises(SourceError) as caught:
        read_scene(source, LIMITS)
    assert caught.value.code == ESCAPES[uri]
    assert "/buffers/0" in caught.value.message


@pytest.mark.parametrize("link", ["file", "folder"])
def test_links_do_not_lead_out_of_the_folder(tmp_path: Path, link: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.bin").write_bytes(quad().bin)
    folder = tmp_path / "in"
    folder.mkdir()
    path = external(folder, "model.bin" if link == "file" else "sub/model.bin")
    (folder / "model.bin").unlink()
    target = "../out/model.bin" if link == "file" else "../out"
    (folder / ("model.bin" if link == "file" else "sub")).symlink_to(target)
    with pytest.raises(SourceError) as caught:
        read_scene(open_source(path, LIMITS), LIMITS)
    assert caught.value.code == "E_URI_ESCAPE"


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    path = external(tmp_path, "alias.bin")
    (tmp_path / "alias.bin").symlink_to("model.bin")
    assert read_scene(open_source(path, LIMITS), LIMITS).triangles == 2


@pytest.mark.parametrize("uri", ["a%20b.bin", "./a%20b.bin", "x/../a%20b.bin", "a b.bin"])
def test_names_are_percent_decoded_once(tmp_path: Path, uri: str) -> None:
    path = external(tmp_path, uri)
    (tmp_path / "model.bin").rename(tmp_path / "a b.bin")
    assert read_scene(open_source(path, LIMITS), LIMITS).triangles == 2


def test_a_name_decoded_once_is_not_decoded_again(tmp_path: Path) -> None:
    """`%2520` means a file with `%20` in its name."""
    path = external(tmp_path, "a%2520b.bin")
    (tmp_path / "model.bin").rename(tmp_path / "a%20b.bin")
    assert read_scene(open_source(path, LIMITS), LIMITS).triangles == 2


def test_the_wrong_case_is_repaired_when_it_can_mean_one_file_only(tmp_path: Path) -> None:
    path = external(tmp_path, "MODEL.BIN")
    scene = read_scene(open_source(path, LIMITS), LIMITS)
    assert [line for line in scene.repairs if "W_URI_CASE" in line and "model.bin" in line]
    (tmp_path / "Model.bin").write_bytes((tmp_path / "model.bin").read_bytes())
    with pytest.raises(MissingFile):
        read_scene(open_source(path, LIMITS), LIMITS)


def test_a_missing_buffer_names_the_nearest_file(tmp_path: Path) -> None:
    path = external(tmp_path, "modle.bin")
    with pytest.raises(MissingFile) as caught:
        read_scene(open_source(path, LIMITS), LIMITS)
    assert (caught.value.code, caught.value.exit_code) == ("E_MISSING_BUFFER", 66)
    assert "model.bin" in caught.value.hint


def test_data_uris_are_read_and_broken_ones_refused(tmp_path: Path) -> None:
    """Base64 and percent-encoded; a character that is not base64 is an error, not skipped."""
    import base64
    from urllib.parse import quote_from_bytes

    build: Build = quad()
    document = build.document()
    for encoded in (
        "data:application/octet-stream;base64," + base64.b64encode(build.bin).decode(),
        "data:application/octet-stream," + quote_from_bytes(build.bin),
    ):
        document["buffers"][0]["uri"] = encoded
        assert read(tmp_path, document, "model.gltf").triangles == 2
    document["buffers"][0]["uri"] = "data:;base64,AAAA*AAA"
    with pytest.raises(SourceError) as caught:
        read(tmp_path, document, "model.gltf")
    assert caught.value.code == "E_DATA_URI"


def test_all_files_of_a_source_together_keep_the_limit(tmp_path: Path) -> None:
    path = external(tmp_path)
    small = LIMITS.model_copy(update={"source_bytes": path.stat().st_size + 10})
    with pytest.raises(LimitExceeded):
        read_scene(open_source(path, small), small)
