"""Batch -> Summary: what is done stays done, the rest is run, and an index tells what came of each."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from assetpipe.batch.index import write_index, write_results
from assetpipe.batch.journal import Journal
from assetpipe.batch.plan import Item
from assetpipe.batch.runner import Runner
from assetpipe.batch.tasks import Batch, Task, first_task, look_again, place_of
from assetpipe.bundle import disk_faults
from assetpipe.errors import LimitExceeded, TryAgain
from assetpipe.log import Event
from assetpipe.manifest import NAME
from assetpipe.sandbox import confinement

INDEX, RESULTS, QUARANTINE = "index.html", "results.jsonl", "quarantine.jsonl"


@dataclass(frozen=True)
class Summary:
    """`done` in this run, `kept` as an earlier one had left them, `quarantined` by this run or one that it resumed."""

    done: int
    kept: int
    quarantined: int
    reasons: tuple[tuple[str, int], ...]
    """Codes of the quarantined, the most frequent first."""
    seconds: float
    index: Path
    results: Path
    """One line an asset, in the order of their names; `quarantine` holds those that failed, with their logs."""
    quarantine: Path
    left_out: int = 0
    """By the plan: duplicates, and what is published unchanged."""
    confined: str = ""
    """What this run's builds were confined by: `Landlock 7`; "": by nothing."""


def carry_out(batch: Batch) -> Summary:
    """Each asset in a process of its own. SIGTERM, SIGINT or `batch.drain` end it early: TryAgain, and the same call
    goes on from there."""
    started = time.monotonic()
    look_again()
    batch = replace(batch, out=batch.out.absolute(), to=batch.to and place_of(batch.to))
    with disk_faults(batch.out):
        batch.state.mkdir(parents=True, exist_ok=True)
    with disk_faults(batch.out), _alone(batch), _drained(batch) as batch, _journal(batch) as journal:
        shutil.rmtree(batch.state / "jobs", ignore_errors=True)
        resumed = journal.begin()
        tasks = [task for item in batch.items if (task := _open_task(item, batch, journal, resumed=resumed))]
        runner = Runner(batch, journal, tasks)
        finished = runner.run()
        summary = _summary(batch, journal, runner, time.monotonic() - started)
        if not finished:
            raise _interrupted(batch, runner, len(tasks))
        journal.finish()
    return summary


def _open_task(item: Item, batch: Batch, journal: Journal, *, resumed: bool) -> Task | None:
    """None when there is nothing to do. A run that goes on after a kill does not try again what it had given up; a new
    one does."""
    task = first_task(item, batch)
    known = journal.read(item.asset)
    if known is None or known.identity != task.identity or batch.rules.force:
        return _afresh(task, journal)
    there = (batch.out / item.asset / NAME).is_file()
    if known.state == "quarantined" and resumed:
        return None
    if known.state == "done" and (there or (batch.to and not batch.keep)):
        return None
    if known.state == "built" and there and batch.to:
        return replace(
            task, stage="publish", outcome=known.outcome, seconds=known.seconds, peak=known.peak_mb * 1_000_000
        )
    return _afresh(task, journal)


def _afresh(task: Task, journal: Journal) -> Task:
    """What was known of it holds no longer."""
    journal.forget(task.item.asset)
    return task


def _summary(batch: Batch, journal: Journal, runner: Runner, seconds: float) -> Summary:
    names = {item.asset for item in batch.items}
    done = sum(each.asset in names for each in journal.all("done"))
    codes = Counter(each.outcome.code for each in journal.all("quarantined") if each.asset in names)
    index, results, quarantine = (batch.out / name for name in (INDEX, RESULTS, QUARANTINE))
    with disk_faults(batch.out):
        write_index(index, batch, journal, names)
        write_results(results, journal, names)
        write_results(quarantine, journal, names, "quarantined")
    kept, reasons = done - runner.tally.done, tuple(sorted(codes.items(), key=lambda pair: (-pair[1], pair[0])))
    paths, seconds = (index, results, quarantine), round(seconds, 3)
    return Summary(runner.tally.done, kept, codes.total(), reasons, seconds, *paths, confined=confinement())


def _interrupted(batch: Batch, runner: Runner, tasks: int) -> TryAgain:
    settled = runner.tally.done + runner.tally.failed
    fault = f"{batch.out}: stopped after {settled:,} of {tasks:,} assets; no process is left behind"
    return TryAgain("E_BATCH_DRAINED", fault, hint="the same command goes on from there")


@contextmanager
def _alone(batch: Batch) -> Iterator[None]:
    """Two runners would each take the other's assets for unfinished."""
    handle = os.open(batch.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fault = f"{batch.out}: another batch is writing there"
            raise TryAgain("E_BATCH_RUNNING", fault, hint="wait for it, or choose another --out") from None
        yield
    finally:
        os.close(handle)


@contextmanager
def _journal(batch: Batch) -> Iterator[Journal]:
    path = batch.state / "journal.sqlite"
    try:
        with closing(Journal(path)) as journal:
            yield journal
    except sqlite3.Error as error:
        hint = "free some space; if it's damaged, remove it: finished bundles are found again"
        raise LimitExceeded("E_JOURNAL", f"{path}: {error}", hint=hint) from error


@contextmanager
def _drained(batch: Batch) -> Iterator[Batch]:
    """The batch, drained by SIGTERM and SIGINT too. Only a main thread hears signals."""
    if threading.current_thread() is not threading.main_thread():
        yield batch
        return
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        if not heard:
            batch.report(Event("warning", "", "stopping: children are ended, what is finished stays"))
        heard.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield replace(batch, drain=lambda: bool(heard) or batch.drain())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
