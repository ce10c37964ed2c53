"""A store that writes nothing: reads go through to another; what would be written is recorded, refused and read back as
that one would."""

from __future__ import annotations

import hashlib
import heapq
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

from assetpipe.delivery.bodies import pieces, whole
from assetpipe.delivery.refusals import checked, moved, place, taken
from assetpipe.delivery.store import Found, Item, Stat, Store


@dataclass(frozen=True)
class Write:
    """One that would have changed the store."""

    verb: Literal["put", "replace", "delete"]
    key: str
    bytes: int


@dataclass(frozen=True)
class _Pending:
    item: Item
    stat: Stat


class DryRunStore:
    """Bodies that are files are checked, not kept: they are read again when somebody asks for them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._versions = count(1)
        self._pending: dict[str, _Pending | None] = {}
        self._writes: list[Write] = []

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def writes(self) -> tuple[Write, ...]:
        """In the order in which they would have happened."""
        return tuple(self._writes)

    @property
    def sent_bytes(self) -> int:
        return sum(write.bytes for write in self._writes)

    def put(self, item: Item) -> bool:
        size = None if self._is_there(item) else _checked_bytes(item)
        with self._lock:
            if size is None or self._is_there(item):
                return False
            self._keep("put", item, size)
            return True

    def replace(self, item: Item, expected: str | None) -> str:
        size = _checked_bytes(item)
        with self._lock:
            found = self.stat(item.key)
            version = found.version if found else None
            if version != expected:
                raise moved(place(self, item.key), version, expected)
            return self._keep("replace", item, size)

    def read(self, key: str) -> Found | None:
        if key not in self._pending:
            return self._store.read(key)
        pending = self._pending[key]
        return Found(pending.stat, whole(pending.item)) if pending else None

    def stat(self, key: str) -> Stat | None:
        if checked(key) not in self._pending:
            return self._store.stat(key)
        pending = self._pending[key]
        return pending.stat if pending else None

    def list(self, prefix: str) -> Iterator[Stat]:
        pending = self._pending.copy()
        kept = (stat for stat in self._store.list(prefix) if stat.key not in pending)
        new = (pending[key] for key in sorted(pending) if key.startswith(prefix))
        return heapq.merge(kept, (each.stat for each in new if each), key=lambda stat: stat.key)

    def delete(self, key: str, version: str) -> bool:
        with self._lock:
            found = self.stat(key)
            if found is None or found.version != version:
                return False
            self._pending[key] = None
            self._writes.append(Write("delete", key, 0))
            return True

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:  # noqa: ARG002  always dry
        return self._store.sweep(older_than, dry_run=True)

    def _is_there(self, item: Item) -> bool:
        """With this very content, which is looked at where nobody wrote down what it is."""
        found = self.stat(item.key)
        if found is None:
            return False
        sha256 = found.sha256
        if not sha256 and (whole_one := self.read(item.key)):
            sha256 = hashlib.sha256(whole_one.body).hexdigest()
        if sha256 != item.sha256:
            raise taken(place(self, item.key), sha256, item.sha256)
        return True

    def _keep(self, verb: Literal["put", "replace"], item: Item, size: int) -> str:
        """The caller holds the lock."""
        version = f"dry-run-{next(self._versions)}"
        self._pending[item.key] = _Pending(item, Stat(item.key, size, item.sha256, version, time.time()))
        self._writes.append(Write(verb, item.key, size))
        return version


def _checked_bytes(item: Item) -> int:
    """The real store would refuse a body that is not what it promises, so this one does."""
    return sum(len(piece) for piece in pieces(item))
