"""What the promises of `store.py` are asked of: subjects, each a store on a place of its own. Servers add theirs."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from assetpipe.delivery.dry_run import DryRunStore
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.store import Found, Item, Stat, Store
from assetpipe.errors import AssetpipeError

GLB, JSON = "model/gltf-binary", "application/json"


@dataclass(frozen=True)
class Subject:
    """A store whose place is empty, and what a test does to that place behind its back."""

    store: Store
    again: Callable[[], Store]
    """Another store on the same place, as another process would open it."""
    plant: Callable[[str, bytes], None]
    """Somebody else puts an object there."""
    rot: Callable[[str, bytes], None]
    """The bytes that are kept for a key become others of the same length, and nothing else changes."""
    writer: Store
    """What makes the objects that `store` then finds: itself, but for a store that writes nothing."""
    rounds: int = 8
    """How often races are run: less where a call takes long."""
    large: int = 40_000_000
    """Bytes of a large body: several parts where a store sends parts."""
    guards_deletion: bool = True
    """A deletion's condition is looked at while nobody else can write."""


Opener = Callable[[pytest.FixtureRequest, Path], AbstractContextManager[Subject]]


@dataclass(frozen=True)
class Entry:
    """A kind of store in the suite. `open` may ask the request for fixtures (a server of the session)."""

    name: str
    open: Opener
    marks: tuple[pytest.MarkDecorator, ...] = ()


def item(key: str, body: bytes | Path, *, sha256: str = "", metadata: Mapping[str, str] | None = None) -> Item:
    data = body if isinstance(body, bytes) else body.read_bytes()
    return Item(
        key=key,
        body=body,
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        content_type=JSON if key.endswith(".json") else GLB,
        cache_control="public, max-age=60",
        metadata=metadata or {"asset": "chair", "revision": "0123456789abcdef"},
        tags={"category": "furniture", "level": "high"},
    )


def together(*calls: Callable[[], object]) -> list[object]:
    """What each returned or raised, all begun at the same moment."""
    results: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = calls[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert not any(thread.is_alive() for thread in threads), "a call did not return within 600 s"
    return results


def outcome(call: Callable[[], object]) -> object:
    """What it returned, or the error that it raised."""
    try:
        return call()
    except AssetpipeError as error:
        return error


@contextmanager
def _memory(request: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
    store = MemoryStore()
    yield _in_memory(store, store)


@contextmanager
def _dry_run(request: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
    below = MemoryStore()
    yield _in_memory(DryRunStore(below), below)


def _in_memory(store: Store, below: MemoryStore) -> Subject:
    def plant(key: str, body: bytes) -> None:
        below._objects[key] = Found(Stat(key, len(body), "", f"planted-{secrets.token_hex(4)}", time.time()), body)

    def rot(key: str, body: bytes) -> None:
        below._objects[key] = Found(below._objects[key].stat, body)

    return Subject(store, lambda: store, plant, rot, writer=below)


@contextmanager
def _folder(request: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
    root = folder / "store"

    def plant(key: str, body: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(body)

    def rot(key: str, body: bytes) -> None:
        with (root / key).open("r+b") as file:
            file.write(body)

    store = FolderStore(root)
    yield Subject(store, lambda: FolderStore(root), plant, rot, writer=store)


LOCAL = (Entry("memory", _memory), Entry("folder", _folder), Entry("dry-run", _dry_run))
