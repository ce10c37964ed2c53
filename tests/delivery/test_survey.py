"""What a publish of many saves by looking once, and that nothing rests on what it saw then."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from assetpipe.bundle import Bundle
from assetpipe.delivery.catalog import Entry
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.doomed import Doomed, read_doomed, write_doomed
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import Published, publish_bundle, publish_bundles
from assetpipe.delivery.release import release_of
from assetpipe.delivery.sqlite import SqliteCatalog
from assetpipe.delivery.store import Stat
from assetpipe.delivery.survey import FEW, LASTS, PAGE, survey
from assetpipe.errors import ServiceUnavailable, TryAgain
from assetpipe.log import Event
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.faults import Fault, FaultyStore, What, die
from tests.delivery.in_memory import agree
from tests.delivery.worlds import catalogued, faults, in_child, no_sync, objects, rounds, settled  # noqa: F401  fixture

REMOTE = "s3://bucket"
SEQUENTIAL = SETTINGS.model_copy(update={"threads": 1})


def remote() -> MemoryStore:
    return MemoryStore(REMOTE)


def many(folder: Path, count: int = FEW, content: str = "one") -> list[Bundle]:
    return [bundle(folder, f"a{n}", content=content) for n in range(count)]


def done(outcomes: Sequence[object]) -> list[Published]:
    assert all(isinstance(one, Published) for one in outcomes), outcomes
    return [one for one in outcomes if isinstance(one, Published)]


def test_a_first_publish_of_many_asks_about_none_of_them(tmp_path: Path) -> None:
    """Six writes for each, and a handful of questions for all."""
    store, catalog = FaultyStore(remote(), []), MemoryCatalog()
    done(publish_bundles(many(tmp_path, 20), store, catalog, SETTINGS))
    writes = [call for call in store.log if call.startswith(("put", "replace"))]
    pages = [call for call in store.log if "manifest/index" in call]
    assert len([call for call in writes if call not in pages]) == 6 * 20
    assert len(store.log) - len(writes) - len(pages) <= 4


def test_who_came_after_the_look_is_not_overwritten(tmp_path: Path) -> None:
    """Another's first revision appears while ours is sent: ours goes on top of it."""
    store, catalog, theirs = remote(), MemoryCatalog(), list[str]()

    def overtake(event: Event) -> None:
        if event.message == "sending history" and event.asset == "a1" and not theirs:
            theirs.append("")
            theirs[0] = publish_bundle(bundle(tmp_path, "a1", content="two"), store, catalog, SETTINGS).revision

    outcomes = done(publish_bundles(many(tmp_path), store, catalog, SEQUENTIAL, report=overtake))
    assert [one.sequence for one in outcomes] == [1, 2, 1, 1]
    assert [move.revision for move in catalog.moves("furniture", "a1")] == [outcomes[1].revision, theirs[0]]
    assert agree(store, catalog)


def test_who_comes_before_the_catalog_is_told_is_what_it_is_told_of(tmp_path: Path) -> None:
    """The pointer moves on between our move and the group's record: readers' revision is recorded, not ours."""
    store, catalog, theirs = remote(), MemoryCatalog(), list[Published]()

    def overtake(event: Event) -> None:
        if event.message == "sending history" and event.asset == "a3":
            given = bundle(tmp_path, "a0", content="two")
            theirs.append(publish_bundle(given, store, MemoryCatalog(), SETTINGS))

    outcomes = done(publish_bundles(many(tmp_path), store, catalog, SEQUENTIAL, report=overtake))
    entry = catalog.get("furniture", "a0")
    assert entry
    assert (entry.revision, entry.sequence, outcomes[0].sequence) == (theirs[0].revision, 2, 2)


def test_what_gc_has_marked_is_claimed(tmp_path: Path) -> None:
    """A look that finds nothing marked is a claim; one that finds something is none."""
    store, catalog, given = remote(), MemoryCatalog(), many(tmp_path)
    release = release_of(given[2])
    for item in release.payloads:
        store.put(item)
    key = release.payloads[0].key
    write_doomed(store, release.keys, Doomed({key: 1.0, "furniture/high/a2.0000000000000000.glb": 1.0}))
    done(publish_bundles(given, store, catalog, SETTINGS))
    assert set(read_doomed(store, release.keys).marked) == {"furniture/high/a2.0000000000000000.glb"}
    assert agree(store, catalog)


