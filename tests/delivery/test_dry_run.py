"""DryRunStore: whatever is done to it, the store behind it stays as it was, and the record says what would be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe.delivery.dry_run import DryRunStore, Write
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.store import Moved
from assetpipe.errors import SourceError
from tests.delivery.conformance import item, outcome

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"


def test_the_record_says_what_would_be_sent(tmp_path: Path) -> None:
    """In order, with the bytes of each; what is there already is not sent, and what is refused is not either."""
    (tmp_path / "body").write_bytes(bytes(5000))
    below = MemoryStore()
    below.put(item("a/there", b"there"))
    seen = below.replace(item(POINTER, b"1"), None)
    store = DryRunStore(below)
    store.put(item("a/there", b"there"))
    store.put(item(KEY, tmp_path / "body"))
    store.put(item(KEY, tmp_path / "body"))
    outcome(lambda: store.put(item("a/there", b"other")))
    outcome(lambda: store.put(item("a/wrong", b"x", sha256="0" * 64)))
    outcome(lambda: store.replace(item(POINTER, b"33"), "another"))
    store.replace(item(POINTER, b"22"), seen)
    stat = below.stat("a/there")
    assert stat is not None
    store.delete("a/there", stat.version)
    store.delete("a/there", stat.version)
    assert store.writes == (Write("put", KEY, 5000), Write("replace", POINTER, 2), Write("delete", "a/there", 0))
    assert store.sent_bytes == 5002


def test_the_disk_stays_as_it_was(tmp_path: Path) -> None:
    """Not a file, not a folder, not even the store's own."""
    store = DryRunStore(FolderStore(tmp_path / "store"))
    store.put(item(KEY, b"x"))
    version = store.replace(item(POINTER, b"1"), None)
    store.delete(POINTER, version)
    assert [stat.key for stat in store.list("")] == [KEY]
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_is_only_counted(tmp_path: Path) -> None:
    """Also when it is asked to be real."""
    below = FolderStore(tmp_path / "store")
    below.put(item(KEY, b"x"))
    left = tmp_path / "store" / ".assetpipe" / "partial" / "left"
    left.write_bytes(b"left")
    assert DryRunStore(below).sweep(0) == 1
    assert left.exists()


def test_what_it_would_have_written_is_seen_among_what_is_there() -> None:
    """Lists are merged in the order of keys; a deleted key is gone, a moved one has its new version."""
    below = MemoryStore()
    for key in ("a/b", "c/d", "e/f"):
        below.put(item(key, key.encode()))
    store = DryRunStore(below)
    store.put(item("b/c", b"new"))
    store.put(item("z/z", b"new"))
    old = store.stat("c/d")
    assert old is not None
    store.delete("c/d", old.version)
    first = store.stat("e/f")
    assert first is not None
    moved = store.replace(item("e/f", b"moved"), first.version)
    assert [(stat.key, stat.bytes) for stat in store.list("")] == [("a/b", 3), ("b/c", 3), ("e/f", 5), ("z/z", 3)]
    assert [stat.version for stat in store.list("e")] == [moved]
    with pytest.raises(Moved):
        store.replace(item("e/f", b"again"), first.version)
    assert [stat.key for stat in below.list("")] == ["a/b", "c/d", "e/f"]


def test_a_body_that_changed_since_is_not_shown(tmp_path: Path) -> None:
    """Files are read again, not kept: the dry run of a large batch needs no memory for it."""
    (tmp_path / "body").write_bytes(b"one")
    store = DryRunStore(MemoryStore())
    store.put(item(KEY, tmp_path / "body"))
    (tmp_path / "body").write_bytes(b"two")
    with pytest.raises(SourceError) as caught:
        store.read(KEY)
    assert caught.value.code == "E_STORE_BODY"
