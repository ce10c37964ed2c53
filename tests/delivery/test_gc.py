"""gc deletes what nothing has named for long enough, and never what a publish at the same time will name (P6)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.doomed import GRACE, TAKE_OVER, Doomed, doomed_key, read_doomed, write_doomed
from assetpipe.delivery.garbage import DAY, Collected, gc
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.rollback import rollback
from assetpipe.delivery.store import Item, Store
from assetpipe.errors import TryAgain
from tests.delivery.bundles import SETTINGS, bundle, digest
from tests.delivery.faults import Fault, FaultyStore
from tests.delivery.fsck import findings
from tests.delivery.in_memory import CHAIR, objects
from tests.delivery.worlds import catalogued, in_child, world

SEQUENTIAL = SETTINGS.model_copy(update={"threads": 1})


def later(days: float) -> Callable[[], float]:
    return lambda: time.time() + days * DAY


def kept(store: Store) -> set[str]:
    """Without what gc notes for itself."""
    return {key for key in objects(store) if not key.endswith(".doomed.json")}


def found_by_reader(store: Store, catalog: MemoryCatalog) -> list[str]:
    return findings(objects(store), catalogued(catalog))


@pytest.fixture
def replaced(tmp_path: Path) -> tuple[MemoryStore, MemoryCatalog]:
    """`one`, then `two` of the chair; both share their preview."""
    store, catalog = MemoryStore(), MemoryCatalog()
    for content in ("one", "two"):
        publish_bundle(bundle(tmp_path, content=content), store, catalog, SETTINGS)
    return store, catalog


def test_what_was_replaced_goes_when_it_was_seen_so_for_long_enough(
    replaced: tuple[MemoryStore, MemoryCatalog],
) -> None:
    """Marked at first sight, kept for the days asked for, then gone with its history; what both name stays."""
    store, catalog = replaced
    before = objects(store)
    first = gc(store, catalog, 30)
    assert (len(first.marked), first.deleted) == (4, ())
    assert gc(store, catalog, 30, now=later(29)).deleted == ()
    last = gc(store, catalog, 30, now=later(31))
    assert last.deleted == first.marked
    assert last.deleted_bytes == sum(len(before[key]) for key in last.deleted)
    assert kept(store) == set(before) - set(last.deleted)
    assert gc(store, catalog, 30, now=later(90)) == Collected()
    assert found_by_reader(store, catalog) == []


def test_what_is_current_is_kept_however_old_it_is(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """A hundred years of gcs later it's still there."""
    store, catalog = replaced
    for years in range(1, 100, 9):
        gc(store, catalog, 0, now=later(365 * years))
    assert len(kept(store)) == 7
    assert found_by_reader(store, catalog) == []


def test_a_revision_is_kept_from_the_day_on_which_it_was_replaced(tmp_path: Path) -> None:
    """Not from the day on which it was published: one that was current for years can be rolled back to next day."""
    store, catalog = MemoryStore(), MemoryCatalog()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    gc(store, catalog, 30, now=later(1_000))
    publish_bundle(bundle(tmp_path, content="two"), store, catalog, SETTINGS)
    assert gc(store, catalog, 30, now=later(1_001)).deleted == ()
    assert gc(store, catalog, 30, now=later(1_030)).deleted == ()
    rollback(store, catalog, CHAIR, SETTINGS)
    assert found_by_reader(store, catalog) == []


