"""Threads that work on stores at once, in an order that is drawn call by call."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping

from assetpipe.delivery.store import Found, Item, Stat, Store


class Turns:
    """Lets one of several threads go at a time, whose turn it is being drawn before every call of the store."""

    def __init__(self, seed: int, names: list[str]) -> None:
        self._draw = random.Random(seed)
        self._waiting, self._running = set[str](), set(names)
        self._turn: str | None = None
        self._changed = threading.Condition()

    def take(self) -> None:
        name = threading.current_thread().name
        with self._changed:
            self._waiting.add(name)
            self._deal()
            assert self._changed.wait_for(lambda: self._turn == name, 30)
            self._turn = None
            self._waiting.discard(name)

    def leave(self) -> None:
        with self._changed:
            self._running.discard(threading.current_thread().name)
            self._deal()

    def race(self, work: Mapping[str, Callable[[], object]]) -> list[str]:
        """All of it at once, each in a thread of that name; what was raised."""
        faults: list[BaseException] = []

        def go(task: Callable[[], object]) -> None:
            try:
                task()
            except BaseException as error:
                faults.append(error)
            finally:
                self.leave()

        threads = [threading.Thread(target=go, args=(task,), name=name) for name, task in work.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600)
        return [*map(repr, faults)]

    def _deal(self) -> None:
        if self._turn is None and self._running and self._waiting == self._running:
            self._turn = self._draw.choice(sorted(self._waiting))
            self._changed.notify_all()


class Interleaved:
    """A store whose every call waits for its turn."""

    def __init__(self, store: Store, turns: Turns) -> None:
        self._store, self._turns = store, turns

    @property
    def url(self) -> str:
        return self._store.url

    def put(self, item: Item) -> bool:
        self._turns.take()
        return self._store.put(item)

    def replace(self, item: Item, expected: str | None) -> str:
        self._turns.take()
        return self._store.replace(item, expected)

    def read(self, key: str) -> Found | None:
        self._turns.take()
        return self._store.read(key)

    def stat(self, key: str) -> Stat | None:
        self._turns.take()
        return self._store.stat(key)

    def list(self, prefix: str) -> Iterator[Stat]:
        self._turns.take()
        return iter(list(self._store.list(prefix)))

    def delete(self, key: str, version: str) -> bool:
        self._turns.take()
        return self._store.delete(key, version)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        return self._store.sweep(older_than, dry_run=dry_run)
