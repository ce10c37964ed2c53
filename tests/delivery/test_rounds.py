"""Many publishers of one category: a few indexes and a few invalidations for all of them, and nothing forgotten."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from assetpipe.bundle import Bundle
from assetpipe.config import Publish
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.keys import index_key
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.release import json_item
from assetpipe.delivery.rounds import FOLDER, Rounds
from assetpipe.delivery.store import Item, Store
from assetpipe.delivery.verify import verify
from assetpipe.publishing import Run
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.servers import Server
from tests.delivery.test_cloudfront import distribution, invalidations
from tests.delivery.worlds import in_child, no_sync, world  # noqa: F401  fixtures

INDEX = index_key("furniture")
pytestmark = pytest.mark.usefixtures("no_sync")


class Counted(MemoryStore):
    """Notes what is written where."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[str] = Counter()

    def replace(self, item: Item, expected: str | None) -> str:
        version = super().replace(item, expected)
        self.written[item.key] += 1
        return version


@dataclass(frozen=True)
class Shop:
    """What MiniStack's CloudFront was told."""

    url: str
    settings: Publish

    def told(self) -> list[tuple[str, ...]]:
        """Paths of each invalidation, by name."""
        found = [
            one["InvalidationBatch"]["Paths"]["Items"] for one in invalidations(self.url, self.settings.distribution)
        ]
        return sorted(tuple(path.rpartition("/")[2] for path in paths) for paths in found)


@pytest.fixture
def shop(ministack: Server, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", ministack.url)
    name = distribution(ministack.url, f"rounds-{time.monotonic_ns()}")
    return Shop(ministack.url, SETTINGS.model_copy(update={"index_entries": 500, "distribution": name}))


def work(run: Run, bundles: Sequence[Bundle], every: float) -> None:
    """As a worker of a batch does."""
    run.rounds = Rounds(run.store, every)
    for each in bundles:
        run.publish(each)
        run.share()
    run.share(time.sleep)


def indexed(store: Store) -> set[str]:
    found = store.read(INDEX)
    return {asset["asset"] for asset in json.loads(found.body)["assets"]} if found else set()


def test_a_hundred_assets_of_four_workers_cost_a_few_indexes_and_invalidations(tmp_path: Path, shop: Shop) -> None:
    """Rounds begin `every` second at most, however many publish; at the end all is indexed and everybody was told of
    each move once."""
    store, catalog, every = Counted(), MemoryCatalog(), 1.0
    bundles = [bundle(tmp_path, f"chair-{n:03}") for n in range(100)]
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, Run(store, catalog, shop.settings), bundles[at::4], every) for at in range(4)]:
            done.result()
    most = 2 + int((time.monotonic() - started) / every)
    assert store.written[INDEX] <= most
    told = shop.told()
    assert 1 <= len(told) <= most
    assert sum(len(paths) - 1 for paths in told) in range(1, 101), "each pointer once, or a wildcard for many"
    assert indexed(store) == {one.manifest.asset for one in bundles}
    assert all(entry.announced == entry.sequence for entry in catalog.listing("furniture"))
    assert list(Rounds(store, every).unfinished()) == []
    before = store.written[INDEX], len(shop.told())
    work(Run(store, catalog, shop.settings), bundles, 0.0)
    assert (store.written[INDEX], len(shop.told())) == before, "a night that changes nothing writes and tells nothing"


def test_one_publisher_alone_writes_the_first_index_at_once_and_the_rest_together(tmp_path: Path, shop: Shop) -> None:
    """`ingest` of twenty sources: the category shows the first at once, all at the end, by two writings."""
    store = Counted()
    run = Run(store, MemoryCatalog(), shop.settings)
    for n in range(20):
        run.publish(bundle(tmp_path, f"chair-{n:03}"))
        assert len(indexed(store)) == 1
    run.tell()
    assert len(indexed(store)) == 20
    assert store.written[INDEX] == 2
    assert [len(paths) for paths in shop.told()] == [21]


