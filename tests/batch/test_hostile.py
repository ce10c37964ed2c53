"""Twelve assets, five of them hostile, each in its own way: seven are published, five set aside with five reasons."""

from __future__ import annotations

import json
import os
import re
import shlex
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from assetpipe.batch.machine import processes
from assetpipe.batch.plan import Item
from assetpipe.batch.run import Summary, carry_out
from assetpipe.bundle import damage, read_bundle, write_bundle
from assetpipe.errors import LimitExceeded
from assetpipe.manifest import Manifest
from tests import gltf_files
from tests.batch.nights import batch, read_journal
from tests.commands import run
from tests.delivery import bundles
from tests.shapes import sphere, torus

ROOT = Path(__file__).parents[2]
SMALL = """
[levels.preview]
screen_px = 32
max_triangles = 200
texture_px = 16
max_bytes = 50_000
[levels.standard]
screen_px = 48
max_triangles = 300
texture_px = 32
max_bytes = 50_000
[levels.high]
screen_px = 64
max_triangles = 400
texture_px = 64
max_bytes = 50_000
[textures]
bake = "never"
"""
REAL = 7 if os.environ.get("ASSETPIPE_LONG") else 3
"""Healthy assets that are built; the bundles of the others were there before, and are published like theirs."""
HEALTHY = sorted([*(f"real-{n}" for n in range(1, REAL + 1)), *(f"ready-{n}" for n in range(REAL + 1, 8))])
REASONS = {
    "crash": "E_CRASH",
    "hang": "E_DEADLINE",
    "greedy": "E_MEMORY",
    "disk": "E_DISK_FULL",
    "escape": "E_URI_ESCAPE",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night")
    (folder / "small.toml").write_text(SMALL)
    return folder


@pytest.fixture(scope="module")
def wanted(folder: Path) -> tuple[Item, ...]:
    """Real models, small ones: a batch's trouble does not depend on their size."""
    (folder / "secret.bin").write_bytes(b"secret" * 1_000)
    return tuple(_item(folder, name) for name in [*HEALTHY, *REASONS])


@pytest.fixture(scope="module")
def summary(folder: Path, wanted: tuple[Item, ...]) -> Summary:
    plan = batch(folder / "out", wanted, workers=3, memory_mb=700)
    return carry_out(replace(plan, to=str(folder / "store")))


def _item(folder: Path, name: str) -> Item:
    (folder / "in").mkdir(exist_ok=True)
    document, data = gltf_files.document((sphere if len(name) % 2 else torus)(10 + len(name) + ord(name[-1]) % 7))
    path = folder / "in" / f"{name}.glb"
    if name == "escape":
        path = path.with_suffix(".gltf")
        document["buffers"] = [{"uri": "../secret.bin", "byteLength": len(data)}]
        gltf_files.write_gltf(path, document)
    else:
        gltf_files.write_glb(path, document, data)
    if name.startswith("ready"):
        write_bundle(folder / "in" / "ready" / name, *_made(name))
    facts = {"config": str(folder / "small.toml"), "bytes": path.stat().st_size, "memory_mb": 200}
    if name == "hang":  # it alone is held to a deadline that a slow machine might not keep, and begins first
        return Item(source=str(path), asset=name, seconds=60.0, deadline=15.0, **facts)
    return Item(source=str(path), asset=name, seconds=5.0, **facts)


def _made(name: str) -> tuple[dict[str, bytes], Manifest]:
    files = {f"{level}.glb": f"{name} {level}".encode() for level in bundles.LEVELS}
    files |= {"poster.webp": name.encode(), "report.html": b"<!doctype html>"}
    return files, bundles.manifest(name, "general", files)


def test_five_poisons_stop_nobody(folder: Path, summary: Summary) -> None:
    """Seven are in the store, whole; the other five have five reasons, and nothing of theirs was published."""
    assert (summary.done, summary.quarantined) == (7, 5)
    assert dict(summary.reasons) == dict.fromkeys(REASONS.values(), 1)
    assert all(damage(read_bundle(folder / "out" / name)) == [] for name in HEALTHY)
    pointers = {path.stem for path in (folder / "store" / "general" / "manifest").glob("*.json")}
    assert pointers - {"index"} == set(HEALTHY)


def test_a_picture_that_is_too_large_for_its_memory_is_no_bad_picture(folder: Path, tmp_path: Path) -> None:
    """12,000 x 12,000 pixels in 1.5 MB of PNG, and 64 MB to build in: the limit is blamed, and the hint says which. So
    it is in a plain build, with half a gigabyte."""
    path = greedy(tmp_path / "bomb.glb")
    config = str(folder / "small.toml")
    wanted = Item(source=str(path), asset="real-bomb", config=config, bytes=path.stat().st_size)
    summary = carry_out(batch(tmp_path / "out", (wanted,), memory_mb=64))
    assert summary.reasons == (("E_MEMORY", 1),)
    assert "--memory-mb" in json.loads(summary.quarantine.read_text())["hint"]
    half = "import resource as r; r.setrlimit(r.RLIMIT_DATA, (5 * 10**8,) * 2); from assetpipe.cli import main; main()"
    command = [sys.executable, "-c", half, "build", str(path), "--config", config, "--out", str(tmp_path / "plain")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert (done.returncode, "Traceback" in done.stderr) == (LimitExceeded.exit_code, False)
    assert "images/0: out of memory" in done.stderr
    assert "smaller pictures" in done.stderr


def test_a_store_beside_us_is_none_beside_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--to ./store`: children publish from folders of their own, and into ours."""
    (tmp_path / "small.toml").write_text(SMALL)
    wanted = (_item(tmp_path, "ready-4"),)
    monkeypatch.chdir(tmp_path)
    assert carry_out(replace(batch(Path("out"), wanted), to="./store")).done == 1
    assert damage(read_bundle(tmp_path / "out" / "ready-4")) == []
    pointer = json.loads((tmp_path / "store" / "general" / "manifest" / "ready-4.json").read_text())
    assert all((tmp_path / "store" / "general" / "manifest" / level["uri"]).is_file() for level in pointer["levels"])


def greedy(path: Path) -> Path:
    """A small file whose picture takes 400 MB and more."""
    document, data = gltf_files.document(sphere(8))
    data, png = data + b"\0" * (-len(data) % 4), _black(12_000)
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": len(png)})
    document |= {"images": [{"bufferView": 4, "mimeType": "image/png"}], "textures": [{"source": 0}]}
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    document["meshes"][0]["primitives"][0]["material"] = 0
    document["buffers"] = [{"byteLength": len(data) + len(png)}]
    return gltf_files.write_glb(path, document, data + png)


def _black(side: int) -> bytes:
    """A PNG that nobody ever holds in memory here."""
    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * side)
    pixels = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_the_quarantine_says_why_and_how_to_see_it_again(
    folder: Path, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure has its code, a message with the source's name, and a command that a shell understands."""
    records = [json.loads(line) for line in summary.quarantine.read_text().splitlines()]
    assert {record["asset"]: record["code"] for record in records} == REASONS
    for record in records:
        assert record["asset"] in record["message"]
        assert record["repro"].startswith(f"assetpipe build {record['source']} ")
    escape = next(record for record in records if record["asset"] == "escape")
    monkeypatch.chdir(folder)
    done = run(*shlex.split(escape["repro"])[1:])
    assert (done.code, "../secret.bin" in done.err) == (65, True)


def test_nothing_half_made_is_left(folder: Path, summary: Summary) -> None:
    """No process of the one that hung, no temporary folder, no partial bundle, no lock."""
    hung = json.loads((folder / "out" / "hung.json").read_text())
    alive = processes()
    assert not [pid for pid in hung if pid in alive]
    assert list((folder / "out" / ".batch" / "jobs").iterdir()) == []
    names = {path.name for path in (folder / "out").iterdir()} - {"hung.json", "started.log"}
    assert names == {*HEALTHY, ".batch", "index.html", "results.jsonl", "quarantine.jsonl"}


def test_results_have_a_line_for_each_asset(summary: Summary) -> None:
    """By name: levels and revision of what is done, code and message of what is not."""
    records = [json.loads(line) for line in summary.results.read_text().splitlines()]
    assert [record["asset"] for record in records] == sorted([*HEALTHY, *REASONS])
    for record in records:
        if record["state"] == "done":
            assert [level["name"] for level in record["levels"]] == ["preview", "standard", "high"]
        else:
            assert record["code"] == REASONS[record["asset"]]


def test_the_index_shows_each_asset_once(folder: Path, summary: Summary) -> None:
    """Failures with reason and command, what is done with its poster, levels and a way to its report; no script."""
    page = summary.index.read_text()
    for name in HEALTHY:
        assert f'src="{name}/poster.webp"' in page
        assert (folder / "out" / name / "poster.webp").is_file()
        assert page.count(f'<a href="{name}/report.html">') == 1
    for name, code in REASONS.items():
        row = next(row for row in page.split("<tr>") if f'scope="row">{name}<' in row)
        assert code in row
        assert "assetpipe build" in row
    assert "7 done, 5 quarantined" in page
    assert not re.search(r"<script|https?://", page)


def test_the_journal_knows_time_and_memory(folder: Path, summary: Summary) -> None:
    """Of each asset: what it took, with all of its stages."""
    entries = read_journal(folder / "out", lambda journal: list(journal.all("done")))
    assert [entry.asset for entry in entries] == HEALTHY
    for entry in entries:
        assert entry.seconds > 0.1
        if entry.asset.startswith("real"):
            assert 50 < entry.peak_mb < 700
        assert re.fullmatch("[0-9a-f]{16}", entry.outcome.revision)
        assert [level.name for level in entry.levels] == ["preview", "standard", "high"]
