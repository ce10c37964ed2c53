"""Order -> Outcome: one stage of one asset in a process of its own, which a bad source may crash, hang or fill."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assetpipe.batch.forked import Nurseries
from assetpipe.batch.machine import processes
from assetpipe.batch.order import Order, Outcome
from assetpipe.batch.trays import Trays
from assetpipe.batch.worker import CHILD, Verdict, Worker
from assetpipe.errors import AssetpipeError, LimitExceeded, SourceError, TryAgain
from assetpipe.log import Report

TICK, MEASURE = 0.05, 0.5
"""Seconds between two looks at a child, and at its memory."""
GRACE = 2.0
"""Seconds that a child has to go when it is asked to."""
CRASHES = 2
"""Of the same stage, until the source is to blame."""


@dataclass(frozen=True)
class Watch:
    """What a child is held to. `stop` says why it must go, "" as long as it need not."""

    report: Report
    stop: Callable[[], str]
    deadline: float
    """seconds, where the plan says none"""
    memory: int
    """bytes"""
    trays: Trays
    """Over which it is handed results of stages."""
    nurseries: Nurseries


@dataclass(frozen=True)
class Ran:
    outcome: Outcome
    peak: int
    """bytes"""


class Abandoned(TryAgain):
    """The work was broken off; the source has nothing to do with it."""


def run_stage(order: Order, folder: Path, watch: Watch) -> Ran:
    """A crash is tried once more, to tell a bad machine from a bad source."""
    for crashes in range(1, CRASHES + 1):
        verdict, peak = _run(order, folder, watch)
        if verdict.state == "done":
            return Ran(verdict.outcome, peak)
        if verdict.state != "crashed" or crashes == CRASHES:
            raise _error(verdict, order, watch)
    raise AssertionError("the last crash raises")


def _run(order: Order, folder: Path, watch: Watch) -> tuple[Verdict, int]:
    worker = Worker(order, folder, CHILD, grace=GRACE, nurseries=watch.nurseries)
    if order.stages:
        watch.trays.lay(folder, order.item.asset, Path(order.source))
    try:
        measured = 0.0
        while not worker.gone():
            for event in worker.listen():
                watch.report(event)
            if time.monotonic() - measured > MEASURE:
                worker.measure(processes())
                measured = time.monotonic()
            _hold(worker, watch)
            time.sleep(TICK)
    finally:
        while not worker.gone():  # we are leaving by an error: nobody stays behind
            worker.end("drain", at_once=True)
            time.sleep(TICK)
    for event in worker.listen():
        watch.report(event)
    watch.trays.clear(folder)
    return worker.verdict(), worker.peak


def _hold(worker: Worker, watch: Watch) -> None:
    if watch.stop():
        worker.end("drain")
    elif worker.age() > (limit := worker.order.item.deadline or watch.deadline):
        worker.end("deadline", limit)
    elif worker.memory > watch.memory:
        worker.end("memory", watch.memory)


def _error(verdict: Verdict, order: Order, watch: Watch) -> AssetpipeError:
    said = verdict.outcome
    if verdict.state == "aside":
        return Abandoned("E_ABANDONED", f"{order.item.asset}: broken off: {watch.stop() or 'asked to go'}")
    kind: type[AssetpipeError] = SourceError
    if verdict.state == "again":
        kind = TryAgain
    elif said.code in ("E_DEADLINE", "E_MEMORY", "E_KILLED"):
        kind = LimitExceeded
    return kind(said.code or "E_CRASH", said.message or f"{order.item.source}: ended without a word", hint=said.hint)
