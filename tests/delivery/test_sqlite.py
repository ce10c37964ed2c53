"""The catalog's file beside a folder store: many processes, kill -9, and what becomes of it when it is damaged."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from assetpipe.delivery.catalog import Entry, File
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.sqlite import SqliteCatalog
from assetpipe.errors import AssetpipeError, NotPermitted, TryAgain
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.worlds import catalogued, no_sync, rounds, world  # noqa: F401  a fixture

ASSETS = [f"a{n}" for n in range(6)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    """With six assets."""
    folder = tmp_path_factory.mktemp("store")
    store, catalog = world(folder)
    for asset in ASSETS:
        publish_bundle(bundle(folder, asset), store, catalog, SETTINGS)
    return store


def entry(asset: str, sequence: int) -> Entry:
    files = (File("high", f"furniture/high/{asset}.glb", "0" * 64, 1, 1),)
    return Entry("furniture", asset, f"{sequence:016x}", sequence, "live", float(sequence), files)


def everything(path: Path, store: FolderStore) -> dict[str, str]:
    return catalogued(SqliteCatalog(path, store))


def test_a_missing_file_is_made_from_the_store(store: FolderStore, tmp_path: Path) -> None:
    """At the first question, with the times at which the pointers moved."""
    catalog = SqliteCatalog(tmp_path / "new" / "catalog.sqlite", store)
    assert [one.asset for one in catalog.listing("furniture")] == ASSETS
    for one in catalog.listing("furniture"):
        stat = store.stat(one.keys.pointer)
        assert stat
        assert (one.updated, one.sequence) == (stat.modified, 1)
        assert len(one.files) == 4


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:-4096] = random.Random(2).randbytes(len(data) - 8192)
    path.write_bytes(data)


def another(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE entries (x)")
    db.close()


@pytest.mark.parametrize("harm", [garbage, empty, half, middle, another, Path.unlink])
def test_a_damaged_file_is_made_from_the_store(harm: object, store: FolderStore, tmp_path: Path) -> None:
    """Whatever became of it, by whoever asks first; also under a catalog that has it open."""
    path = tmp_path / "catalog.sqlite"
    whole = everything(path, store)
    opened = SqliteCatalog(path, store)
    assert catalogued(opened) == whole
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert callable(harm)
    harm(path)
    assert everything(path, store) == whole
    assert catalogued(opened) == whole
    assert opened.record(entry("a0", 9))
    assert everything(path, store) != whole
    assert [left.name for left in tmp_path.iterdir() if "partial" in left.name] == []


def test_nobody_writes_into_a_file_that_was_replaced(store: FolderStore, tmp_path: Path) -> None:
    """A record by one who had the file open before it was made again is in the new one."""
    path = tmp_path / "catalog.sqlite"
    first, second = SqliteCatalog(path, store), SqliteCatalog(path, store)
    first.record(entry("a0", 5))
    path.unlink()
    assert second.get("furniture", "a0") != entry("a0", 5)
    first.record(entry("a1", 7))
    assert second.get("furniture", "a1") == entry("a1", 7)


def record_many(path: Path, root: Path, number: int, count: int) -> None:
    catalog = SqliteCatalog(path, FolderStore(root))
    for turn in range(1, count + 1):
        catalog.record(entry("shared", number + 1 + turn * 100))
        catalog.record(entry(f"own-{number}", turn))


def test_of_many_processes_none_loses_a_record(no_sync: None, tmp_path: Path) -> None:  # noqa: F811
    """Some of them the first ever to open the file."""
    path, fork = tmp_path / "catalog.sqlite", multiprocessing.get_context("fork")
    count = rounds(25, 200)
    started = [fork.Process(target=record_many, args=(path, tmp_path / "s", n, count)) for n in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join(600)
    assert [process.exitcode for process in started] == [0] * 4
    catalog = SqliteCatalog(path, FolderStore(tmp_path / "s"))
    assert {one.asset: one.sequence for one in catalog.listing("furniture")} == {
        "shared": 4 + count * 100, **{f"own-{n}": count for n in range(4)}
    }  # fmt: skip
    assert len(catalog.moves("furniture", "own-3")) == count


def test_what_was_recorded_survives_kill_9(no_sync: None, tmp_path: Path) -> None:  # noqa: F811
    """Every record that returned is there, the file is whole, entry and move come together."""
    path, root, draw = tmp_path / "catalog.sqlite", tmp_path / "s", random.Random(4)
    reached = 0
    for _ in range(rounds(8, 100)):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            catalog = SqliteCatalog(path, FolderStore(root))
            for n in range(reached + 1, reached + 10_000):
                catalog.record(entry("chair", n))
                os.write(write, n.to_bytes(4, "big"))
            os._exit(0)
        os.close(write)
        time.sleep(draw.uniform(0.02, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told = b"".join(iter(lambda read=read: os.read(read, 65_536), b""))
        os.close(read)
        noted = int.from_bytes(told[-4:], "big") if told else reached
        catalog = SqliteCatalog(path, FolderStore(root))
        found = catalog.get("furniture", "chair")
        reached = found.sequence if found else 0
        assert noted <= reached <= noted + 1
        assert [move.sequence for move in catalog.moves("furniture", "chair")] == list(range(reached, 0, -1))
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_threads_share_one_catalog(store: FolderStore, tmp_path: Path) -> None:
    """Reads and writes at once."""
    catalog = SqliteCatalog(tmp_path / "catalog.sqlite", store)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: catalog.record(entry("x", n)) or catalog.get("furniture", "x"), range(1, 60)))
    assert all(done)
    assert catalog.get("furniture", "x") == entry("x", 59)


def test_a_file_that_another_program_holds_is_said_by_name(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a wait, and as something that passes."""
    monkeypatch.setattr("assetpipe.delivery.sqlite.BUSY_SECONDS", 0.2)
    catalog = SqliteCatalog(tmp_path / "catalog.sqlite", store)
    assert catalog.categories() == ["furniture"]
    holder = sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(TryAgain, match=r"catalog\.sqlite") as caught:
        catalog.record(entry("a0", 3))
    assert caught.value.code == "E_CATALOG_BUSY"
    holder.execute("ROLLBACK")
    holder.close()
    assert catalog.record(entry("a0", 3))


def test_where_nothing_may_be_written_it_says_so(store: FolderStore, tmp_path: Path) -> None:
    """By the place, with an error of ours."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AssetpipeError, match="file") as caught:
        SqliteCatalog(tmp_path / "file" / "catalog.sqlite", store).categories()
    assert isinstance(caught.value, NotPermitted)
