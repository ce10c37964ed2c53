"""Who works on an asset of a run -> one small document in the store, moved by compare-and-swap alone.

    assetpipe.runs/<run>/assets/<asset>.json
    {"state": held | free | done | failed, "number": 3, "job": ..., "until": ...}

A lease carries a number that grows with every holder. Whoever holds the newest one may move the asset's pointer, nobody
else: `Fenced` is the store that a publish writes through, and asks before each key that moves. A publish reads the
pointer, then asks, then swaps: a worker that stalls between any two of these and wakes up after a successor has
published finds either the lease or the pointer moved. Clocks decide only how long a dead worker's asset waits: wrong
ones cost work done twice, never a wrong result.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from assetpipe.delivery.store import Found, Item, Moved, Stat, Store
from assetpipe.errors import AssetpipeError, SourceError, TryAgain

log = logging.getLogger("assetpipe")

SECONDS = 60.0
"""Without a sign of life until somebody else may take an asset over; signs come four times as often."""
MAX_STARTS = 5
"""Workers that may die on one asset; a Spot machine that is taken without notice counts, one that drains does not."""
FOLDER = "assetpipe.runs"
"""No category has a dot in its name."""

State = Literal["held", "free", "done", "failed"]
Clock = Callable[[], float]


class LeaseLost(TryAgain):
    """Another worker has taken the asset over."""


@dataclass(frozen=True)
class Holder:
    """`job` stays the same when Batch tries a job again: its new attempt knows that the old one is dead."""

    job: str
    attempt: int
    token: str
    """of this process"""


@dataclass(frozen=True)
class Progress:
    """How far an asset of a run is."""

    asset: str
    unit: str
    """what is made of what: source, config, version; another unit is another work"""
    state: State = "free"
    number: int = 0
    job: str = ""
    attempt: int = 0
    token: str = ""
    until: float = 0.0
    """seconds since 1970, by the holder's clock"""
    starts: int = 0
    """of the unit, that ended without a word"""
    revision: str = ""
    error: dict[str, str] = field(default_factory=dict)
    """code, message, hint"""
    beat: int = 0
    """makes every version one that never was"""


@dataclass(frozen=True)
class Leases:
    """Of one run, for one worker."""

    store: Store
    run: str
    holder: Holder
    seconds: float = SECONDS
    clock: Clock = time.time

    def take(self, asset: str, unit: str) -> Lease | Progress:
        """The lease, or why there is none: done, failed, or held by another."""
        version, found = read_progress(self.store, self.run, asset)
        if found and not self._may_take(found, unit):
            return found
        mine = self._next(asset, unit, found)
        if mine.starts > MAX_STARTS:
            return self._give_up(mine, version)
        try:
            return Lease(self, mine, self.write(mine, version))
        except Moved:
            return read_progress(self.store, self.run, asset)[1] or mine

    def write(self, progress: Progress, version: str | None) -> str:
        return self.store.replace(_item(self.run, progress), version)

    def _may_take(self, found: Progress, unit: str) -> bool:
        me = self.holder
        if found.state == "done":
            return found.unit != unit
        if (
            found.state == "failed"
        ):  # again in another job, which somebody has asked for; not in the next attempt of this
            return found.unit != unit or found.job != me.job
        same_job = found.job == me.job and found.attempt < me.attempt
        return found.state == "free" or same_job or found.until < self.clock()

    def _next(self, asset: str, unit: str, found: Progress | None) -> Progress:
        before = found or Progress(asset, unit)
        died = before.starts if before.unit == unit and before.state in ("held", "free") else 0
        me = self.holder
        return Progress(
            asset,
            unit,
            "held",
            before.number + 1,
            me.job,
            me.attempt,
            me.token,
            self.clock() + self.seconds,
            died + 1,
            beat=before.beat + 1,
        )

    def _give_up(self, mine: Progress, version: str | None) -> Progress:
        error = {
            "code": "E_WORKERS_DIED",
            "message": f"{mine.asset}: {MAX_STARTS} workers died while they built it",
            "hint": "`assetpipe build` it alone on a machine with more memory, and read what it says",
        }
        gone = replace(mine, state="failed", error=error)
        try:
            self.write(gone, version)
        except Moved:
            return read_progress(self.store, self.run, mine.asset)[1] or gone
        return gone


