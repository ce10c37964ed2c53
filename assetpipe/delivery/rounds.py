"""Many publishers of one category, on any number of machines -> one index and one announcement for all of them, seldom.

    assetpipe.runs/index.rounds/<category>.json   {"state": "open" | "closed" | "done", "by": ..., "beat": ...}

An index names every asset of its category: written after each asset by each publisher, n assets cost n² bytes, and the
writers get in each other's way. So publishers record their asset in the catalog, and then one of them goes a *round*
for all: it reads the catalog once, writes the index, and tells caches of everything that nobody has told them of.

Rounds begin `every` seconds at most, whoever asks. A round that is *open* waits for that: whoever comes meanwhile may
leave, for what it recorded is read after the round has *closed*, by compare-and-swap. A publisher that dies over its
round loses nothing: the catalog still knows what was not told, and the next round, of anybody, finds it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from assetpipe.delivery.store import Item, Moved, Store
from assetpipe.errors import SourceError

FOLDER = "assetpipe.runs/index.rounds/"
"""No run and no category has a dot in its name."""
WORK = 120.0
"""Seconds beyond its wait after which a round that has not ended is that of a dead publisher."""

State = Literal["open", "closed", "done"]
Answer = Literal["ours", "theirs", "later"]


@dataclass(frozen=True)
class _Seen:
    version: str | None = None
    state: State = "done"
    age: float = float("inf")
    """seconds since it was written, by two clocks: wrong ones make rounds more or less frequent, nothing else"""
    by: str = ""


@dataclass(frozen=True)
class Rounds:
    """As one publisher sees them."""

    store: Store
    every: float
    """seconds"""
    clock: Callable[[], float] = time.time
    by: str = field(default_factory=lambda: secrets.token_hex(8))

    def join(self, category: str, wait: Callable[[float], object] | None = None) -> Answer:
        """After recording something. "ours": write the index now, for all, then `finish`. "theirs": somebody will, and
        sees what we recorded. "later": it is too soon, and there is no `wait` to wait with."""
        while True:
            seen = self._look(category)
            if seen.state == "open" and seen.age < self.every + WORK:
                return "theirs"
            rest = self.every - seen.age
            if rest > 0 and wait is None:
                return "later"
            try:
                version = self._write(category, "open" if rest > 0 else "closed", seen.version)
                if rest > 0 and wait:
                    wait(rest)
                    self._write(category, "closed", version)
                return "ours"
            except Moved:
                continue

    def finish(self, category: str) -> None:
        seen = self._look(category)
        if seen.state == "closed" and seen.by == self.by:
            try:
                self._write(category, "done", seen.version)
            except Moved:  # the next round has begun, and will say so itself
                return

    def unfinished(self) -> Iterator[str]:
        """Categories whose last round nobody has come back from."""
        for stat in self.store.list(FOLDER):
            category = stat.key.removeprefix(FOLDER).removesuffix(".json")
            seen = self._look(category)
            if seen.state != "done" and seen.age >= self.every + WORK:
                yield category

    def _look(self, category: str) -> _Seen:
        try:
            found = self.store.read(_key(category))
            if found is None:
                return _Seen()
            said = json.loads(found.body)
            age = self.clock() - found.stat.modified
            # A clock that is far behind the store's must not hold everybody up.
            return _Seen(found.stat.version, said["state"], age if age > -self.every else float("inf"), said["by"])
        except (SourceError, ValueError, KeyError, TypeError):
            stat = self.store.stat(_key(category))
            return _Seen(stat.version if stat else None)

    def _write(self, category: str, state: State, expected: str | None) -> str:
        """The beat makes every version one that never was."""
        said = {"state": state, "by": self.by, "beat": secrets.token_hex(8)}
        body = (json.dumps(said, indent=1) + "\n").encode()
        sha256 = hashlib.sha256(body).hexdigest()
        return self.store.replace(Item(_key(category), body, sha256, "application/json", "no-store"), expected)


def _key(category: str) -> str:
    return f"{FOLDER}{category}.json"
