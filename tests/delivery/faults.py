"""A store in front of another on which, at the n-th call, something goes wrong.

for n in itertools.count(1):
    store = FaultyStore(real, [Fault(n, "kill after")])
    ...run it in a child; stop when the child ends with less than n calls: store.calls...
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from assetpipe.delivery.store import Found, Item, Stat, Store
from assetpipe.errors import AssetpipeError, TryAgain

What = Literal["raise before", "raise after", "kill before", "kill after", "flip", "truncate"]
WHATS: tuple[What, ...] = ("raise before", "raise after", "kill before", "kill after", "flip", "truncate")
Answer = TypeVar("Answer")


def timeout() -> AssetpipeError:
    return TryAgain("E_FAULT", "the store does not answer", hint="this is a test")


@dataclass(frozen=True)
class Fault:
    at: int
    """the call, counted from 1; `list` is one call, however many it yields"""
    what: What
    lasting: bool = False
    """at every later call too"""
    error: Callable[[], AssetpipeError] = timeout
    bit: int = 0
    """that flips, counted over the body and round it"""


class FaultyStore:
    """`flip` and `truncate` change the body on its way: what is sent no longer is what its sha256 says, what is read no
    longer is what is stored. Calls without a body are left alone by these two."""

    def __init__(self, store: Store, faults: Sequence[Fault]) -> None:
        self._store = store
        self._faults = tuple(faults)
        self._lock = threading.Lock()
        self._log: list[str] = []

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def calls(self) -> int:
        return len(self._log)

    @property
    def log(self) -> tuple[str, ...]:
        """`put furniture/high/chair.0123456789abcdef.glb`, in order"""
        return tuple(self._log)

    def put(self, item: Item) -> bool:
        fault = self._begin("put", item.key)
        return _end(fault, self._store.put(_damaged_item(item, fault)))

    def replace(self, item: Item, expected: str | None) -> str:
        fault = self._begin("replace", item.key)
        return _end(fault, self._store.replace(_damaged_item(item, fault), expected))

    def read(self, key: str) -> Found | None:
        fault = self._begin("read", key)
        return _end(fault, _damaged_found(self._store.read(key), fault))

    def stat(self, key: str) -> Stat | None:
        fault = self._begin("stat", key)
        return _end(fault, self._store.stat(key))

    def list(self, prefix: str) -> Iterator[Stat]:
        fault = self._begin("list", prefix)
        yield from self._store.list(prefix)
        _end(fault, None)

    def delete(self, key: str, version: str) -> bool:
        fault = self._begin("delete", key)
        return _end(fault, self._store.delete(key, version))

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        fault = self._begin("sweep", "")
        return _end(fault, self._store.sweep(older_than, dry_run=dry_run))

    def _begin(self, verb: str, key: str) -> Fault | None:
        with self._lock:
            self._log.append(f"{verb} {key}".strip())
            number = len(self._log)
        fault = next((each for each in self._faults if each.at == number or (each.lasting and each.at < number)), None)
        if fault and fault.what == "raise before":
            raise fault.error()
        if fault and fault.what == "kill before":
            die()
        return fault


def die() -> None:
    """As kill -9 does: no `finally`, no flush, no exit handler."""
    os.kill(os.getpid(), signal.SIGKILL)


def flipped(data: bytes, bit: int) -> bytes:
    """The same but for one bit; nothing has no bit that could flip."""
    if not data:
        return data
    byte, place = divmod(bit % (8 * len(data)), 8)
    return data[:byte] + bytes([data[byte] ^ (1 << place)]) + data[byte + 1 :]


def _end(fault: Fault | None, answer: Answer) -> Answer:
    if fault and fault.what == "raise after":
        raise fault.error()
    if fault and fault.what == "kill after":
        die()
    return answer


def _damaged(data: bytes, fault: Fault | None) -> bytes:
    if fault and fault.what == "flip":
        return flipped(data, fault.bit)
    if fault and fault.what == "truncate":
        return data[: len(data) // 2]
    return data


def _damaged_item(item: Item, fault: Fault | None) -> Item:
    if fault is None or fault.what not in ("flip", "truncate"):
        return item
    body = item.body.read_bytes() if isinstance(item.body, Path) else item.body
    return replace(item, body=_damaged(body, fault))


def _damaged_found(found: Found | None, fault: Fault | None) -> Found | None:
    return replace(found, body=_damaged(found.body, fault)) if found else None
