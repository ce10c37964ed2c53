"""What a publish leaves in a store, what it sends, and what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import posixpath
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from assetpipe.bundle import Bundle, read_bundle
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.dry_run import DryRunStore
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.keys import BRIEF, IMMUTABLE, Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import Published, announce, publish_bundle, publish_bundles
from assetpipe.delivery.rehearsal import RehearsedCatalog
from assetpipe.delivery.rollback import revisions
from assetpipe.delivery.store import Item, Moved
from assetpipe.errors import AssetpipeError, SourceError, TryAgain
from assetpipe.log import Event
from assetpipe.manifest import NAME, Manifest, parse_manifest
from tests.delivery.bundles import LEVELS, SETTINGS, bundle, digest
from tests.delivery.faults import FaultyStore
from tests.delivery.fsck import disagreements, findings
from tests.delivery.worlds import catalogued, no_sync, rounds, settled, world  # noqa: F401  a fixture

CHAIR = Keys("furniture", "chair")
WRITES = ("put", "replace", "delete", "sweep")


class Recording(MemoryStore):
    """Keeps what was written, as it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, Item] = {}

    def put(self, item: Item) -> bool:
        self.items[item.key] = item
        return super().put(item)

    def replace(self, item: Item, expected: str | None) -> str:
        self.items[item.key] = item
        return super().replace(item, expected)


def objects(store: MemoryStore) -> dict[str, bytes]:
    return {stat.key: found.body for stat in store.list("") if (found := store.read(stat.key))}


def pointer(store: MemoryStore, keys: Keys = CHAIR) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(objects(store)[keys.pointer])
    return whole


def agree(store: MemoryStore, catalog: MemoryCatalog) -> bool:
    said = catalogued(catalog)
    return not findings(objects(store), said) + disagreements(objects(store), said)


def test_a_viewer_finds_every_level_from_the_pointer(tmp_path: Path) -> None:
    """By the addresses in it, relative to its own; the bytes are the bundle's, and it's still a manifest."""
    store, catalog, given = MemoryStore(), MemoryCatalog(), bundle(tmp_path)
    published = publish_bundle(given, store, catalog, SETTINGS)
    manifest = parse_manifest(objects(store)[CHAIR.pointer], "pointer")
    for level, recorded in zip(manifest.levels, given.manifest.levels, strict=True):
        key = posixpath.normpath(posixpath.join("furniture/manifest", level.uri))
        assert key == f"furniture/{level.name}/chair.{recorded.sha256[:16]}.glb"
        assert objects(store)[key] == (given.folder / recorded.uri).read_bytes()
    assert (published.changed, published.sequence, published.sent) == (True, 1, 7)
    assert published.sent_bytes == sum(map(len, objects(store).values()))
    assert agree(store, catalog)


def test_what_is_written_once_is_cached_for_ever_and_what_moves_is_not(tmp_path: Path) -> None:
    """With types, tags for the bill, and metadata that says whose it is."""
    store = Recording()
    publish_bundle(bundle(tmp_path), store, MemoryCatalog(), SETTINGS)
    for key, item in store.items.items():
        moves = "/manifest/" in key
        assert item.cache_control == (BRIEF if moves else IMMUTABLE)
        assert (
            item.content_type == {"glb": "model/gltf-binary", "ebp": "image/webp", "son": "application/json"}[key[-3:]]
        )
        assert item.tags == {"category": "furniture", "level": key.split("/")[1]}
        assert item.metadata["asset"] == ("index" if "index" in key else "chair")
        assert ("pointers:furniture" in item.metadata.get("cache-tag", "")) == moves
        assert len(item.metadata["revision"]) == 16


def test_publishing_what_is_there_sends_nothing(tmp_path: Path) -> None:
    """No body, no write of any kind, nothing to invalidate once it was announced."""
    store, catalog = FaultyStore(MemoryStore(), []), MemoryCatalog()
    first = publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    announce(catalog, [first])
    before = len(store.log)
    again = publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    assert [call for call in store.log[before:] if call.startswith(("replace", *WRITES[2:]))] == []
    assert replace(again, changed=True) == replace(first, sent=0, sent_bytes=0, mutable_keys=())
    assert (again.changed, again.mark) == (False, first.mark)


