"""Many bundles in one publish, and many publishers at once: none is lost, none stops another."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from assetpipe.bundle import read_bundle
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import Published, announce, publish_bundle, publish_bundles
from assetpipe.delivery.rollback import revisions
from assetpipe.delivery.store import Item, Moved
from assetpipe.errors import AssetpipeError, TryAgain
from assetpipe.log import Event
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.faults import FaultyStore
from tests.delivery.in_memory import CHAIR, agree, pointer
from tests.delivery.worlds import no_sync, rounds, settled, world  # noqa: F401  a fixture


def test_one_that_was_current_when_it_looked_claims_when_it_is_not_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's revision came between: then ours goes on top of it, claimed like any other."""
    store, catalog, claimed = MemoryStore(), MemoryCatalog(), list[str]()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    monkeypatch.setattr("assetpipe.delivery.sending.claim", lambda _store, keys, _needs: claimed.append(keys.asset))

    def overtake(event: Event) -> None:
        if event.message == "sending history" and not claimed:
            publish_bundle(bundle(tmp_path, content="two"), store, catalog, SETTINGS)

    done = publish_bundle(bundle(tmp_path), store, catalog, SETTINGS, report=overtake)
    assert (done.changed, done.sequence, claimed) == (True, 3, ["chair", "chair"])
    assert agree(store, catalog)


def test_of_many_bundles_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    """Each gets its own outcome, in order; indexes are written once per category, after all."""
    given = [bundle(tmp_path, f"a{n}", category="gadgets" if n % 2 else "furniture") for n in range(6)]
    (given[3].folder / "high.glb").unlink()
    store, catalog = FaultyStore(MemoryStore(), []), MemoryCatalog()
    outcomes = publish_bundles(given, store, catalog, SETTINGS)
    assert [isinstance(one, Published) for one in outcomes] == [True, True, True, False, True, True]
    failed = outcomes[3]
    assert isinstance(failed, AssetpipeError)
    assert failed.code == "E_BUNDLE_DAMAGED"
    assert sorted(call for call in store.log if call.startswith("replace") and "index" in call) == [
        "replace furniture/manifest/index.json", "replace gadgets/manifest/index.json"
    ]  # fmt: skip
    done = [one for one in outcomes if isinstance(one, Published)]
    announce(catalog, done)
    again = publish_bundles([one for n, one in enumerate(given) if n != 3], store, catalog, SETTINGS)
    assert [isinstance(one, Published) and (one.sent, one.mutable_keys) for one in again] == [(0, ())] * 5


def test_an_index_that_cannot_be_written_fails_its_category_alone(tmp_path: Path) -> None:
    """Its assets are published, and say that they are not finished; those of others are done."""

    class Refusing(MemoryStore):
        def replace(self, item: Item, expected: str | None) -> str:
            if item.key == "gadgets/manifest/index.json":
                raise TryAgain("E_FAULT", "no")
            return super().replace(item, expected)

    store, catalog = Refusing(), MemoryCatalog()
    given = [bundle(tmp_path, "a", category="gadgets"), bundle(tmp_path, "b")]
    outcomes = publish_bundles(given, store, catalog, SETTINGS)
    assert [isinstance(one, Published) for one in outcomes] == [False, True]
    assert store.stat(Keys("gadgets", "a").pointer)


def test_of_two_publishers_at_once_none_is_lost(tmp_path: Path) -> None:
    """Eight threads publish an asset of their own and one that all share: every revision is in the history, every move
    is counted, and catalog and index end at what the pointer says."""
    store, catalog = MemoryStore(), MemoryCatalog()
    shared = [bundle(tmp_path, content=str(n)) for n in range(8)]
    own = [bundle(tmp_path, f"own-{n}") for n in range(8)]

    def publish(n: int) -> None:
        publish_bundle(shared[n], store, catalog, SETTINGS)
        publish_bundle(own[n], store, catalog, SETTINGS)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(8)))
    publication = pointer(store)["publication"]
    assert publication["sequence"] == 8
    assert len({publication["revision"], *publication["earlier"]}) == len(revisions(store, CHAIR)) == 8
    assert agree(store, catalog)


class Counting(FolderStore):
    """Keeps count of swaps in which somebody else was first, a process for itself."""

    lost: ClassVar[list[str]] = []

    def replace(self, item: Item, expected: str | None) -> str:
        try:
            return super().replace(item, expected)
        except Moved:
            self.lost.append(item.key)
            raise


def publish_rounds(folder: Path, number: int, count: int) -> None:
    """Leaves how often each publish of the shared asset had to try again."""
    store, catalog, retries = Counting(folder / "store"), world(folder)[1], []
    for turn in range(count):
        Counting.lost.clear()
        for asset in ("chair", f"own-{number}"):
            given = folder / "bundles" / f"furniture-{asset}-{number}-{turn}"
            publish_bundle(read_bundle(given), store, catalog, SETTINGS)
        retries.append(Counting.lost.count(CHAIR.pointer))
    (folder / f"retries-{number}.json").write_text(json.dumps(retries))


def test_of_many_processes_none_loses_an_update(no_sync: None, tmp_path: Path) -> None:  # noqa: F811
    """P4: each round publishes a new revision of an asset that all share, and of one of its own; no revision, move,
    catalog entry or line of the index is missing at the end."""
    processes, count = rounds(3, 8), rounds(6, 200)
    for number in range(processes):
        for turn in range(count):
            for asset in ("chair", f"own-{number}"):
                bundle(tmp_path / "bundles", asset, content=f"{number}-{turn}")
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=publish_rounds, args=(tmp_path, number, count)) for number in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join(3_000)
    assert [process.exitcode for process in started] == [0] * processes
    store, catalog = world(tmp_path)
    assert settled(tmp_path / "store", catalog) == []
    entry = catalog.get("furniture", "chair")
    assert entry
    assert entry.sequence == len(revisions(store, CHAIR)) == processes * count
    assert len(list(catalog.listing("furniture"))) == processes + 1
    retries = sorted(tries for path in tmp_path.glob("retries-*.json") for tries in json.loads(path.read_text()))
    assert len(retries) == processes * count
    assert retries[int(0.99 * len(retries))] <= rounds(10, 3)
