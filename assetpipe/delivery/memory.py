"""A store that is gone with the process: for tests, and for what a dry run would have written."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from itertools import count

from assetpipe.delivery.bodies import whole
from assetpipe.delivery.refusals import checked, corrupt, moved, place, taken
from assetpipe.delivery.store import Found, Item, Stat


class MemoryStore:
    """Safe to use from several threads."""

    def __init__(self, url: str = "memory:") -> None:
        self._url = url
        self._lock = threading.Lock()
        self._versions = count(1)
        self._objects: dict[str, Found] = {}

    @property
    def url(self) -> str:
        return self._url

    def put(self, item: Item) -> bool:
        key = checked(item.key)
        if (found := self._objects.get(key)) is None:
            body = whole(item)
            with self._lock:
                if (found := self._objects.get(key)) is None:
                    self._keep(item, body)
                    return True
        sha256 = found.stat.sha256 or _sha256(found.body)
        if sha256 != item.sha256:
            raise taken(place(self, key), sha256, item.sha256)
        return False

    def replace(self, item: Item, expected: str | None) -> str:
        body = whole(item)
        with self._lock:
            found = self.stat(item.key)
            version = found.version if found else None
            if version != expected:
                raise moved(place(self, item.key), version, expected)
            return self._keep(item, body)

    def read(self, key: str) -> Found | None:
        found = self._objects.get(checked(key))
        if found and found.stat.sha256 not in ("", now := _sha256(found.body)):
            raise corrupt(place(self, key), now, found.stat.sha256)
        return found

    def stat(self, key: str) -> Stat | None:
        found = self._objects.get(checked(key))
        return found.stat if found else None

    def list(self, prefix: str) -> Iterator[Stat]:
        for key in sorted(self._objects.copy()):
            if key.startswith(prefix) and (found := self._objects.get(key)):
                yield found.stat

    def delete(self, key: str, version: str) -> bool:
        with self._lock:
            found = self.stat(key)
            if found is None or found.version != version:
                return False
            del self._objects[key]
            return True

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:  # noqa: ARG002  writers leave nothing
        return 0

    def _keep(self, item: Item, body: bytes) -> str:
        """The caller holds the lock."""
        version = f"memory-{next(self._versions)}"
        stat = Stat(item.key, len(body), item.sha256, version, time.time())
        self._objects[item.key] = Found(stat, body)
        return version


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
