"""A hundred assets, five of them hostile, by the command itself (P11), its builds forked as always: minutes, so with
ASSETPIPE_LONG=1. Twelve, of the same five kinds, are in test_hostile and in every run."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from assetpipe.batch.machine import processes
from assetpipe.bundle import damage, read_bundle
from tests import gltf_files
from tests.batch.test_hostile import REASONS, SMALL, greedy
from tests.delivery.fsck import findings
from tests.delivery.worlds import LONG, objects
from tests.shapes import sphere, torus

ROOT = Path(__file__).parents[2]
CHEAP = Path(__file__).with_name("cheap_cli.py")
HEALTHY = [f"chair-{number:03}" for number in range(95)]
BLOWS: dict[str, Callable[[int], object]] = {
    "crash": lambda pid: os.kill(pid, signal.SIGSEGV),
    "hang": lambda pid: os.kill(pid, signal.SIGSTOP),
    "disk": lambda pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_000, 1_000)),
}
"""What befalls a child while it reads its source; the other two sources are bad enough by themselves."""


def sources(folder: Path) -> None:
    folder.mkdir()
    (folder.parent / "secret.bin").write_bytes(b"secret" * 1_000)
    for at, name in enumerate([*HEALTHY, *BLOWS]):
        segments = 160 if name in BLOWS else 8  # long enough at it for a blow to meet it
        document, data = gltf_files.document((sphere if at % 2 else torus)(segments))
        document["asset"]["generator"] = name  # two of the same bytes would be one asset
        gltf_files.write_glb(folder / f"{name}.glb", document, data)
    document, data = gltf_files.document(sphere(8))
    document["buffers"] = [{"uri": "../secret.bin", "byteLength": len(data)}]
    gltf_files.write_gltf(folder / "escape.gltf", document)
    greedy(folder / "greedy.glb")
    lines = [f"in/{path.name},{60 if path.stem == 'hang' else ''}" for path in sorted(folder.iterdir())]
    (folder.parent / "night.csv").write_text("\n".join(["source,deadline", *lines]))


def strike(job: Path, how: Callable[[int], object]) -> None:
    for each in processes().values():
        with suppress(OSError):
            if Path(f"/proc/{each.pid}/cwd").readlink() == job:
                how(each.pid)


if LONG:

    def test_five_of_a_hundred_stop_nobody(tmp_path: Path) -> None:
        """95 are published, whole; five are set aside with five reasons, after two attempts at most; exit code 3; what
        is in the store is all right, and nobody is left."""
        sources(tmp_path / "in")
        (tmp_path / "small.toml").write_text(SMALL)
        out, store = tmp_path / "out", tmp_path / "store"
        options = ["--config", tmp_path / "small.toml", "--to", store, "--out", out, "--workers", "2", "--json"]
        limits = ["--memory-mb", "400", "--no-cache"]
        command = [sys.executable, CHEAP, "batch", "run", tmp_path / "night.csv", *options, *limits]
        talk: list[str] = []
        told: dict[str, Any] = {"env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": subprocess.PIPE, "text": True}
        with (
            (tmp_path / "said.jsonl").open("w+b") as said,
            subprocess.Popen([*map(str, command)], stdout=said, **told) as night,
        ):
            assert night.stderr is not None
            for line in night.stderr:
                talk.append(line)
                event = json.loads(line) if line.startswith("{") else {"message": "", "asset": ""}
                if event["message"] == "reading" and event["asset"] in BLOWS:
                    strike(out / ".batch" / "jobs" / event["asset"], BLOWS[event["asset"]])
            assert night.wait() == 3, "".join(talk[-40:])
            said.seek(0)
            records = [json.loads(line) for line in said]
        assert Counter(record["state"] for record in records) == {"done": len(HEALTHY), "quarantined": 5}
        failed = {record["asset"]: record for record in records if record["state"] == "quarantined"}
        assert {asset: record["code"] for asset, record in failed.items()} == REASONS
        assert all(record["attempts"] <= 2 for record in failed.values())
        assert all(damage(read_bundle(out / name)) == [] for name in HEALTHY)
        assert findings(objects(store), {}) == []
        pointers = {path.stem for path in (store / "general" / "manifest").glob("*.json")}
        assert {name for name in pointers if not name.startswith("index")} == set(HEALTHY)
        assert list((out / ".batch" / "jobs").iterdir()) == []