class Lease:
    """Held until it is finished, failed, let go, or lost. Safe to use from several threads."""

    def __init__(self, leases: Leases, mine: Progress, version: str) -> None:
        self._leases, self._mine, self._version = leases, mine, version
        self._lock = threading.Lock()
        self.lost = threading.Event()

    @property
    def number(self) -> int:
        return self._mine.number

    @contextmanager
    def kept(self) -> Iterator[Lease]:
        """Signs of life until the block ends."""
        over = threading.Event()
        beats = threading.Thread(target=self._beat, args=(over,), name="lease", daemon=True)
        beats.start()
        try:
            yield self
        finally:
            over.set()
            beats.join(1.0)

    def check(self) -> None:
        """Raise LeaseLost when somebody else holds it."""
        with self._lock:
            if not self.lost.is_set():
                stat = self._leases.store.stat(progress_key(self._leases.run, self._mine.asset))
                if stat is None or stat.version != self._version:
                    self.lost.set()
            if self.lost.is_set():
                raise self._gone()

    def finish(self, revision: str) -> None:
        self._write(state="done", revision=revision, starts=0)

    def fail(self, error: AssetpipeError) -> None:
        said = {"code": error.code, "message": error.message, "hint": error.hint}
        self._write(state="failed", error=said, starts=0)

    def release(self) -> None:
        """Somebody else may begin at once; this start does not count."""
        self._write(state="free", until=0.0, starts=self._mine.starts - 1)

    def _write(self, **changes: Any) -> None:
        with self._lock:
            if self.lost.is_set():
                raise self._gone()
            mine = replace(self._mine, beat=self._mine.beat + 1, **changes)
            try:
                self._version = self._leases.write(mine, self._version)
            except Moved as error:
                self.lost.set()
                raise self._gone() from error
            self._mine = mine

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(self._leases.seconds / 4) and not self.lost.is_set():
            try:
                if self._mine.state == "held":
                    self._write(until=self._leases.clock() + self._leases.seconds)
            except LeaseLost:
                return
            except AssetpipeError as error:  # the store may be back in time; if not, the number guards
                log.warning("%s: no sign of life given: %s", self._mine.asset, error.message)

    def _gone(self) -> LeaseLost:
        return LeaseLost(
            "E_LEASE_LOST",
            f"{self._mine.asset}: another worker took it over (lease {self._mine.number} is not the newest)",
            hint="nothing to do: what this worker made is thrown away",
        )


@dataclass(frozen=True)
class Fenced:
    """A store whose moving keys move only for whoever holds the newest lease."""

    store: Store
    lease: Lease

    @property
    def url(self) -> str:
        return self.store.url

    def put(self, item: Item) -> bool:
        return self.store.put(item)

    def replace(self, item: Item, expected: str | None) -> str:
        self.lease.check()
        return self.store.replace(item, expected)

    def read(self, key: str) -> Found | None:
        return self.store.read(key)

    def stat(self, key: str) -> Stat | None:
        return self.store.stat(key)

    def list(self, prefix: str) -> Iterator[Stat]:
        return self.store.list(prefix)

    def delete(self, key: str, version: str) -> bool:
        self.lease.check()
        return self.store.delete(key, version)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        return self.store.sweep(older_than, dry_run=dry_run)


def read_progress(store: Store, run: str, asset: str) -> tuple[str | None, Progress | None]:
    """The document's version, None where there is none, and what it says, None where it cannot be read."""
    key = progress_key(run, asset)
    try:
        found = store.read(key)
        if found is None:
            return None, None
        return found.stat.version, Progress(**json.loads(found.body))
    except (SourceError, ValueError, TypeError):
        stat = store.stat(key)
        return (stat.version if stat else None), None


def all_progress(store: Store, run: str) -> Iterator[Progress]:
    """By asset."""
    folder = f"{FOLDER}/{run}/assets/"
    for stat in store.list(folder):
        progress = read_progress(store, run, stat.key.removeprefix(folder).removesuffix(".json"))[1]
        if progress:
            yield progress


def progress_key(run: str, asset: str) -> str:
    return f"{FOLDER}/{run}/assets/{asset}.json"


def _item(run: str, progress: Progress) -> Item:
    body = (json.dumps(asdict(progress), indent=1) + "\n").encode()
    sha256 = hashlib.sha256(body).hexdigest()
    return Item(progress_key(run, progress.asset), body, sha256, "application/json", "no-store", {"run": run})