def test_what_was_seen_long_ago_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a claim is good for so long only."""
    keys = [f"furniture/manifest/a{n}.json" for n in range(FEW)]
    looked = survey(remote(), keys)
    assert all(looked.lacks(key) for key in keys)
    assert not looked.lacks("furniture/manifest/b.json")
    monkeypatch.setattr("time.monotonic", lambda: looked.at + LASTS)
    assert not any(looked.lacks(key) for key in keys)


def test_few_keys_and_folders_are_not_listed() -> None:
    """To ask is as cheap there."""
    for store, count in ((remote(), FEW - 1), (MemoryStore(), 100)):
        asked = FaultyStore(store, [])
        assert survey(asked, [f"furniture/manifest/a{n}.json" for n in range(count)]).missing == frozenset()
        assert asked.log == ()


class Full(MemoryStore):
    """Holds a great many others, in the order of their names."""

    def __init__(self, count: int) -> None:
        super().__init__(REMOTE)
        self.count, self.listed = count, 0

    def list(self, prefix: str) -> Iterator[Stat]:
        for n in range(self.count):
            self.listed += 1
            yield Stat(f"{prefix}{n:06}.json", 1, "", "1", 0.0)


def test_of_a_folder_with_far_more_only_the_beginning_is_read() -> None:
    """A page for ten keys: of what comes after nothing is known, and it is asked for one by one."""
    store = Full(100 * PAGE)
    wanted = [f"furniture/manifest/{n:06}.json" for n in (5, PAGE - 1, PAGE + 1, 99 * PAGE)]
    looked = survey(store, [*wanted, "furniture/manifest/-.json"])
    assert store.listed == PAGE
    assert set(looked.seen) == set(wanted[:2])
    assert looked.missing == {"furniture/manifest/-.json"}


def test_a_listing_that_fails_fails_nothing(tmp_path: Path) -> None:
    """It is a hint: without it each asset is asked for."""

    class Unlisted(MemoryStore):
        def list(self, prefix: str) -> Iterator[Stat]:
            if prefix.startswith("furniture/manifest/a") or "/history/" in prefix:
                raise TryAgain("E_FAULT", "no")
            return super().list(prefix)

    store, catalog = Unlisted(REMOTE), MemoryCatalog()
    assert [one.sequence for one in done(publish_bundles(many(tmp_path), store, catalog, SETTINGS))] == [1] * FEW
    assert agree(store, catalog)


def test_what_the_catalog_does_not_take_has_failed_and_is_finished_by_a_rerun(tmp_path: Path) -> None:
    """Each asset says so; the pointers have moved, and the rerun sends nothing but the index."""

    class Refusing(MemoryCatalog):
        def record_all(self, entries: Iterable[Entry]) -> None:
            raise ServiceUnavailable("E_CATALOG", f"does not take {list(entries)}")

    store, given = remote(), many(tmp_path)
    assert [getattr(one, "code", "") for one in publish_bundles(given, store, Refusing(), SETTINGS)] == [
        "E_CATALOG"
    ] * FEW
    catalog = MemoryCatalog()
    again = done(publish_bundles(given, store, catalog, SETTINGS))
    assert [(one.changed, one.sequence) for one in again] == [(False, 1)] * FEW
    assert sum(one.sent for one in again) == len(list(store.list("furniture/manifest/index")))
    assert agree(store, catalog)


# killed


def world(folder: Path) -> tuple[FolderStore, SqliteCatalog]:
    """A real folder that is asked as if it were far away."""
    store = FolderStore(folder / "store", REMOTE)
    return store, SqliteCatalog(folder / "store" / ".assetpipe" / "catalog.sqlite", store)


def publish(place: Path, given: Sequence[Bundle], *expected: Fault) -> None:
    store, catalog = world(place)
    done(publish_bundles(given, FaultyStore(store, expected), catalog, SEQUENTIAL))


@pytest.mark.usefixtures("no_sync")
def test_killed_at_any_call_many_are_finished_by_a_rerun(tmp_path: Path) -> None:
    """Some new, one of them published before: at no moment a reader finds a name that leads nowhere, the catalog is
    never ahead, and one rerun gives the same bytes."""
    before = tmp_path / "before"
    old, given = [bundle(tmp_path, "a1")], many(tmp_path, FEW + 1, "two")
    for place in (before, tmp_path / "after"):
        publish(place, old)
    store, catalog = world(tmp_path / "after")
    counting = FaultyStore(store, [])
    done(publish_bundles(given, counting, catalog, SEQUENTIAL))
    after = objects(tmp_path / "after" / "store")
    whats: tuple[What, ...] = ("kill before", "kill after")
    sites = [Fault(n, what) for n in range(1, counting.calls + 1) for what in whats]
    place = tmp_path / "x"
    for fault in sites[:: rounds(9, 1)]:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(before, place)
        status = in_child(lambda fault=fault: publish(place, given, fault))  # type: ignore[misc]
        left = fault.what == "kill after" and counting.log[fault.at - 1].startswith("list")  # before its end
        assert status == -signal.SIGKILL or (left and status == 0)
        assert faults(place / "store", world(place)[1]) == [], f"{fault.what} {counting.log[fault.at - 1]}"
        publish(place, given)
        assert settled(place / "store", world(place)[1]) == []
        assert objects(place / "store") == after


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_as_the_catalog_is_told_many_are_finished_by_a_rerun(tmp_path: Path, when: str) -> None:
    """All of a group are in it, or none."""
    publish(tmp_path, [bundle(tmp_path, "other")])
    given = many(tmp_path)

    class Dying(SqliteCatalog):
        def record_all(self, entries: Iterable[Entry]) -> None:
            if when == "after":
                super().record_all(entries)
            die()

    store, catalog = world(tmp_path)
    dying = Dying(catalog.path, store)
    assert in_child(lambda: publish_bundles(given, store, dying, SEQUENTIAL)) == -signal.SIGKILL
    assert faults(tmp_path / "store", world(tmp_path)[1]) == []
    assert len(catalogued(world(tmp_path)[1])) == 1 + (len(given) if when == "after" else 0)
    publish(tmp_path, given)
    assert settled(tmp_path / "store", world(tmp_path)[1]) == []
