"""A catalog for tests and rehearsals: what it says is kept in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from assetpipe.delivery.catalog import Entry, Move, Page
from assetpipe.delivery.pointer import Status
from assetpipe.delivery.tokens import after_token, read_token


@dataclass
class MemoryCatalog:
    """Threads of one process may share it."""

    place: str = "memory"
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    _moves: dict[tuple[str, str], list[Move]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def record(self, entry: Entry) -> bool:
        name = (entry.category, entry.asset)
        with self._lock:
            before = self._entries.get(name)
            if before and before.sequence >= entry.sequence:
                return False
            self._entries[name] = replace(entry, announced=before.announced if before else 0)
            move = Move(entry.sequence, entry.revision, entry.status, entry.updated)
            self._moves[name] = [move, *self._moves.get(name, [])]
            return True

    def record_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.record(entry)

    def get(self, category: str, asset: str) -> Entry | None:
        return self._entries.get((category, asset))

    def listing(self, category: str) -> Iterator[Entry]:
        with self._lock:
            names = sorted(name for name in self._entries if name[0] == category)
            return iter([self._entries[name] for name in names])

    def query(self, category: str, *, status: Status | None = None, limit: int = 100, after: str = "") -> Page:
        found = [entry for entry in self.listing(category) if status in (None, entry.status)]
        before = read_token(after) if after else None
        found.sort(key=lambda entry: (entry.updated, entry.asset), reverse=True)
        if before:
            found = [entry for entry in found if (entry.updated, entry.asset) < before]
        page = tuple(found[:limit])
        return Page(page, after_token(page[-1].updated, page[-1].asset) if len(found) > limit else "")

    def moves(self, category: str, asset: str) -> list[Move]:
        return list(self._moves.get((category, asset), []))

    def categories(self) -> list[str]:
        with self._lock:
            return sorted({category for category, _ in self._entries})

    def announce(self, category: str, asset: str, sequence: int) -> None:
        with self._lock:
            entry = self._entries.get((category, asset))
            if entry and entry.announced < sequence:
                self._entries[category, asset] = replace(entry, announced=sequence)

    def announce_all(self, told: Iterable[tuple[str, str, int]]) -> None:
        for category, asset, sequence in told:
            self.announce(category, asset, sequence)

    def forget(self, category: str, asset: str) -> None:
        with self._lock:
            self._entries.pop((category, asset), None)
            self._moves.pop((category, asset), None)