@pytest.mark.parametrize("last", ["publish", "join", "index"])
def test_what_a_killed_publisher_left_reaches_the_index_with_the_next_one(
    tmp_path: Path, shop: Shop, last: str
) -> None:
    """kill -9 after the publish, with the round open, and after the index: whoever publishes another asset of the
    category next mends it all, and tells caches of both."""

    def die_after(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def victim() -> None:
        run = Run(*world(tmp_path), shop.settings)
        run.rounds = Rounds(run.store, 60.0)
        if last == "join":
            Rounds(run.store, 60.0).join("furniture")  # a round has just been: the next one waits
        if last == "index":
            run.tell = die_after  # type: ignore[method-assign]
        run.publish(bundle(tmp_path, "chair"))
        if last != "publish":
            run.share(die_after)
        die_after()

    assert in_child(victim) == -signal.SIGKILL
    store, catalog = world(tmp_path)
    assert indexed(store) == ({"chair"} if last == "index" else set())

    much_later = Rounds(store, 60.0, clock=lambda: time.time() + 1_000)
    if last != "publish":
        assert list(much_later.unfinished()) == ["furniture"]
    run = Run(store, catalog, shop.settings)
    run.rounds = much_later
    run.publish(bundle(tmp_path, "table"))
    run.share(time.sleep)
    assert indexed(store) == {"chair", "table"}
    assert verify(store, catalog, shop.settings).faults == ()
    assert shop.told() == [("chair.json", "index.json", "table.json")]
    assert list(much_later.unfinished()) == []


def test_an_open_round_takes_along_whoever_comes_before_it_closes() -> None:
    """While one waits others leave; once it has closed they have to see to themselves, after the pause."""
    store = MemoryStore()
    first, other = Rounds(store, 600.0), Rounds(store, 600.0)
    assert first.join("furniture") == "ours"
    answers = []

    def waiting(_seconds: float) -> None:
        answers.append(other.join("furniture", time.sleep))

    assert first.join("furniture") == "later"
    assert first.join("furniture", waiting) == "ours"
    assert answers == ["theirs"]
    assert other.join("furniture") == "later"
    assert other.join("lamps") == "ours", "each category has rounds of its own"


def test_a_round_of_a_dead_publisher_and_a_note_that_is_garbage_hold_nobody_up() -> None:
    """Nor does a clock that is a day behind the store's."""
    store = MemoryStore()
    dead = Rounds(store, 60.0)
    dead.join("furniture")
    with pytest.raises(KeyboardInterrupt):
        dead.join("furniture", _interrupt)
    assert Rounds(store, 60.0).join("furniture") == "theirs"
    assert Rounds(store, 60.0, clock=lambda: time.time() + 400).join("furniture") == "ours"
    assert Rounds(store, 60.0, clock=lambda: time.time() - 86_400).join("furniture") == "ours"
    body = b"{not json"
    stat = store.stat(f"{FOLDER}furniture.json")
    assert stat
    store.replace(json_item(f"{FOLDER}furniture.json", body, "no-store", {}), stat.version)
    assert Rounds(store, 60.0).join("furniture") == "ours"


def _interrupt(_seconds: float) -> None:
    raise KeyboardInterrupt


def test_an_index_that_is_mended_twice_is_two_invalidations(tmp_path: Path, shop: Shop) -> None:
    """The pointer had been told of; CloudFront takes one reference for one invalidation, and would forget nothing the
    second time."""
    store, catalog = MemoryStore(), MemoryCatalog()
    given = bundle(tmp_path)
    for _ in range(3):
        run = Run(store, catalog, shop.settings)
        run.publish(given)
        run.tell()
        stat = store.stat(INDEX)
        assert stat
        store.delete(INDEX, stat.version)
    assert shop.told() == [("chair.json", "index.json"), ("index.json",), ("index.json",)]