def test_a_revision_that_is_current_again_starts_anew(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """Its marks went when it was claimed; replaced once more it has all its days."""
    store, catalog = replaced
    gc(store, catalog, 30)
    one = rollback(store, catalog, CHAIR, SETTINGS).revision
    gc(store, catalog, 30, now=later(20))
    rollback(store, catalog, CHAIR, SETTINGS, revision=next(r for r in _revisions(store) if r != one))
    assert gc(store, catalog, 30, now=later(40)).deleted == ()
    assert gc(store, catalog, 30, now=later(71)).deleted != ()


def _revisions(store: Store) -> list[str]:
    return [stat.key.split("/")[-1].removesuffix(".json") for stat in store.list(CHAIR.past)]


def test_a_publisher_deletes_nothing(replaced: tuple[MemoryStore, MemoryCatalog], tmp_path: Path) -> None:
    """Not the last of its marks either: it may have no right to. The next gc does."""
    store, catalog = replaced
    gc(store, catalog, 0)
    counting = FaultyStore(store, [])
    rollback(counting, catalog, CHAIR, SETTINGS)
    publish_bundle(bundle(tmp_path, content="two"), counting, catalog, SETTINGS)
    assert [call for call in counting.log if call.startswith("delete")] == []
    assert store.stat(doomed_key(CHAIR))
    gc(store, catalog, 0)
    gc(store, catalog, 0, now=later(1))
    left = read_doomed(store, CHAIR)
    assert (left.marked, len(left.gone)) == ({}, 1)


def test_marks_that_say_nothing_are_removed(tmp_path: Path) -> None:
    """By the gc that finds them so."""
    store, catalog = MemoryStore(), MemoryCatalog()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    write_doomed(store, CHAIR, Doomed())
    gc(store, catalog, 0)
    assert store.stat(doomed_key(CHAIR)) is None


def test_what_a_dead_publisher_left_goes_too(tmp_path: Path) -> None:
    """Payloads without a history, after the same days; nothing else is left of it then (P6)."""
    store, catalog = MemoryStore(), MemoryCatalog()
    with pytest.raises(Exception, match="does not answer"):
        publish_bundle(bundle(tmp_path), FaultyStore(store, [Fault(6, "raise before")]), catalog, SEQUENTIAL)
    left = set(objects(store))
    assert left
    assert set(gc(store, catalog, 0).marked) == left
    assert set(gc(store, catalog, 0, now=later(1)).deleted) == left
    assert objects(store) == {}


def test_after_kills_everywhere_nothing_is_left_behind(tmp_path: Path) -> None:
    """A publish that was killed at each call in turn, each time of another content: two gcs later only what a current
    pointer names is there, and no file of a dead writer."""
    store, catalog = world(tmp_path)
    for n in range(2, 14, 2):
        given = bundle(tmp_path / "b", content=str(n))
        faulty = FaultyStore(store, [Fault(n, "kill before")])
        in_child(lambda given=given, faulty=faulty: publish_bundle(given, faulty, catalog, SEQUENTIAL))
    publish_bundle(bundle(tmp_path / "b", content="last"), store, catalog, SETTINGS)
    gc(store, catalog, 0)
    gc(store, catalog, 0, now=later(2))
    assert len(kept(store)) == 7
    assert list((tmp_path / "store" / ".assetpipe" / "partial").iterdir()) == []
    assert findings(objects(store), catalogued(catalog)) == []


def test_a_clock_that_went_wrong_keeps_nothing_for_ever(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """Marks of the future count from the next gc whose clock is right."""
    store, catalog = replaced
    gc(store, catalog, 30, now=later(36_500))
    assert gc(store, catalog, 30).deleted == ()
    assert len(gc(store, catalog, 30, now=later(31)).deleted) == 4


def test_a_rehearsal_says_what_would_go_and_changes_nothing(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """Marks neither: the days begin with a real gc."""
    store, catalog = replaced
    before = objects(store)
    assert len(gc(store, catalog, 30, dry_run=True).marked) == 4
    assert objects(store) == before
    gc(store, catalog, 30)
    marked = objects(store)
    assert len(gc(store, catalog, 30, dry_run=True, now=later(31)).deleted) == 4
    assert objects(store) == marked


def test_what_is_not_ours_stays(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """Whatever somebody else put there, under whatever name, unless it's a name that only we give."""
    store, catalog = replaced
    foreign = ["robots.txt", "furniture/high/chair.glb", "furniture/high/chair.0123.glb", "furniture/notes/a.txt",
               "furniture/history/chair/notes.json", "furniture/manifest/readme.txt"]  # fmt: skip
    for key in foreign:
        store.put(Item(key, b"mine", digest(b"mine"), "text/plain", ""))
    gc(store, catalog, 0)
    gc(store, catalog, 0, now=later(400))
    assert set(foreign) <= set(objects(store))


@pytest.mark.parametrize("how", ["broken", "gone"])
def test_an_asset_without_a_readable_pointer_is_left_alone(
    replaced: tuple[MemoryStore, MemoryCatalog], how: str
) -> None:
    """In doubt nothing goes: its history is what it is mended from."""
    store, catalog = replaced
    gc(store, catalog, 0)
    stat = store.stat(CHAIR.pointer)
    assert stat
    if how == "gone":
        store.delete(stat.key, stat.version)
    else:
        store.replace(Item(stat.key, b"{}", digest(b"{}"), "application/json", ""), stat.version)
    before = objects(store)
    done = gc(store, catalog, 0, now=later(400))
    assert (done.deleted, len(done.left_alone)) == ((), 1)
    assert objects(store) == before


def test_what_a_stale_catalog_names_is_kept(replaced: tuple[MemoryStore, MemoryCatalog], tmp_path: Path) -> None:
    """A publisher died between pointer and catalog: index and catalog still send viewers to the revision before."""
    store, catalog = replaced
    three = bundle(tmp_path, content="three")
    calls = FaultyStore(store, [])
    stale = MemoryCatalog()
    for entry in catalog.listing("furniture"):
        stale.record(entry)
    publish_bundle(three, calls, catalog, SEQUENTIAL)
    gc(store, stale, 0)
    gc(store, stale, 0, now=later(400))
    assert found_by_reader(store, stale) == []


def test_what_a_stale_index_names_is_kept(replaced: tuple[MemoryStore, MemoryCatalog], tmp_path: Path) -> None:
    """A publisher died between catalog and index, and nobody has published in the category since."""
    store, catalog = replaced
    counting = FaultyStore(store, [])
    publish_bundle(bundle(tmp_path, "lamp"), counting, catalog, SEQUENTIAL)
    last = FaultyStore(store, [Fault(counting.calls, "raise before")])
    with pytest.raises(TryAgain):
        publish_bundle(bundle(tmp_path, content="three"), last, catalog, SEQUENTIAL)
    gc(store, catalog, 0)
    gc(store, catalog, 0, now=later(400))
    assert found_by_reader(store, catalog) == []
    publish_bundle(bundle(tmp_path, content="three"), store, catalog, SEQUENTIAL)
    gc(store, catalog, 0, now=later(401))
    assert len(gc(store, catalog, 0, now=later(402)).deleted) == 4


def test_where_the_index_cannot_be_read_nothing_goes(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """In doubt it's kept, in that category."""
    store, catalog = replaced
    gc(store, catalog, 0)
    stat = store.stat("furniture/manifest/index.json")
    assert stat
    store.replace(Item(stat.key, b"[]", digest(b"[]"), "application/json", ""), stat.version)
    done = gc(store, catalog, 0, now=later(400))
    assert (done.deleted, len(done.left_alone)) == ((), 1)


def test_what_a_dead_gc_condemned_is_taken_up_by_the_next(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """Not while the first may still be at it."""
    store, catalog = replaced
    marked = dict.fromkeys(gc(store, catalog, 0).marked, 0.0)
    version = read_doomed(store, CHAIR).version
    write_doomed(store, CHAIR, Doomed(marked, frozenset(marked), "a gc that died", version=version))
    assert gc(store, catalog, 0, now=lambda: time.time() + TAKE_OVER / 2).deleted == ()
    assert len(gc(store, catalog, 0, now=lambda: time.time() + GRACE).deleted) == 4
    left = read_doomed(store, CHAIR)
    assert (left.marked, left.condemned, len(left.gone)) == ({}, frozenset(), 1)


def test_a_broken_document_of_marks_deletes_nothing(replaced: tuple[MemoryStore, MemoryCatalog]) -> None:
    """The days begin again."""
    store, catalog = replaced
    gc(store, catalog, 0)
    stat = store.stat(doomed_key(CHAIR))
    assert stat
    junk = json.dumps({"marked": "everything"}).encode()
    store.replace(Item(stat.key, junk, digest(junk), "application/json", ""), stat.version)
    assert gc(store, catalog, 30, now=later(31)).deleted == ()
    assert len(gc(store, catalog, 30, now=later(62)).deleted) == 4
