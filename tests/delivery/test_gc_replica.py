"""gc in two regions: what goes in the first goes in the other, after it, and never what either shows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from assetpipe.bundle import Bundle
from assetpipe.config import load_config
from assetpipe.delivery import replica
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.doomed import GRACE, read_doomed, write_doomed
from assetpipe.delivery.garbage import Collected, gc
from assetpipe.delivery.garbage_replica import Pair, gc_replica
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.release import json_item
from assetpipe.delivery.replica import Replica
from assetpipe.delivery.store import Store
from tests.commands import run
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.fsck import findings
from tests.delivery.servers import Server
from tests.delivery.test_gc import CHAIR, SEQUENTIAL, kept, later, objects
from tests.delivery.test_gc_races import contents  # noqa: F401  a fixture
from tests.delivery.turns import Interleaved, Turns
from tests.delivery.typed import lines
from tests.delivery.worlds import rounds


@dataclass
class Two:
    """A store, one that follows it, and their catalog."""

    first: Store
    other: Store
    catalog: MemoryCatalog

    def publish(self, given: Bundle) -> str:
        return publish_bundle(given, self.first, self.catalog, SEQUENTIAL).revision

    def follow(self) -> None:
        Replica(self.first, self.other, 1).follow("furniture")

    def gc(self, days: float = 0, *, at: float = 0.0, dry_run: bool = False) -> tuple[Collected, Collected]:
        """`at` in seconds from now."""
        clock = later(at / 86_400)
        done = gc(self.first, self.catalog, days, now=clock, dry_run=dry_run, threads=1)
        pair = Pair(self.first, self.other, self.catalog)
        return done, gc_replica(pair, days, done, now=clock, dry_run=dry_run, threads=1)

    def gc_other(self) -> Collected:
        pair = Pair(self.first, self.other, self.catalog)
        return gc_replica(pair, 0, Collected(), threads=1)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """`one`, then `two` of the chair in both, which share their preview."""
    made = Two(MemoryStore("memory:first"), MemoryStore("memory:other"), MemoryCatalog())
    for content in ("one", "two"):
        made.publish(bundle(tmp_path, content=content))
        made.follow()
    return made


def test_what_goes_in_the_first_goes_in_the_other_in_the_same_run(two: Two) -> None:
    """First marked in both, and later gone from both; a rehearsal has named the same in both and changed nothing."""
    marked = two.gc(30)
    assert len(marked[0].marked) == 4
    assert marked[1].marked == marked[0].marked
    before = objects(two.first), objects(two.other)
    rehearsed = two.gc(30, at=31 * 86_400, dry_run=True)
    assert (objects(two.first), objects(two.other)) == before
    done = two.gc(30, at=31 * 86_400)
    assert done[0].deleted == done[1].deleted == rehearsed[0].deleted == rehearsed[1].deleted == marked[0].marked
    assert kept(two.other) == kept(two.first)
    assert done[1].deleted_bytes == done[0].deleted_bytes > 0
    assert two.gc(30, at=99 * 86_400)[1] == Collected()


def test_what_the_first_still_has_stays_in_the_other(two: Two) -> None:
    """Its days are the first's: marks that would be ripe there wait for the first to delete."""
    two.gc(0)
    first, other = two.gc(30, at=10 * 86_400)
    assert (first.deleted, other.deleted) == ((), ())
    assert len(other.marked) == 4


def test_what_the_other_still_shows_stays_until_it_has_caught_up(two: Two, tmp_path: Path) -> None:
    """A region that was down for a month shows an old revision; nothing of that goes before it shows the new one."""
    two.publish(bundle(tmp_path, content="three"))
    two.gc(0)
    first, other = two.gc(0, at=2 * GRACE)
    assert len(first.deleted) == 8
    assert not {key for key in other.deleted if key in kept(two.first)}
    assert findings(objects(two.other), {}) == []
    shown = kept(two.other)
    two.gc(0, at=4 * GRACE)
    assert kept(two.other) == shown
    two.follow()
    two.gc(0, at=6 * GRACE)
    two.gc(0, at=8 * GRACE)
    assert kept(two.other) == kept(two.first)
    assert findings(objects(two.other), {}) == []


def test_a_gc_that_died_between_the_two_is_made_good_by_the_next(two: Two) -> None:
    """The first has deleted, the other not yet."""
    two.gc(0)
    gc(two.first, two.catalog, 0, now=later(1))
    assert len(kept(two.other)) == len(kept(two.first)) + 4
    assert two.gc(0, at=86_400)[0].deleted == ()
    assert kept(two.other) == kept(two.first)


def test_what_was_never_the_first_s_is_left_alone(two: Two, tmp_path: Path) -> None:
    """Another shop's assets in the other bucket, old revisions too, are not ours to delete: said, and left."""
    theirs = MemoryCatalog()
    for content in ("one", "two"):
        publish_bundle(bundle(tmp_path, "lamp", category="office", content=content), two.other, theirs, SETTINGS)
    before = {key for key in kept(two.other) if key.startswith("office/")}
    two.gc(0)
    _, other = two.gc(0, at=2 * GRACE)
    assert before <= kept(two.other)
    assert ["memory:first has nothing of it" in fault for fault in other.left_alone] == [True]


