"""Order -> Worker: one child process at one stage of one asset, seen from outside: heard, measured, ended, judged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from assetpipe.batch.environment import environment_of
from assetpipe.batch.forked import Nurseries, Purpose, Started, may_fork, spawn
from assetpipe.batch.machine import Process, family, private_bytes, processes
from assetpipe.batch.order import LOG, MUTE, ORDER, Order, Outcome, read_outcome
from assetpipe.errors import TryAgain
from assetpipe.log import Event, Kind
from assetpipe.memory import starved
from assetpipe.stages.tray import make_tray

CHILD = (sys.executable, "-m", "assetpipe.batch.child")
LINE = 65_536
"""Bytes of a line that is listened to: children read what strangers made, and may say anything."""
PATIENCE = 600.0
"""Seconds that a template has to load, and to compile kernels where there are none."""
TAIL = 4_000
"""Characters of a child's log that are kept with a failure."""
Ended = Literal["", "deadline", "memory", "crowded", "drain"]
"""Why the runner ended a child. "crowded": all together outgrew the machine, and it alone might not."""


@dataclass(frozen=True)
class Verdict:
    """What became of a stage. `state`: "again" costs an attempt, "aside" does not."""

    state: Literal["done", "failed", "again", "crashed", "aside"]
    outcome: Outcome
    log: str = ""


class Worker:
    """A running child. `deadline` in seconds, `grace` seconds between asking it to go and killing it."""

    def __init__(
        self, order: Order, folder: Path, command: Sequence[str], *, grace: float, nurseries: Nurseries
    ) -> None:
        self.order = order
        self.folder = folder
        self.started = time.monotonic()
        self.memory = self.peak = 0
        self.ended: Ended = ""
        self.limit = 0.0
        self.silent = False
        """It has closed its end of the pipe."""
        self._grace = grace
        self._kill_at = float("inf")
        self._known: dict[int, Process] = {}
        self._heard = b""
        self._process, self.pipe = _start(order, folder, command, nurseries)
        self._born = self.started if self._process.pid else 0.0
        os.set_blocking(self.pipe, False)

    @property
    def asset(self) -> str:
        return self.order.item.asset

    def age(self) -> float:
        """Seconds since it was born: what a template takes to load is not held against its first child."""
        if self._process.pid and not self._born:
            self._born = time.monotonic()
        return time.monotonic() - self._born if self._born else max(0.0, time.monotonic() - self.started - PATIENCE)

    def listen(self) -> list[Event]:
        """What it has said since we last listened. Asks no more than once, so that one who talks without end does
        not keep us from the others."""
        with suppress(OSError):
            said = os.read(self.pipe, LINE)
            self.silent = not said
            self._heard += said
        *lines, rest = self._heard.split(b"\n")
        self._heard = rest if len(rest) < LINE else b""
        return [event for line in lines if (event := _event(line, self.asset))]

    def measure(self, alive: Mapping[int, Process]) -> None:
        """Memory of it and of all that it has started."""
        members = family(self._process.pid, dict(alive))
        self._known.update({each.pid: each for each in members})
        self.memory = sum(private_bytes(each.pid) for each in members)
        self.peak = max(self.peak, self.memory)

    def end(self, why: Ended, limit: float = 0, *, at_once: bool = False) -> None:
        """Ask it to go; it is killed when it has not after `grace` seconds, or at once. `limit`: the one that it broke,
        in seconds or bytes."""
        if not self.ended:
            self.ended, self.limit = why, limit
            self._kill_at = time.monotonic() + self._grace
            self._signal(signal.SIGTERM)
        if at_once:
            self._kill_at = 0.0

    def gone(self) -> bool:
        """Whether it has ended; kills what was asked to go and has not. When True nobody that it started lives on."""
        if self._process.poll() is None:
            if time.monotonic() >= self._kill_at:
                self._kill()
                self._process.kill()
            return self._process.poll() is not None
        self._kill()
        return True

    def verdict(self) -> Verdict:
        """After `gone`. Closes the pipe and removes the folder."""
        log, outcome, code = self._tail(), read_outcome(self.folder), self._process.poll()
        assert code is not None
        os.close(self.pipe)
        shutil.rmtree(self.folder, ignore_errors=True)
        return _judge(self, code, outcome, log)

    def _signal(self, number: signal.Signals) -> None:
        if not self._process.pid:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _kill(self) -> None:
        """The group, and whoever left it (node runs in a session of its own): all that was ever seen as family, as
        long as the pid is still theirs. A stopped parent cannot start another while we look."""
        self._signal(signal.SIGSTOP)
        alive = processes()
        members = {each.pid: each for each in family(self._process.pid, alive)}
        for pid, each in {**self._known, **members}.items():
            if pid in alive and alive[pid].started == each.started:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        self._signal(signal.SIGKILL)
        self._process.poll()

    def _tail(self) -> str:
        try:
            with (self.folder / LOG).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


