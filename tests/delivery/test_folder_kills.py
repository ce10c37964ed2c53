"""A folder store whose writers are killed: at every system call, at any time, and while others go on."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.store import Moved
from tests.delivery.children import WITHIN, all_ended, ended, killing_at, run, start
from tests.delivery.conformance import item

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"
OLD, NEW = b"old" * 40_000, b"new!" * 50_000
LONG = bool(os.environ.get("ASSETPIPE_LONG"))


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that the kernel has, and a sync costs more than all the rest."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def partials(root: Path) -> list[str]:
    hidden = root / ".assetpipe" / "partial"
    return [path.name for path in hidden.iterdir()] if hidden.exists() else []


def put_new(root: Path) -> None:
    FolderStore(root).put(item(KEY, NEW))


def move_pointer(root: Path) -> None:
    store = FolderStore(root)
    stat = store.stat(POINTER)
    store.replace(item(POINTER, NEW), stat.version if stat else None)


def delete_pointer(root: Path) -> None:
    store = FolderStore(root)
    if stat := store.stat(POINTER):
        store.delete(POINTER, stat.version)


@pytest.mark.parametrize(
    ("work", "key", "old", "new"),
    [
        (put_new, KEY, None, NEW),
        (move_pointer, POINTER, None, NEW),
        (move_pointer, POINTER, OLD, NEW),
        (delete_pointer, POINTER, OLD, None),
    ],
    ids=["put", "first", "replace", "delete"],
)
def test_a_writer_may_be_killed_at_each_of_its_system_calls(
    tmp_path: Path, work: Callable[[Path], None], key: str, old: bytes | None, new: bytes | None
) -> None:
    """What was there is there, or what was to be, with its own record; nothing else is seen, no lock is left, and the
    sweep finds what the dead one was writing."""
    seen, swept = set[bytes | None](), 0
    for number in itertools.count(1):
        root = tmp_path / str(number)
        if old is not None:
            FolderStore(root).replace(item(POINTER, old), None)
        status = run(killing_at(number, lambda root=root: work(root)))
        store = FolderStore(root)
        found = store.read(key)
        body = found.body if found else None
        assert body in (old, new)
        assert [stat.key for stat in store.list("")] == ([key] if found else [])
        left = partials(root)
        assert store.sweep(3600) == 0
        assert store.sweep(0, dry_run=True) == len(left) == len(partials(root))
        assert store.sweep(0) == len(left)
        assert partials(root) == []
        seen.add(body)
        swept += len(left)
        work(root)
        again = store.read(key)
        assert (again.body if again else None) == new
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert number > 8
    assert seen == {old, new}
    assert swept or new is None, "no kill left anything: it was not tried"


def test_a_writer_may_be_killed_at_any_time(tmp_path: Path) -> None:
    """Four writers of pointers and payloads, killed at random: whole objects, a count that goes up, nothing stuck."""
    chance, last = random.Random(3), 0

    def write() -> None:
        store = FolderStore(tmp_path)
        for n in itertools.count():
            store.put(item(f"furniture/high/p{os.getpid()}.{n}.glb", bytes([n % 256]) * 300_000))
            count_up(store)

    for _ in range(500 if LONG else 12):
        children = [start(write) for _ in range(4)]
        with all_ended(children):
            wait_until(lambda: count_of(FolderStore(tmp_path)) > last)  # noqa: B023  called before the next round
            time.sleep(chance.uniform(0, 0.15))
        store = FolderStore(tmp_path)
        for stat in store.list(""):
            found = store.read(stat.key)
            assert found is not None
            assert found.stat.sha256
        assert count_of(store) > last
        count_up(store)
        last = count_of(store)
        store.sweep(0)
        assert partials(tmp_path) == []
        for stat in store.list("furniture/high/"):
            store.delete(stat.key, stat.version)


def test_no_update_is_lost_between_processes(tmp_path: Path) -> None:
    """Eight of them count to 25 each, and every count is there: P4, in processes that share nothing but the disk."""
    rounds = 200 if LONG else 25

    def count() -> None:
        store = FolderStore(tmp_path)
        for _ in range(rounds):
            count_up(store)

    children = [start(count) for _ in range(8)]
    with all_ended(children):
        assert [ended(child) for child in children] == [0] * 8
    found = FolderStore(tmp_path).read(POINTER)
    assert found is not None
    entries = json.loads(found.body)
    assert len(entries) == 8 * rounds
    assert {pid: entries.count(pid) for pid in children} == dict.fromkeys(children, rounds)


def test_a_sweep_takes_nothing_from_the_living(tmp_path: Path) -> None:
    """However young what it finds, and however often it comes: each put and each move of four processes succeeds."""

    def write() -> None:
        store = FolderStore(tmp_path)
        for n in range(30):
            assert store.put(item(f"furniture/high/p{os.getpid()}.{n}.glb", bytes([n]) * 50_000))
            count_up(store)

    children = [start(write) for _ in range(4)]
    with all_ended(children):
        swept, waiting = 0, list(children)
        while waiting:
            swept += FolderStore(tmp_path).sweep(0)
            done, status = os.waitpid(-1, os.WNOHANG)
            if done:
                waiting.remove(done)
                assert os.waitstatus_to_exitcode(status) == 0
    store = FolderStore(tmp_path)
    assert len(list(store.list("furniture/high/"))) == 120
    assert count_of(store) == 120


def test_a_stopped_writer_cannot_overwrite_who_came_after_it(tmp_path: Path) -> None:
    """It slept between reading and writing, for however long: what it had seen is gone, so it is refused."""
    store = FolderStore(tmp_path)
    seen = store.replace(item(POINTER, OLD), None)

    def stall() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        with pytest.raises(Moved):
            FolderStore(tmp_path).replace(item(POINTER, b"stale"), seen)

    child = start(stall)
    with all_ended([child]):
        os.waitpid(child, os.WUNTRACED)
        store.replace(item(POINTER, NEW), seen)
        os.kill(child, signal.SIGCONT)
        assert ended(child) == 0
    found = store.read(POINTER)
    assert found is not None
    assert found.body == NEW


def count_up(store: FolderStore) -> None:
    """The pointer's body is the list of who has moved it."""
    while True:
        found = store.read(POINTER)
        entries = [*(json.loads(found.body) if found else []), os.getpid()]
        try:
            store.replace(item(POINTER, json.dumps(entries).encode()), found.stat.version if found else None)
            return
        except Moved:
            continue


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not reached():
        assert time.monotonic() < deadline, "the writers do nothing"
        time.sleep(0.005)


def count_of(store: FolderStore) -> int:
    found = store.read(POINTER)
    return len(json.loads(found.body)) if found else 0
