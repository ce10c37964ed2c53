"""Batches with a cache: real children, which are killed; an S3 of loopback, whose keys they do not have."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import assetpipe
from assetpipe.batch.calls import plan_batch, run_batch, work_batch
from assetpipe.batch.machine import processes
from assetpipe.log import Event
from assetpipe.stages.remote import FOLDER
from tests.batch.test_hostile import SMALL
from tests.delivery.servers import Server, environment, moto  # noqa: F401  # fixtures
from tests.stages.places import asset

WITHIN = 300.0
"""Seconds for a child to come so far on a loaded machine."""


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder with one source and its settings."""
    asset(tmp_path / "in")
    (tmp_path / "small.toml").write_text(SMALL.replace('bake = "never"', 'bake = "always"'))
    (tmp_path / "lean.toml").write_text(SMALL.replace('bake = "never"', 'bake = "always"\ncolour_quality = 40'))
    return tmp_path


def run(night: Path, out: str, cache: Path | str, config: str = "small.toml") -> list[str]:
    """The steps that were done, by their words."""
    said: list[Event] = []
    summary = run_batch(
        [night / "in"], out=night / out, config=night / config, cache=cache, device="cpu", report=said.append
    )
    assert (summary.done, summary.quarantined) == (1, 0), said
    assert not [event for event in said if event.kind == "warning"]
    return _steps(event.message for event in said if event.kind == "step" and event.asset)


def _steps(messages: Iterable[str]) -> list[str]:
    """A publish says the names of files."""
    found = (
        re.match(r"(preparing) |(decimating|poster)$|(baking) on |.*: (textures) and encoding$", each)
        for each in messages
    )
    return [next(filter(None, each.groups())) for each in found if each]


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_children_share_a_store_that_they_have_no_keys_to(
    night: Path,
    moto: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run fills it. A worker on what might be another machine, with another texture quality, encodes and paints a
    poster and does nothing else; what it publishes are the bytes of a build without a cache."""
    for name, value in {**environment(night), "AWS_ENDPOINT_URL": moto.url}.items():
        monkeypatch.setenv(name, value)
    bucket = moto.bucket()
    cache = f"s3://{bucket}/night"
    first = run(night, "one", cache)
    assert first == ["preparing", "decimating", "baking", *["textures"] * 3, "poster"]
    source = hashlib.sha256((night / "in" / "ball.glb").read_bytes()).hexdigest()
    kept = [each["Key"] for each in moto.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(kept) == 7
    assert all(key.startswith(f"night/{FOLDER}{source}/") for key in kept)

    plan_batch([night / "in"], out=night / "plan.jsonl", config=night / "lean.toml")
    said: list[Event] = []
    worked = work_batch(night / "plan.jsonl", to=str(night / "store"), cache=cache, device="cpu", report=said.append)
    assert (worked.done, worked.failed) == (("ball",), ()), said
    assert _steps(event.message for event in said if event.kind == "step") == ["textures"] * 3 + ["poster"]
    if os.environ.get("ASSETPIPE_LONG"):
        assert len(run(night, "two", "off", "lean.toml")) == 7
        built = files(night / "two" / "ball")
        assert {built[f"{level}.glb"][:16] for level in ("preview", "standard", "high")} == {
            path.name.split(".")[1] for path in (night / "store").glob("general/*/ball.*.glb")
        }


def test_a_run_that_is_killed_goes_on_after_the_last_finished_stage(night: Path) -> None:
    """kill -9 of the whole run while a child paints the poster: the same command paints the poster and nothing else. In
    the long form kill -9 of the child alone before that: its second attempt paints the poster and nothing else. The
    bundle is the one of an undisturbed build."""
    with _started(night) as running:
        _hear(running, "poster", night)
        if os.environ.get("ASSETPIPE_LONG"):
            victims = [pid for pid in processes() if _folder(pid) == night / "out" / ".batch" / "jobs" / "ball"]
            assert victims
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            assert _hear(running, "poster", night) == ["poster"]
    assert running.returncode == -signal.SIGKILL
    assert not (night / "out" / "ball" / "manifest.json").exists()
    again = subprocess.run(_command(night), capture_output=True, text=True, cwd=night, check=True, timeout=WITHIN)
    assert _steps(_message(line) for line in again.stderr.splitlines()) == ["poster"]
    assetpipe.build(night / "in" / "ball.glb", out=night / "undisturbed", config=night / "small.toml", cache="off")
    assert files(night / "out" / "ball") == files(night / "undisturbed" / "ball")


@contextmanager
def _started(night: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that is killed at the end."""
    with subprocess.Popen(
        _command(night), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=night
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def _command(night: Path) -> list[str]:
    options = ["--out", "out", "--config", "small.toml", "--cache", str(night / "cache"), "--log", "json"]
    return [sys.executable, "-m", "assetpipe", "batch", "run", "in", *options, "--device", "cpu"]


def _hear(run: subprocess.Popen[str], step: str, night: Path) -> list[str]:
    """The steps until that one, once all that was made before it lies in the cache."""
    heard: list[str] = []
    assert run.stderr is not None
    for line in run.stderr:
        heard += _steps([_message(line)])
        if step in heard:
            break
    until = time.monotonic() + WITHIN
    while len(list((night / "cache").glob("*/*/[a-z]*"))) < 6:
        assert time.monotonic() < until, heard
        time.sleep(0.005)
    return heard


def _message(line: str) -> str:
    said = json.loads(line) if line.startswith("{") else {}
    return str(said.get("message", "")) if said.get("asset") and said.get("kind") == "step" else ""


def _folder(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None
