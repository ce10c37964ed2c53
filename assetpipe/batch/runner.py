"""Tasks -> what became of them: a loop that admits, hears, measures, ends and judges children. One thread, no locks;
what children get and give of stages' results is the business of another (`trays.py`)."""

from __future__ import annotations

import os
import selectors
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assetpipe.batch.forked import Nurseries
from assetpipe.batch.journal import Journal
from assetpipe.batch.machine import free_memory, processes, share_cores, usable_cores
from assetpipe.batch.order import Order
from assetpipe.batch.settle import alone, settle
from assetpipe.batch.shelf import entry, sweep, tidy
from assetpipe.batch.tasks import Batch, Task, duration
from assetpipe.batch.trays import Trays
from assetpipe.batch.worker import Verdict, Worker
from assetpipe.log import Event, Kind
from assetpipe.sandbox import confinement, unconfined

TICK = 0.1
"""Seconds that the loop sleeps when nobody says anything."""
MEASURE = 0.5
"""Seconds between two looks at memory."""
SHARE = 0.9
"""Of free memory that estimates may add up to: they are estimates."""
FLOOR = 300_000_000
"""Bytes of free memory below which somebody has to go, before the system chooses."""
SLACK = 1.25
"""RLIMIT_DATA over the limit that is measured: what is reserved and never touched counts there."""
BASE = 500_000_000
"""Bytes that an interpreter and its libraries reserve."""


@dataclass
class Tally:
    """What the runner has counted so far."""

    done: int = 0
    failed: int = 0
    worth: float = 0.0
    """Expected seconds of what is done: how fast we are is this over the time that it took."""