def _start(order: Order, folder: Path, command: Sequence[str], nurseries: Nurseries) -> tuple[Started, int]:
    """In a session, folder and temporary folder of its own, and where it is heard."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    if order.stage == "build":
        Path(order.out).mkdir(parents=True, exist_ok=True)  # a child has no rights to what is not there
    if order.stages:
        make_tray(folder)
    (folder / ORDER).write_text(order.model_dump_json(), encoding="utf-8")
    environment = environment_of(order, folder)
    fork = tuple(command) == CHILD and (order.stage != "build" or may_fork(order.device))
    start = nurseries[_purpose(order)].start if fork else spawn
    heard, out = os.pipe()
    try:
        with (folder / LOG).open("wb") as log:
            return start(command, folder, environment, (out, log.fileno())), heard
    except BaseException:
        os.close(heard)
        raise
    finally:
        os.close(out)


def _purpose(order: Order) -> Purpose:
    if order.stage == "build":
        return "build"
    return "cloud" if order.stage == "fetch" or (order.to or "").startswith("s3://") else "folder"


def _event(line: bytes, asset: str) -> Event | None:
    """Of whatever name it gives itself, it speaks for its own asset only."""
    try:
        said = json.loads(line)
        kind: Kind = said["kind"]
        if kind not in get_args(Kind):
            return None
        return Event(kind, asset, str(said["message"])[:1_000], min(1.0, max(0.0, float(said["fraction"]))))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _judge(worker: Worker, code: int, outcome: Outcome | None, log: str) -> Verdict:
    said = outcome or Outcome()
    if code == 0 and outcome and not outcome.code:
        return Verdict("done", outcome)
    if worker.ended in ("drain", "crowded"):
        return Verdict("aside", said)
    if worker.ended:
        return Verdict("failed", _limit(worker), log)
    if code == TryAgain.exit_code:
        return Verdict("again", outcome or Outcome(code="E_TRY_AGAIN", message="may pass; no reason was given"), log)
    if code in (128 + signal.SIGTERM, -signal.SIGTERM):
        return Verdict("again", Outcome(code="E_TERMINATED", message="somebody else sent it SIGTERM"), log)
    if code > 0 and outcome and outcome.code:
        return Verdict("failed", outcome, log)
    if code == MUTE:
        return Verdict("failed", _no_room(worker), log)
    return _crash(worker, code, log)


def _limit(worker: Worker) -> Outcome:
    source, stage = worker.order.item.source, worker.order.stage
    scale, unit = (1.0, "s") if worker.ended == "deadline" else (1e6, "MB")
    limit = f", limit {worker.limit / scale:,.0f} {unit}" if worker.limit else ""
    if worker.ended == "deadline":
        fault = f"{source}: {stage} was not done after {worker.age():.0f} s{limit}"
        its = "its deadline in the plan" if worker.order.item.deadline else "--deadline"
        return Outcome(code="E_DEADLINE", message=fault, hint=f"raise {its}, or simplify the source")
    fault = f"{source}: {stage} took {worker.peak / 1e6:,.0f} MB of memory{limit}"
    return Outcome(
        code="E_MEMORY", message=fault, hint="raise --memory-mb, use a larger machine, or simplify the source"
    )


def _no_room(worker: Worker) -> Outcome:
    fault = f"{worker.order.item.source}: {worker.order.stage}: no room to write down what came of it: the disk is full"
    return Outcome(code="E_DISK_FULL", message=fault, hint=f"free some space on the disk of {worker.folder}")


def _crash(worker: Worker, code: int, log: str) -> Verdict:
    source, stage = worker.order.item.source, worker.order.stage
    if starved(log):
        fault = f"{source}: {stage} ran out of memory"
        return Verdict("failed", Outcome(code="E_MEMORY", message=fault, hint="raise --memory-mb"), log)
    if code == -signal.SIGKILL:
        fault = f"{source}: {stage} was killed, as the system does when memory runs out"
        return Verdict("crashed", Outcome(code="E_KILLED", message=fault, hint="lower --workers"), log)
    if code == -signal.SIGBUS:
        fault = f"{source}: ended by SIGBUS in {stage}, as where a file gets shorter while it is read"
        return Verdict(
            "crashed", Outcome(code="E_SOURCE_CHANGED", message=fault, hint="wait until its upload is done"), log
        )
    how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code} and without a word"
    hint = "the source is kept apart: report it with its hash and the command below"
    return Verdict("crashed", Outcome(code="E_CRASH", message=f"{source}: {stage} {how}", hint=hint), log)
