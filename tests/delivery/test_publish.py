"""What a publish leaves in a store, and what it sends."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from pathlib import Path

from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.dry_run import DryRunStore
from assetpipe.delivery.keys import BRIEF, IMMUTABLE, Keys
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import announce, publish_bundle
from assetpipe.delivery.rehearsal import RehearsedCatalog
from assetpipe.delivery.rollback import revisions
from assetpipe.delivery.store import Item
from assetpipe.log import Event
from assetpipe.manifest import parse_manifest
from tests.delivery.bundles import LEVELS, SETTINGS, bundle, digest
from tests.delivery.faults import FaultyStore
from tests.delivery.in_memory import CHAIR, agree, objects, pointer

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


def test_a_payload_that_was_lost_comes_back_with_the_next_publish(tmp_path: Path) -> None:
    """Although the pointer has not moved: present means looked at, not believed."""
    store, catalog = MemoryStore(), MemoryCatalog()
    publish_bundle(bundle(tmp_path), store, catalog, SETTINGS)
    lost = next(stat for stat in store.list("furniture/high/"))
    store.delete(lost.key, lost.version)
    assert publish_bundle(bundle(tmp_path), store, catalog, SETTINGS).sent == 1
    assert agree(store, catalog)


def test_a_rehearsal_says_what_would_be_sent_and_writes_nothing(tmp_path: Path) -> None:
    """To the byte what the real publish sends then, as the first and as a later revision; store and catalog stay."""
    store, catalog = MemoryStore(), MemoryCatalog()
    for content in ("one", "two", "two"):
        given, before = bundle(tmp_path, content=content), objects(store)
        dry = publish_bundle(given, DryRunStore(store), RehearsedCatalog(catalog), SETTINGS)
        assert objects(store) == before
        assert dry == publish_bundle(given, store, catalog, SETTINGS)
        announce(catalog, [dry])
