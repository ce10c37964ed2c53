"""`index.json` of a category: what it says, on how many pages, and that no update of it is lost."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from assetpipe.delivery.catalog import Entry, File
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.index import write_index
from assetpipe.delivery.memory import MemoryStore
from tests.delivery.faults import FaultyStore


def entry(asset: str, sequence: int = 1) -> Entry:
    files = (
        File("preview", f"furniture/preview/{asset}.{sequence:016x}.glb", "0" * 64, 10, 2),
        File("poster", f"furniture/poster/{asset}.{sequence:016x}.webp", "0" * 64),
    )
    return Entry("furniture", asset, f"{sequence:016x}", sequence, "live", 1.0, files)


def recorded(*assets: str) -> MemoryCatalog:
    catalog = MemoryCatalog()
    for asset in assets:
        catalog.record(entry(asset))
    return catalog


def page(store: MemoryStore, name: str = "index.json") -> dict[str, Any]:
    found = store.read(f"furniture/manifest/{name}")
    assert found
    whole: dict[str, Any] = json.loads(found.body)
    return whole


def walked(store: MemoryStore) -> list[str]:
    """As the web team reads it."""
    names, name = [], "index.json"
    while name:
        whole = page(store, name)
        names += [asset["asset"] for asset in whole["assets"]]
        name = whole["next"]
    return names


def test_an_index_says_what_a_tile_in_a_list_needs() -> None:
    """Addresses relative to itself, sizes, and how many pages there are."""
    store = MemoryStore()
    write_index(store, recorded("chair"), "furniture", 500)
    assert page(store) == {
        "schema": "assetpipe/index/1", "category": "furniture", "page": 0, "pages": 1, "total": 1, "next": None,
        "assets": [{
            "asset": "chair", "revision": f"{1:016x}", "sequence": 1, "status": "live", "manifest": "chair.json",
            "poster": f"../poster/chair.{1:016x}.webp",
            "levels": [{"name": "preview", "uri": f"../preview/chair.{1:016x}.glb", "bytes": 10, "triangles": 2}]}],
    }  # fmt: skip


def test_pages_are_walked_by_their_next() -> None:
    """Every asset once, by name; a full last page has no empty one after it."""
    for count in (1, 3, 4, 6, 7):
        store, names = MemoryStore(), [f"a{n:02}" for n in range(count)]
        index = write_index(store, recorded(*names), "furniture", 3)
        assert walked(store) == names
        assert len(index.pages) == -(-count // 3)


def test_only_pages_that_differ_are_written() -> None:
    """One asset changed: one page; nothing changed: none, and no bytes."""
    store, catalog = MemoryStore(), recorded(*(f"a{n}" for n in range(9)))
    assert len(write_index(store, catalog, "furniture", 3).changed) == 3
    catalog.record(entry("a4", 2))
    changed = write_index(store, catalog, "furniture", 3)
    assert changed.changed == ("furniture/manifest/index-1.json",)
    counting = FaultyStore(store, [])
    again = write_index(counting, catalog, "furniture", 3)
    assert (again.changed, again.sent_bytes) == ((), 0)
    assert {call.split()[0] for call in counting.log} == {"list", "stat"}


def test_pages_that_are_no_more_go() -> None:
    """And are named as changed, for caches have them."""
    store, catalog = MemoryStore(), recorded(*(f"a{n}" for n in range(7)))
    write_index(store, catalog, "furniture", 3)
    for n in range(3, 7):
        catalog.forget("furniture", f"a{n}")
    index = write_index(store, catalog, "furniture", 3)
    assert [stat.key for stat in store.list("furniture/")] == ["furniture/manifest/index.json"]
    assert set(index.changed) == {f"furniture/manifest/index{n}.json" for n in ("", "-1", "-2")}
    assert walked(store) == ["a0", "a1", "a2"]


def test_who_reads_while_pages_grow_misses_no_asset() -> None:
    """After each single write of an update, a walk finds every asset that was there before."""
    names = [f"b{n}" for n in range(8)]
    done, calls = False, 1
    while not done:
        store, catalog = MemoryStore(), recorded(*names)
        write_index(store, catalog, "furniture", 3)
        for new in ("a1", "a2", "a3", "a4"):
            catalog.record(entry(new))
        stopping = Stopping(store, calls)
        try:
            write_index(stopping, catalog, "furniture", 3)
            done = True
        except StopIteration:
            calls += 1
        assert set(names) <= set(walked(store))
    assert calls == 5
    assert walked(store) == sorted([*names, "a1", "a2", "a3", "a4"])


class Stopping(FaultyStore):
    """Goes no further before the n-th write."""

    def __init__(self, store: MemoryStore, writes: int) -> None:
        super().__init__(store, [])
        self._left = writes

    def replace(self, item: Any, expected: str | None) -> str:
        self._left -= 1
        if self._left == 0:
            raise StopIteration
        return super().replace(item, expected)


def test_of_many_writers_none_loses_an_entry() -> None:
    """Eight threads record assets and write the index at once, pages growing all the while."""
    store, catalog = MemoryStore(), MemoryCatalog()

    def work(number: int) -> None:
        for turn in range(12):
            catalog.record(entry(f"a{number}-{random.Random(number * 100 + turn).randrange(10**6)}"))
            write_index(store, catalog, "furniture", 7)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert walked(store) == [one.asset for one in catalog.listing("furniture")]
    assert len(walked(store)) == 96