class Runner:
    def __init__(self, batch: Batch, journal: Journal, tasks: Iterable[Task]) -> None:
        self.tally = Tally()
        self._batch, self._rules, self._journal = batch, batch.rules, journal
        self._waiting = sorted(tasks, key=lambda task: task.weight)
        self._total = len(self._waiting)
        self._running: dict[int, tuple[Task, Worker]] = {}
        self._pipes = selectors.DefaultSelector()
        self._workers = batch.rules.workers or usable_cores()
        self._limit = batch.rules.memory_mb * 1_000_000 if batch.rules.memory_mb else int(free_memory() * SHARE)
        self._nurseries = Nurseries(batch.state / "templates")
        self._trays = Trays(batch.shelf, batch.report)
        self._shares = share_cores(self._workers)
        self._started = time.monotonic()
        self._measured = 0.0

    def run(self) -> bool:
        """Until all is settled, or we are to drain; True when nothing is left. No child outlives this call."""
        if fault := unconfined():
            self._batch.report(Event("warning", "", fault))
        with self._trays:
            return self._run()

    def _run(self) -> bool:
        try:
            while self._running or (self._waiting and not self._batch.drain()):
                if not self._batch.drain():
                    self._admit()
                self._hear()
                self._watch()
                self._reap()
        finally:
            self._abandon()
            self._pipes.close()
            self._nurseries.close()
        return not self._waiting

    def _admit(self) -> None:
        """Longest first; what does not fit beside the others waits, and the first in line always fits alone."""
        while len(self._running) < self._workers:
            now = time.monotonic()
            ready = [task for task in self._waiting if task.not_before <= now]
            room = self._room()
            task = next((each for each in ready if each.memory <= room), None)
            if task is None and ready and not self._running:
                task = ready[0]
            if task is None:
                return
            self._waiting.remove(task)
            self._start(task)

    def _room(self) -> float:
        """Bytes that nobody has or is expected to take."""
        owed = sum(max(0, task.memory - worker.memory) for task, worker in self._running.values())
        return free_memory() * SHARE - owed

    def _start(self, task: Task) -> None:
        batch = self._batch
        order = Order(
            stage=task.stage,
            item=task.item,
            out=str(batch.out),
            source=task.source,
            to=batch.to,
            device=self._rules.device,
            force=self._rules.force,
            stages=task.stage == "build" and self._trays.open,
            memory_bytes=int(self._limit * SLACK) + BASE,
            cores=self._least_used(),
            runner=os.getpid(),
        )
        folder = batch.state / "jobs" / task.item.asset
        worker = Worker(order, folder, batch.command, grace=self._rules.grace, nurseries=self._nurseries)
        if order.stages:
            self._trays.lay(folder, task.item.asset, Path(task.source))
        self._running[worker.pipe] = task, worker
        self._pipes.register(worker.pipe, selectors.EVENT_READ)

    def _least_used(self) -> tuple[int, ...]:
        used = Counter(worker.order.cores for _, worker in self._running.values())
        return min(self._shares, key=lambda share: used[share])

    def _hear(self) -> None:
        if not self._pipes.get_map():
            time.sleep(TICK)
        for key, _ in self._pipes.select(TICK):
            _, worker = self._running[key.fd]
            events = worker.listen()
            if worker.silent:
                self._pipes.unregister(key.fd)
            for event in events:
                self._batch.report(event)

    def _watch(self) -> None:
        """Deadlines always, memory now and then."""
        workers = [worker for _, worker in self._running.values()]
        for worker in workers:
            if self._batch.drain():
                worker.end("drain")
            elif worker.age() > (limit := worker.order.item.deadline or self._rules.deadline):
                worker.end("deadline", limit)
        if time.monotonic() - self._measured < MEASURE or not workers:
            return
        alive = processes()
        for worker in workers:
            worker.measure(alive)
            if worker.memory > self._limit:
                worker.end("memory", self._limit, at_once=True)
        self._make_room()
        self._measured = time.monotonic()

    def _make_room(self) -> None:
        """Where all together outgrow the machine, whoever is most beyond its estimate goes, to come back alone."""
        running = list(self._running.values())
        if len(running) > 1 and free_memory() < FLOOR and not any(worker.ended for _, worker in running):
            _, worker = max(running, key=lambda pair: pair[1].memory - pair[0].memory)
            worker.end("crowded", at_once=True)

    def _reap(self) -> None:
        for pipe, (task, worker) in list(self._running.items()):
            if worker.gone():
                with suppress(KeyError):
                    self._pipes.unregister(pipe)
                for event in worker.listen():
                    self._batch.report(event)
                del self._running[pipe]
                self._trays.clear(worker.folder)
                seconds, peak = task.seconds + worker.age(), max(task.peak, worker.peak)
                self._settle(replace(task, seconds=seconds, peak=peak), worker.verdict(), worker)

    def _settle(self, task: Task, verdict: Verdict, worker: Worker) -> None:
        if task.stage == "build":
            verdict = replace(verdict, outcome=verdict.outcome.model_copy(update={"confined": confinement()}))
        if self._batch.drain() and verdict.state not in ("done", "failed"):
            verdict = replace(verdict, state="aside")  # whoever stops us may have stopped it too
        state = settle(task, verdict, self._rules, to=self._batch.to, now=time.monotonic())
        if isinstance(state, Task):
            if task.stage == "build" and verdict.state == "done":
                self._journal.write(entry(task, "built", verdict, self._batch))
            elif verdict.state in ("again", "crashed"):
                self._say("warning", task, f"{verdict.outcome.message}; it is tried again")
            self._waiting.insert(0, alone(state) if worker.ended == "crowded" else state)
        else:
            self._close(task, state, verdict)

    def _close(self, task: Task, state: Literal["done", "quarantined"], verdict: Verdict) -> None:
        """The journal comes last: whoever is killed before it does all of this again."""
        line = entry(task, state, verdict, self._batch)
        self._batch.settled(task, line)
        if state == "done":
            tidy(task, self._batch)
            self.tally.done += 1
            self.tally.worth += task.item.seconds
        else:
            self._say("failed", task, f"{verdict.outcome.code}: {verdict.outcome.message}")
            sweep(task, self._batch)
            self.tally.failed += 1
        self._journal.write(line)
        self._tell()

    def _tell(self) -> None:
        """How far the whole is: an event of no asset."""
        elapsed = time.monotonic() - self._started
        settled = self.tally.done + self.tally.failed
        parts = [f"{settled:,} of {self._total:,}", f"{60 * settled / elapsed:.1f} a minute"]
        if self.tally.failed:
            parts.insert(1, f"{self.tally.failed:,} failed")
        if self._waiting or self._running:
            parts.append(f"{duration(self._left(elapsed))} left")
        self._batch.report(Event("step", "", ", ".join(parts), settled / self._total))

    def _left(self, elapsed: float) -> float:
        """Seconds, if the rest goes as what was done: estimates may all be wrong by one factor."""
        rest = sum(task.item.seconds for task in self._waiting)
        rest += sum(max(0.0, task.item.seconds - worker.age()) for task, worker in self._running.values())
        return rest * elapsed / self.tally.worth if self.tally.worth else 0.0

    def _say(self, kind: Kind, task: Task, message: str) -> None:
        self._batch.report(Event(kind, task.item.asset, message))

    def _abandon(self) -> None:
        """Whatever made us leave: nobody of ours stays."""
        for _, worker in self._running.values():
            worker.end("drain", at_once=True)
        while self._running:
            self._reap()
            time.sleep(0.01)
