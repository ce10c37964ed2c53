"""The folder on disk: whole or not there, at any moment, whoever writes at the same time."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from assetpipe import bundle as bundles
from assetpipe.bundle import damage, locked, read_bundle, write_bundle
from assetpipe.errors import LimitExceeded, NotPermitted, SourceError, UsageError
from assetpipe.manifest import NAME, Manifest, json_schema, parse_manifest, shipped_schema


def manifest(**payloads: bytes) -> Manifest:
    """Of a bundle whose level `x` is the file `x.glb` with the given bytes."""
    levels = [
        {"name": name, "uri": f"{name}.glb", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data),
         "triangles": 1, "vertices": 3, "materials": 1, "textures": [], "screen_px": 256,
         "deviation": {"max": 0.0, "rms": 0.0}}
        for name, data in payloads.items()
    ]  # fmt: skip
    return Manifest.model_validate(
        {"asset": "chair", "category": "general", "levels": levels, "config_sha256": "0" * 64,
         "source": {"sha256": "1" * 64, "bytes": 9, "format": "glb", "triangles": 1},
         "tool": {"version": "0"}, "bounds": {"min": [0, 0, 0], "max": [1, 1, 1], "radius": 1}}
    )  # fmt: skip


def write(folder: Path, **payloads: bytes) -> None:
    write_bundle(folder, {f"{name}.glb": data for name, data in payloads.items()}, manifest(**payloads))


def test_a_bundle_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """What was written is what is read, and nothing else lies in the folder or beside it."""
    write(tmp_path / "chair", preview=b"one", high=b"two")
    assert read_bundle(tmp_path / "chair").manifest == manifest(preview=b"one", high=b"two")
    assert damage(read_bundle(tmp_path / "chair")) == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["chair", "high.glb", NAME, "preview.glb"]


def test_a_rebuild_leaves_no_file_of_the_bundle_before(tmp_path: Path) -> None:
    """A level that is no longer made goes; a file that was never ours stays."""
    write(tmp_path / "chair", preview=b"one", high=b"two")
    (tmp_path / "chair" / "notes.glb").write_bytes(b"mine")
    write(tmp_path / "chair", preview=b"three")
    assert sorted(path.name for path in (tmp_path / "chair").iterdir()) == [NAME, "notes.glb", "preview.glb"]


def test_damage_names_the_file_and_what_is_wrong(tmp_path: Path) -> None:
    """One flipped bit or one missing file is found."""
    write(tmp_path / "chair", preview=b"one", high=b"two")
    (tmp_path / "chair" / "preview.glb").write_bytes(b"onf")
    (tmp_path / "chair" / "high.glb").unlink()
    faults = damage(read_bundle(tmp_path / "chair"))
    assert faults == [
        "preview.glb: its bytes are not those that the manifest names",
        "high.glb: no such file or directory",
    ]


@pytest.mark.parametrize("step", range(1, 12))
def test_a_full_disk_leaves_the_old_bundle_or_none_never_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Fail the n-th write to disk for every n: what can be read afterwards is whole."""
    folder = tmp_path / "chair"
    write(folder, preview=b"old", high=b"old too")
    calls = 0
    real = os.fsync

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with suppress(LimitExceeded):
        write(folder, preview=b"new", high=b"new too")
        assert calls < step
    assert [path.name for path in tmp_path.iterdir()] == ["chair"]
    found = read_bundle(folder)
    assert damage(found) == []


KILLED = """
import os, sys
from pathlib import Path
from tests.test_bundle import write
from assetpipe.bundle import locked
import assetpipe.bundle as bundles
count = 0
def watch(event, args):
    global count
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"):
        count += 1
        if count == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
folder = Path(sys.argv[1])
with locked(folder):
    sys.addaudithook(watch)
    write(folder, preview=b"new", high=b"new too")
"""


def test_killed_at_any_step_the_folder_is_no_bundle_or_a_whole_one(tmp_path: Path) -> None:
    """kill -9 before the n-th change to the disk for every n, then build again: no mixture, and the rerun cleans up."""
    folder = tmp_path / "chair"
    for step in range(1, 40):
        write(folder, preview=b"old", high=b"old too")
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(step)], check=False)
        if (folder / NAME).exists():
            assert damage(read_bundle(folder)) == []
        with locked(folder):
            write(folder, preview=b"new", high=b"new too")
        assert [path.name for path in tmp_path.iterdir()] == ["chair"]
        if done.returncode == 0:
            break
    assert done.returncode == 0
    assert step > 8


def _hold(folder: Path, name: str, order: Path) -> None:
    with locked(folder), order.open("a") as log:
        log.write(f"{name} in\n")
        log.flush()
        time.sleep(0.05)
        log.write(f"{name} out\n")


def test_two_builds_of_one_asset_take_turns(tmp_path: Path) -> None:
    """Whoever comes second waits; no two are ever inside, and no lock is left."""
    workers = [
        multiprocessing.get_context("spawn").Process(
            target=_hold, args=(tmp_path / "chair", str(i), tmp_path / "order")
        )
        for i in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(600)
    lines = (tmp_path / "order").read_text().split("\n")[:-1]
    assert len(lines) == 12
    assert all(lines[i].split()[0] == lines[i + 1].split()[0] for i in range(0, 12, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["order"]


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    """The message says so, and how to get one."""
    with pytest.raises(SourceError, match="holds no manifest"):
        read_bundle(tmp_path)


def test_a_folder_of_bundles_is_no_bundle_and_may_become_one(tmp_path: Path) -> None:
    """Who reads it is told how to name those in it; who builds over it writes beside them."""
    write(tmp_path / "all" / "chair", preview=b"one", high=b"two")
    with pytest.raises(UsageError, match="a folder of bundles"):
        read_bundle(tmp_path / "all")
    write(tmp_path / "all", preview=b"three", high=b"four")
    assert damage(read_bundle(tmp_path / "all")) == damage(read_bundle(tmp_path / "all" / "chair")) == []


def test_a_manifest_that_is_not_ours_is_refused_by_key() -> None:
    """A broken manifest never passes for a bundle."""
    with pytest.raises(SourceError, match=r"x/manifest\.json: not a manifest.*schema"):
        parse_manifest(b'{"schema": "other/1"}', "x/manifest.json")


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    """--out may name a file by mistake."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(NotPermitted, match="a file stands where a folder must be"), locked(tmp_path / "out" / "chair"):
        pass


def test_the_shipped_schema_is_the_types() -> None:
    """manifest.schema.json is generated; `python -m assetpipe.manifest` writes it anew."""
    import json

    assert json.loads(shipped_schema().read_text()) == json.loads(json.dumps(json_schema()))
    assert bundles.NAME == "manifest.json"
