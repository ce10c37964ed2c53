"""What every catalog promises, asked of each: memory, SQLite beside a folder, DynamoDB."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from assetpipe.delivery.catalog import Catalog, Entry, File, Page
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.dynamodb import DynamoCatalog, create_table
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.pointer import Status
from assetpipe.delivery.rehearsal import RehearsedCatalog
from assetpipe.delivery.sqlite import SqliteCatalog
from assetpipe.errors import MissingFile, UsageError
from tests.delivery.servers import Server, ministack, moto, of_nobody  # noqa: F401  fixtures


@pytest.fixture(params=["memory", "sqlite", "moto", "ministack"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    if request.param == "memory":
        return MemoryCatalog()
    if request.param == "sqlite":
        return SqliteCatalog(tmp_path / "catalog.sqlite", MemoryStore())
    return table_on(request.getfixturevalue(request.param))


def table_on(server: Server) -> DynamoCatalog:
    client, table = server.client("dynamodb"), f"catalog-{uuid.uuid4().hex[:8]}"
    create_table(client, table)
    return DynamoCatalog(client, table)


def entry(asset: str = "chair", sequence: int = 1, *, category: str = "furniture", status: Status = "live") -> Entry:
    files = tuple(
        File(level, f"{category}/{level}/{asset}.{sequence:016x}.glb", f"{sequence:064x}", 1_000 + sequence, 7)
        for level in ("preview", "high")
    )
    return Entry(category, asset, f"{sequence:016x}", sequence, status, 1_700_000_000.25 + sequence, files)


def test_an_entry_reads_back_as_it_was_recorded(catalog: Catalog) -> None:
    """Every field of it, sizes as integers and times to the microsecond; others are not there."""
    given = replace(entry(), updated=1_795_255_655.991510)
    assert catalog.record(given)
    assert catalog.get("furniture", "chair") == given
    assert [catalog.get("furniture", "table"), catalog.get("gadgets", "chair")] == [None, None]
    assert type(catalog.get("furniture", "chair").files[0].bytes) is int  # type: ignore[union-attr]


def test_the_later_move_wins_in_whatever_order_they_arrive(catalog: Catalog) -> None:
    """A record that comes late, or twice, changes nothing and says so."""
    assert [catalog.record(entry(sequence=n)) for n in (2, 1, 2, 3, 3)] == [True, False, False, True, False]
    assert catalog.get("furniture", "chair") == entry(sequence=3)
    assert [move.sequence for move in catalog.moves("furniture", "chair")] == [3, 2]


def test_many_are_recorded_as_one_after_the_other(catalog: Catalog) -> None:
    """Of each the later move wins, new ones and old ones in one go; none at all is no fault."""
    catalog.record(entry("chair", 5))
    catalog.record_all([entry("chair", 4), entry("lamp"), entry("sofa", 2), entry("gadget", category="gadgets")])
    catalog.record_all([entry("lamp", 2), entry("sofa", 1)])
    catalog.record_all([])
    assert [(one.asset, one.sequence) for one in catalog.listing("furniture")] == [
        ("chair", 5), ("lamp", 2), ("sofa", 2)
    ]  # fmt: skip
    assert [move.sequence for move in catalog.moves("furniture", "lamp")] == [2, 1]
    assert catalog.categories() == ["furniture", "gadgets"]


def test_moves_are_told_newest_first(catalog: Catalog) -> None:
    """Across ten and a hundred, where texts and numbers sort differently; another asset's are not among them."""
    catalog.record(entry("chair-2", 5))
    for n in (9, 10, 99, 100):
        catalog.record(entry(sequence=n, status="rolled_back" if n == 10 else "live"))
    moves = catalog.moves("furniture", "chair")
    assert [(move.sequence, move.status) for move in moves] == [
        (100, "live"), (99, "live"), (10, "rolled_back"), (9, "live")
    ]  # fmt: skip
    assert moves[0].revision == entry(sequence=100).revision


def test_a_listing_is_a_category_by_name(catalog: Catalog) -> None:
    """All of it, at once after the record, and nothing of a category whose name begins the same."""
    for name in ("zebra", "a", "m-2", "m"):
        catalog.record(entry(name))
    catalog.record(entry("x", category="furniture-2"))
    assert [one.asset for one in catalog.listing("furniture")] == ["a", "m", "m-2", "zebra"]
    assert list(catalog.listing("gadgets")) == []
    assert catalog.categories() == ["furniture", "furniture-2"]


def pages(catalog: Catalog, status: Status | None, limit: int) -> list[Page]:
    found = [catalog.query("furniture", status=status, limit=limit)]
    while found[-1].after:
        found.append(catalog.query("furniture", status=status, limit=limit, after=found[-1].after))
    return found


