"""Publishers and gc at the same time: what a publish names is never taken, whoever is first."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from assetpipe.bundle import Bundle
from assetpipe.delivery import doomed, sending
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.doomed import Doomed, read_doomed, write_doomed
from assetpipe.delivery.garbage import gc
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.rollback import rollback
from assetpipe.delivery.store import Store
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.fsck import findings
from tests.delivery.test_gc import found_by_reader, later, objects
from tests.delivery.turns import Interleaved, Turns
from tests.delivery.worlds import catalogued, rounds

CHAIR = Keys("furniture", "chair")
SEQUENTIAL = SETTINGS.model_copy(update={"threads": 1})


def raced(seed: int, bundles: dict[str, Bundle]) -> list[str]:
    """Of the revisions one, two (marked, and ripe) and three (current), one is published again, or rolled back to, or a
    fourth that shares a ripe payload is new, while one or two gcs delete. What the reader finds then."""
    store, catalog = MemoryStore(), MemoryCatalog()
    for name in ("one", "two", "three"):
        revision = publish_bundle(bundles[name], store, catalog, SEQUENTIAL).revision
    gc(store, catalog, 30)
    draw = random.Random(seed)
    clock = later(31)
    work: list[tuple[str, Callable[[Store], object]]] = [
        ("gc", lambda store: gc(store, catalog, 30, now=clock, threads=1))
    ]
    if draw.random() < 0.3:
        work.append(("gc 2", lambda store: gc(store, catalog, 30, now=clock, threads=1)))
    again = draw.choice(["one", "two", "four"])
    work.append(("publish", lambda store: publish_bundle(bundles[again], store, catalog, SEQUENTIAL)))
    if draw.random() < 0.3:
        work.append(("back", lambda store: rollback(store, catalog, CHAIR, SEQUENTIAL, revision=revision)))
    turns = Turns(seed, [name for name, _ in work])
    faults = turns.race({name: partial(task, Interleaved(store, turns)) for name, task in work})
    return [*faults, *findings(objects(store), catalogued(catalog))]


@pytest.fixture
def contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Bundle]:
    """`four` has the `high` of `one`, and a poster of its own."""
    monkeypatch.setattr(doomed, "POLL", 0.0)
    made = {name: bundle(tmp_path, content=name) for name in ("one", "two", "three")}
    four = bundle(tmp_path, content="four")
    levels = [
        a if a.name != "high" else b for a, b in zip(four.manifest.levels, made["one"].manifest.levels, strict=True)
    ]
    (four.folder / "high.glb").write_bytes((made["one"].folder / "high.glb").read_bytes())
    manifest = four.manifest.model_copy(update={"levels": tuple(levels)})
    return made | {"four": Bundle(four.folder, manifest)}


def test_gc_never_takes_what_a_publish_at_the_same_time_names(contents: dict[str, Bundle]) -> None:
    """In each of many interleavings, drawn call by call: nothing that is named is missing, and nobody fails."""
    for seed in range(rounds(40, 5_000)):
        assert raced(seed, contents) == [], f"seed {seed}"


def test_a_publisher_that_claims_nothing_is_caught_by_the_same_races(
    contents: dict[str, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without its claim, objects that are named do go."""
    monkeypatch.setattr(sending, "claim", lambda *_: None)
    assert sum(bool(raced(seed, contents)) for seed in range(30)) >= 3


def test_a_publisher_waits_while_what_it_needs_is_being_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes on when the gc is done; of a gc that died it takes over when that one can't delete any more."""
    monkeypatch.setattr(doomed, "TAKE_OVER", 0.3)
    monkeypatch.setattr(doomed, "POLL", 0.01)
    store, catalog = MemoryStore(), MemoryCatalog()
    for content in ("one", "two"):
        publish_bundle(bundle(tmp_path, content=content), store, catalog, SETTINGS)
    marked = dict.fromkeys(gc(store, catalog, 0).marked, 0.0)
    version = read_doomed(store, CHAIR).version
    write_doomed(store, CHAIR, Doomed(marked, frozenset(marked), "a gc that died", version=version))
    began = time.monotonic()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    assert time.monotonic() - began >= 0.3
    assert read_doomed(store, CHAIR).condemned == frozenset()
    assert found_by_reader(store, catalog) == []