def test_what_is_the_same_in_two_revisions_is_sent_once(tmp_path: Path) -> None:
    """A new revision sends only the levels that differ, its history, pointer and index."""
    store, catalog = MemoryStore(), MemoryCatalog()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    second = publish_bundle(bundle(tmp_path, content="two"), store, catalog, SETTINGS)
    assert second.sent == len(LEVELS) - 1 + 1 + 3
    assert agree(store, catalog)


def test_a_publish_that_died_before_it_told_the_caches_is_found_out(tmp_path: Path) -> None:
    """The rerun moves nothing, and names the same keys under the same mark, until somebody has announced them (P24)."""
    store, catalog = MemoryStore(), MemoryCatalog()
    first = publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    again = publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    assert first.mutable_keys == again.mutable_keys == (CHAIR.pointer, "furniture/manifest/index.json")
    assert (again.changed, again.mark) == (False, first.mark)
    announce(catalog, [again])
    assert publish_bundle(bundle(tmp_path), store, catalog, SETTINGS).mutable_keys == ()


def test_only_keys_that_move_are_named_to_caches(tmp_path: Path) -> None:
    """The pointer and pages of the index, and of those, once announced, the ones that changed."""
    store, catalog = MemoryStore(), MemoryCatalog()
    for n in range(7):
        announce(catalog, [publish_bundle(bundle(tmp_path, f"a{n}"), store, catalog, SETTINGS)])
    changed = publish_bundle(bundle(tmp_path, "a0", content="two"), store, catalog, SETTINGS)
    assert set(changed.mutable_keys) <= {
        "furniture/manifest/a0.json", *(f"furniture/manifest/index{n}.json" for n in ("", "-1", "-2"))
    }  # fmt: skip
    assert Keys("furniture", "a0").pointer in changed.mutable_keys


def test_the_pointer_tells_what_came_before(tmp_path: Path) -> None:
    """Newest first, each once; an old bundle published again is current again, and counted as a move."""
    store, catalog = MemoryStore(), MemoryCatalog()
    names = {x: publish_bundle(bundle(tmp_path, content=x), store, catalog, SETTINGS).revision for x in "abc"}
    assert pointer(store)["publication"] == {
        "revision": names["c"], "sequence": 3, "status": "live", "earlier": [names["b"], names["a"]]
    }  # fmt: skip
    events: list[Event] = []
    publish_bundle(bundle(tmp_path, content="a"), store, catalog, SETTINGS, report=events.append)
    assert pointer(store)["publication"] == {
        "revision": names["a"], "sequence": 4, "status": "live", "earlier": [names["c"], names["b"]]
    }  # fmt: skip
    assert [event.message for event in events if event.kind == "warning"] == [
        "this revision was published before, and is current again"
    ]
    assert sorted(revisions(store, CHAIR)) == sorted(names.values())
    assert agree(store, catalog)


def test_a_revision_is_its_content(tmp_path: Path) -> None:
    """Published elsewhere it is the same; its history document hashes to it, with no clock or place in it."""
    one, two = MemoryStore(), MemoryStore()
    revision = publish_bundle(bundle(tmp_path / "x"), one, MemoryCatalog(), SETTINGS).revision
    publish_bundle(bundle(tmp_path / "y"), two, MemoryCatalog(), SETTINGS)
    assert objects(one) == objects(two)
    assert digest(objects(one)[CHAIR.history(revision)])[:16] == revision