def test_queries_are_newest_first_and_every_entry_is_on_one_page(catalog: Catalog) -> None:
    """Of all or of one status, with ties in time; pages are full but for the last."""
    given = [
        replace(entry(f"a{n:02}", n + 1, status="rolled_back" if n % 3 == 0 else "live"), updated=float(1000 + n // 2))
        for n in range(13)
    ]
    for one in random.Random(5).sample(given, len(given)):
        catalog.record(one)
    catalog.record(entry("other", category="gadgets"))
    expected = sorted(given, key=lambda one: (one.updated, one.asset), reverse=True)
    statuses: list[Status | None] = [None, "live", "rolled_back"]
    for status in statuses:
        found = pages(catalog, status, 4)
        assert [one for page in found for one in page.entries] == [
            one for one in expected if status in (None, one.status)
        ]
        assert all(len(page.entries) == 4 for page in found[:-1])


def test_a_change_of_status_moves_an_entry_from_one_query_to_the_other(catalog: Catalog) -> None:
    """It is never in both."""
    catalog.record(entry())
    catalog.record(entry(sequence=2, status="rolled_back"))
    assert catalog.query("furniture", status="live").entries == ()
    assert catalog.query("furniture", status="rolled_back").entries == (entry(sequence=2, status="rolled_back"),)


def test_a_place_in_a_list_that_was_never_given_is_refused(catalog: Catalog) -> None:
    """As a fault of whoever typed it."""
    with pytest.raises(UsageError, match="no place in a list"):
        catalog.query("furniture", after="%%%")


def test_what_was_announced_outlives_the_entry_and_never_goes_back(catalog: Catalog) -> None:
    """So that whoever dies between publish and invalidation is found out, and nobody tells caches twice."""
    catalog.announce("furniture", "chair", 9)
    assert catalog.get("furniture", "chair") is None
    catalog.record(entry(sequence=1))
    catalog.announce("furniture", "chair", 1)
    catalog.record(entry(sequence=2))
    told = catalog.get("furniture", "chair")
    assert told
    assert (told.sequence, told.announced) == (2, 1)
    catalog.announce("furniture", "chair", 2)
    catalog.announce("furniture", "chair", 1)
    assert catalog.get("furniture", "chair").announced == 2  # type: ignore[union-attr]


def test_a_forgotten_asset_is_gone_and_can_come_back_with_a_lower_count(catalog: Catalog) -> None:
    """Its moves go too; its neighbours stay; a category without assets is none."""
    for one in (entry(sequence=8), entry("chair-2"), entry("lamp", category="lights")):
        catalog.record(one)
    catalog.forget("furniture", "chair")
    catalog.forget("lights", "lamp")
    assert catalog.get("furniture", "chair") is None
    assert [catalog.moves("furniture", "chair"), catalog.categories()] == [[], ["furniture"]]
    assert [one.asset for one in catalog.query("furniture").entries] == ["chair-2"]
    assert catalog.record(entry(sequence=2))
    assert [move.sequence for move in catalog.moves("furniture", "chair")] == [2]


# Not on moto: a transaction that fails there puts back a copy of all tables, with other writers' work undone.
@pytest.mark.parametrize("catalog", ["memory", "sqlite", "ministack"], indirect=True)
def test_of_many_writers_at_once_the_last_move_wins_and_none_is_lost(catalog: Catalog) -> None:
    """Eight threads record the moves of four assets in different orders; each asset ends at its last."""
    work = [entry(f"a{n}", sequence) for n in range(4) for sequence in range(1, 9)]

    def publish(seed: int) -> None:
        for one in random.Random(seed).sample(work, len(work))[: len(work) // 2]:
            catalog.record(one)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(8)))
        list(pool.map(catalog.record, [entry(f"a{n}", 9) for n in range(4)]))
    assert [one.sequence for one in catalog.listing("furniture")] == [9, 9, 9, 9]
    for n in range(4):
        seen = [move.sequence for move in catalog.moves("furniture", f"a{n}")]
        assert seen == sorted(set(seen), reverse=True)


def test_a_rehearsal_writes_into_a_copy(catalog: Catalog) -> None:
    """It knows what the catalog knows, and the catalog stays as it is."""
    catalog.record(entry())
    catalog.announce("furniture", "chair", 1)
    copy = RehearsedCatalog(catalog)
    assert not copy.record(entry())
    assert copy.record(entry(sequence=2))
    assert copy.get("furniture", "chair").announced == 1  # type: ignore[union-attr]
    assert catalog.get("furniture", "chair") == entry()


def test_many_announcements_are_each_as_one(catalog: Catalog) -> None:
    """Lower ones, and those of assets that are not there, change nothing and stop no other."""
    for asset in ("chair", "table"):
        catalog.record(entry(asset, sequence=3))
    catalog.announce("furniture", "table", 3)
    catalog.announce_all([("furniture", "nothing", 9), ("furniture", "table", 2), ("furniture", "chair", 3)])
    assert [(one.asset, one.announced) for one in catalog.listing("furniture")] == [("chair", 3), ("table", 3)]
    catalog.announce_all([])


def test_many_entries_come_through_whole(catalog: Catalog) -> None:
    """More than one answer of the service holds; files of a long name among them."""
    count = 12 if isinstance(catalog, DynamoCatalog) else 120
    long = File("x" * 80, "k" * 100_000, "0" * 64)
    for n in range(count):
        catalog.record(replace(entry(f"a{n:04}"), files=(long,)))
    assert [one.asset for one in catalog.listing("furniture")] == [f"a{n:04}" for n in range(count)]
    assert sum(len(page.entries) for page in pages(catalog, None, 1_000)) == count


def test_a_table_that_is_not_there_is_named(moto: Server) -> None:  # noqa: F811
    """With what makes it."""
    with pytest.raises(MissingFile, match="nowhere") as caught:
        DynamoCatalog(moto.client("dynamodb"), "nowhere").record(entry())
    assert caught.value.code == "E_CATALOG_MISSING"
