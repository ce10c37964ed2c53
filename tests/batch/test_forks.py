"""Builds that are forked from a template: the same bytes, and as much apart as those that are started alone."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from assetpipe.batch.machine import Process, processes
from assetpipe.batch.plan import Item, write_plan
from assetpipe.batch.run import Summary, carry_out
from assetpipe.batch.worker import CHILD
from assetpipe.log import Event
from tests import gltf_files
from tests.batch.nights import RUNNER, batch, wait_for
from tests.batch.test_hostile import SMALL
from tests.shapes import sphere, torus


def item(folder: Path, name: str, **facts: int) -> Item:
    folder.mkdir(exist_ok=True)
    document, data = gltf_files.document((torus if name == "torus" else sphere)(12))
    path = gltf_files.write_glb(folder / f"{name}.glb", document, data)
    (folder / "small.toml").write_text(SMALL)
    return Item(source=str(path), asset=name, config=str(folder / "small.toml"), bytes=9, memory_mb=200, **facts)


def built(out: Path, wanted: tuple[Item, ...], hear: Callable[[Event], None] = print) -> Summary:
    return carry_out(replace(batch(out, wanted, command=CHILD, backoff=0.05), report=hear))


def child_of(out: Path, asset: str) -> Process:
    return next(each for each in processes().values() if _cwd(each) == out / ".batch" / "jobs" / asset)


def _cwd(process: Process) -> Path | None:
    with suppress(OSError):
        return Path(f"/proc/{process.pid}/cwd").readlink()
    return None


def test_forked_builds_give_the_bytes_of_those_that_stand_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File by file; afterwards nobody is left, the template neither. One that cannot start is done without."""
    wanted = tuple(item(tmp_path / "in", name, seconds=5) for name in ("ball", "torus"))
    parents = set()

    def hear(event: Event) -> None:
        if event.message == "decimating":
            parents.add(child_of(tmp_path / "out", event.asset).parent)

    assert built(tmp_path / "out", wanted, hear).done == 2
    assert len(parents) == 1
    assert not parents & {os.getpid(), *processes()}
    monkeypatch.setattr("assetpipe.batch.forked.TEMPLATE", (sys.executable, "-c", "raise SystemExit(1)"))
    assert built(tmp_path / "alone", wanted[1:]).done == 1
    for path in (tmp_path / "alone" / "torus").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / "torus" / path.name).read_bytes()


def test_a_source_that_is_cut_short_while_it_is_read_is_said_to_be(tmp_path: Path) -> None:
    """Another process truncates what the child has mapped: SIGBUS, a try more, and then it is what is there that is
    refused. The child may be faster than the cut: then it is told nothing of a signal, and we begin again."""
    for attempt in range(9):
        wanted: tuple[Item, ...] = (item(tmp_path / f"in{attempt}", "cut", seconds=9),)
        out, source, heard = tmp_path / f"out{attempt}", Path(wanted[0].source), []
        _lengthen(source, 1_000_000_000)

        def hear(event: Event, out: Path = out, source: Path = source, heard: list[str] = heard) -> None:
            heard.append(event.message)
            if event.message == "looking" and source.stat().st_size > 4_096:
                _cut(source, out)

        summary = built(out, wanted, hear)
        if said := [each for each in heard if "SIGBUS" in each]:
            break
    assert (summary.done, summary.reasons) == (0, (("E_GLB_TRUNCATED", 1),))
    assert said == [
        f"{source}: ended by SIGBUS in build, as where a file gets shorter while it is read; it is tried again"
    ]


def _cut(source: Path, out: Path) -> None:
    """As soon as the child has mapped it; a child that is gone has no maps."""
    with suppress(OSError, StopIteration):
        child = child_of(out, "cut").pid
        while str(source) not in (maps := Path(f"/proc/{child}/maps").read_text()) and maps:
            time.sleep(0.001)
        os.kill(child, signal.SIGSTOP)
        os.truncate(source, 4_096)
        os.kill(child, signal.SIGCONT)


def _lengthen(path: Path, more: int) -> None:
    """By bytes that take no room on the disk, and belong to the file as its header says."""
    data = path.read_bytes()
    json_length = struct.unpack_from("<I", data, 12)[0]
    at = 20 + json_length
    chunk = struct.unpack_from("<I", data, at)[0]
    with path.open("r+b") as file:
        for offset, value in ((8, len(data) + more), (at, chunk + more)):
            file.seek(offset)
            file.write(struct.pack("<I", value))
        file.truncate(len(data) + more)


def test_a_template_that_dies_costs_a_try(tmp_path: Path) -> None:
    """Who was forked from it dies with it, and is built again, from another."""
    wanted, killed = (item(tmp_path / "in", "ball", seconds=5),), []

    def hear(event: Event) -> None:
        if event.message == "decimating" and not killed:
            killed.append(child_of(tmp_path / "out", "ball").parent)
            os.kill(killed[0], signal.SIGKILL)

    assert built(tmp_path / "out", wanted, hear).done == 1
    assert len(killed) == 1


def test_whoever_kills_the_runner_ends_template_and_children(tmp_path: Path) -> None:
    """kill -9: nobody is there to tell them; they end all the same. What they leave lies with the run, and is gone when
    it has gone on; nothing lies in the temporary folder of all."""
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    wanted = (item(tmp_path / "in", "ball", seconds=5),)
    write_plan(tmp_path / "plan.jsonl", wanted)
    command = [sys.executable, "-c", RUNNER, str(tmp_path / "plan.jsonl"), str(out), "1", *CHILD]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as runner:
        assert runner.stderr is not None
        assert any('"reading"' in line for line in runner.stderr)
        child = child_of(out, "ball")
        runner.kill()
    wait_for(lambda: not {child.pid, child.parent} & processes().keys())
    assert list(temporary.iterdir()) == []
    assert list((out / ".batch" / "templates").iterdir())
    assert built(out, wanted).done == 1
    assert not (out / ".batch" / "templates").exists()