def test_a_damaged_bundle_is_not_published(tmp_path: Path) -> None:
    """One flipped bit: refused by name before anything is sent."""
    given, store = bundle(tmp_path), MemoryStore()
    (given.folder / "high.glb").write_bytes((given.folder / "high.glb").read_bytes()[:-1] + b"?")
    with pytest.raises(SourceError, match=r"high\.glb: its bytes are not those") as caught:
        publish_bundle(given, store, MemoryCatalog(), SETTINGS)
    assert caught.value.code == "E_BUNDLE_DAMAGED"
    assert objects(store) == {}


def test_a_file_that_changes_after_the_check_is_not_published(tmp_path: Path) -> None:
    """Its bytes are hashed again as they are sent; no pointer is made."""
    given, store = bundle(tmp_path), MemoryStore()

    def spoil(event: Event) -> None:
        if event.message == "sending high":
            (given.folder / "high.glb").write_bytes(b"another")

    with pytest.raises(SourceError) as caught:
        publish_bundle(given, store, MemoryCatalog(), SETTINGS, report=spoil)
    assert caught.value.code == "E_STORE_BODY"
    assert store.stat(CHAIR.pointer) is None


UNFIT: Mapping[str, dict[str, Any]] = {
    "asset leaves its folder": {"asset": "../../etc"},
    "asset is the index": {"asset": "index"},
    "asset is a page of it": {"asset": "index-12"},
    "category is a path": {"category": "a/b"},
    "level is a folder of the layout": {"name": "history"},
    "level is upper case": {"name": "High"},
    "two levels of one name": {"name": "preview"},
    "uri leaves the bundle": {"uri": "../other/high.glb"},
    "uri is absolute": {"uri": "/etc/passwd"},
    "uri is the folder": {"uri": ".."},
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT.keys())
def test_names_that_would_lead_elsewhere_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """A manifest is a file that anybody may have written; its names become keys and paths."""
    given = bundle(tmp_path)
    document = json.loads((given.folder / NAME).read_bytes())
    (document if "asset" in change or "category" in change else document["levels"][2]).update(change)
    store = MemoryStore()
    with pytest.raises(SourceError) as caught:
        publish_bundle(Bundle(given.folder, Manifest.model_validate(document)), store, MemoryCatalog(), SETTINGS)
    assert caught.value.code == "E_PUBLISH_NAME"
    assert objects(store) == {}


def test_a_broken_pointer_is_cured_by_publishing(tmp_path: Path) -> None:
    """What was current before is known from the catalog, and the count goes on from there."""
    store, catalog = MemoryStore(), MemoryCatalog()
    first = publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    stat = store.stat(CHAIR.pointer)
    assert stat
    junk = b'{"asset": "chair"}'
    store.replace(Item(CHAIR.pointer, junk, digest(junk), "application/json", BRIEF), stat.version)
    events: list[Event] = []
    second = publish_bundle(bundle(tmp_path, content="two"), store, catalog, SETTINGS, report=events.append)
    assert any("no pointer of assetpipe" in event.message for event in events)
    assert second.sequence == 2
    assert pointer(store)["publication"]["earlier"] == [first.revision]
    assert agree(store, catalog)


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


def test_a_payload_that_was_lost_comes_back_with_the_next_publish(tmp_path: Path) -> None:
    """Although the pointer has not moved: present means looked at, not believed."""
    store, catalog = MemoryStore(), MemoryCatalog()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    lost = next(stat for stat in store.list("furniture/high/"))
    store.delete(lost.key, lost.version)
    assert publish_bundle(bundle(tmp_path), store, catalog, SETTINGS).sent == 1
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


def test_a_rehearsal_says_what_would_be_sent_and_writes_nothing(tmp_path: Path) -> None:
    """To the byte what the real publish sends then, as the first and as a later revision; store and catalog stay."""
    store, catalog = MemoryStore(), MemoryCatalog()
    for content in ("one", "two", "two"):
        given, before = bundle(tmp_path, content=content), objects(store)
        dry = publish_bundle(given, DryRunStore(store), RehearsedCatalog(catalog), SETTINGS)
        assert objects(store) == before
        assert dry == publish_bundle(given, store, catalog, SETTINGS)
        announce(catalog, [dry])