def test_a_pointer_or_an_index_that_cannot_be_read_keeps_everything_of_it(two: Two) -> None:
    """In either store."""
    two.gc(0)
    for store, key in ((two.other, CHAIR.pointer), (two.other, "furniture/manifest/index.json")):
        stat, before = store.stat(key), store.read(key)
        assert stat
        assert before
        broken = before.body[:-20]

        version = store.replace(json_item(key, broken, "", {}), stat.version)
        first, other = two.gc(0, at=2 * GRACE, dry_run=True)
        assert len(first.deleted) == 4
        assert (other.deleted, len(other.left_alone)) == ((), 1)
        store.replace(json_item(key, before.body, "", {}), version)


def raced(seed: int, bundles: dict[str, Bundle]) -> list[str]:
    """`one` and `two` are gone from the first and ripe in the other; while one or two gcs delete there, one of them is
    published again, or rolled back to, and followed. What a reader of either finds then."""
    draw = random.Random(seed)
    two = Two(MemoryStore("memory:first"), MemoryStore("memory:other"), MemoryCatalog())
    for name in ("one", "two", "three"):
        two.publish(bundles[name])
        two.follow()
    two.gc(0, at=-86_400)
    gc(two.first, two.catalog, 0)
    turns_of: list[tuple[str, Callable[[Two], object]]] = [("gc", Two.gc_other)]
    if draw.random() < 0.3:
        turns_of.append(("gc 2", Two.gc_other))
    again = draw.choice(["one", "two", "four"])
    wait = draw.randrange(1, 20)  # so that it comes anywhere in the gc, not at its beginning

    def publish(mine: Two) -> None:
        for _ in range(wait):
            turns.take()
        mine.publish(bundles[again])
        mine.follow()

    turns_of.append(("publish", publish))
    if draw.random() < 0.3:
        turns_of.append(("follow", Two.follow))
    turns = Turns(seed, [name for name, _ in turns_of])

    def on_turn(name: str) -> Two:
        # A publish in the first is one step here (test_gc has that race): what is drawn is the copying.
        first = Interleaved(two.first, turns) if name.startswith("gc") else two.first
        return Two(first, Interleaved(two.other, turns), two.catalog)

    faults = turns.race({name: partial(task, on_turn(name)) for name, task in turns_of})
    return [*faults, *findings(objects(two.first), {}), *findings(objects(two.other), {})]


def test_gc_in_the_other_never_takes_what_is_being_copied(contents: dict[str, Bundle]) -> None:  # noqa: F811
    """In each of many interleavings, drawn call by call: nothing that either shows is missing, and nobody fails."""
    for seed in range(rounds(40, 1_500)):
        assert raced(seed, contents) == [], f"seed {seed}"


def test_a_follower_that_claims_nothing_is_caught_by_the_same_races(
    contents: dict[str, Bundle],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control."""
    monkeypatch.setattr(replica, "claim", lambda *_: None)
    assert sum(bool(raced(seed, contents)) for seed in range(30)) >= 2


def test_the_command_clears_both_and_says_what_goes_where(
    tmp_path: Path, ministack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two buckets: a rehearsal names both; uploads that broke off end in both, those beside the store do not; where the
    second cannot be cleared the command fails, and the first is cleared all the same."""
    buckets, client = [ministack.bucket() for _ in range(2)], ministack.client()
    first, other = (f"s3://{bucket}/eu" for bucket in buckets)
    config = tmp_path / "shop.toml"
    config.write_text(
        f'[publish]\nendpoint_url = "{ministack.url}"\ncatalog = "sqlite:{tmp_path}/c.sqlite"\nreplica = "{other}"\n'
    )
    for content in ("one", "two"):
        assert run("publish", bundle(tmp_path, content=content).folder, "--to", first, "--config", config).code == 0
    for bucket in buckets:
        for key in ("eu/furniture/high/chair.0000000000000000.glb", "us/furniture/high/chair.0000000000000000.glb"):
            client.create_multipart_upload(Bucket=bucket, Key=key)
    clear = ["catalog", "gc", "--store", first, "--days", 0, "--config", config]
    (marked,) = lines(run(*clear, "--json"))
    assert len(marked["marked"]) == len(marked["replica"]["marked"]) == 4
    for url in (first, other):
        store = open_store(url, load_config(config).publish)
        noted = read_doomed(store, CHAIR)
        write_doomed(store, CHAIR, replace(noted, marked=dict.fromkeys(noted.marked, 0.0)))  # long ago
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 2 * 86_400)
    rehearsed = run(*clear, "--dry-run").out
    assert [line for line in rehearsed.splitlines() if line.startswith("in ")] == [f"in {first}:", f"in {other}:"]
    assert (rehearsed.count("would go"), rehearsed.count("1 leftovers")) == (8, 2)
    (done,) = lines(run(*clear, "--json"))
    assert done["deleted"] == done["replica"]["deleted"] == marked["marked"]
    assert (done["replica"]["store"], done["replica"]["fault"]) == (other, "")
    for bucket in buckets:
        left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        assert [upload["Key"] for upload in left] == ["us/furniture/high/chair.0000000000000000.glb"]
    config.write_text(config.read_text().replace(other, "s3://nobody-has-made-it"))
    down = run(*clear, "--json")
    assert (down.code, "no such bucket" in down.err) == (66, True)
    assert "no such bucket" in lines(down)[0]["replica"]["fault"]
