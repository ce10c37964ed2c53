"""The promises of assetpipe/delivery/store.py on reading, listing and deleting, each asked of every store there is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assetpipe.delivery.store import Item, Moved, Store
from assetpipe.errors import SourceError, UsageError
from tests.delivery.conformance import Subject, item, together
from tests.delivery.subjects import KEY, POINTER, body_of, keys, version_of

# read, stat


@pytest.mark.parametrize("key", ["nothing", "furniture", "furniture/high", f"{KEY}/below", "furniture/high/chair"])
def test_what_is_not_there_is_none(store: Store, key: str) -> None:
    """Also what other keys begin with, or what would be below one."""
    store.put(item(KEY, b"one"))
    assert store.read(key) is None
    assert store.stat(key) is None
    assert store.delete(key, "1") is False


@pytest.mark.parametrize("bit", [0, 7, 8 * 2000, 8 * 4000 - 1])
def test_a_bit_that_flipped_at_rest_is_found_by_reading(subject: Subject, bit: int) -> None:
    """E_STORE_CORRUPT with the key; what a reader gets is what was written, or an error."""
    sent = item(KEY, b"glTF" * 1000)
    subject.writer.put(sent)
    body = bytearray(b"glTF" * 1000)
    body[bit // 8] ^= 1 << bit % 8
    subject.rot(KEY, bytes(body))
    with pytest.raises(SourceError, match=KEY) as caught:
        subject.store.read(KEY)
    assert caught.value.code == "E_STORE_CORRUPT"


def test_what_somebody_else_put_there_is_seen_as_such(subject: Subject) -> None:
    """It is listed, read and deleted like ours, with no sha256; what is written once is not put over it."""
    subject.plant(KEY, b"theirs")
    stat = subject.store.stat(KEY)
    assert stat is not None
    assert (stat.bytes, stat.sha256) == (6, "")
    assert body_of(subject.store, KEY) == b"theirs"
    assert keys(subject.store) == [KEY]
    with pytest.raises(SourceError) as caught:
        subject.store.put(item(KEY, b"ours"))
    assert caught.value.code == "E_STORE_TAKEN"
    assert subject.store.delete(KEY, stat.version) is True
    assert subject.store.read(KEY) is None


def test_what_somebody_else_put_there_may_be_replaced_knowingly(subject: Subject) -> None:
    """By whoever has seen it, and by nobody who has not."""
    subject.plant(POINTER, b"theirs")
    with pytest.raises(Moved):
        subject.store.replace(item(POINTER, b"ours"), None)
    version = subject.store.replace(item(POINTER, b"ours"), version_of(subject.store, POINTER))
    assert version_of(subject.store, POINTER) == version
    assert body_of(subject.store, POINTER) == b"ours"


# list

TRICKY = ("a", "a-b/x", "a-b/y", "a.b", "a0/x", "a_b", "ab/c", "b/a/c", "b/a.c", "b/a-c", "b/a/d/e", "b/a0", "z9")
"""`-` and `.` come before `/`, which comes before digits: folders do not sort as their names do."""


@pytest.mark.parametrize(
    "prefix", ["", "a", "a-", "a-b", "a-b/", "b/a", "b/a/", "b/a/d", "b/a.c", "c", "zz", "b/a/d/e/"]
)
def test_keys_are_listed_in_their_order(store: Store, prefix: str) -> None:
    """That of their UTF-8, each once; a prefix may end in the middle of a name."""
    for key in reversed(TRICKY):
        store.put(item(key, key.encode()))
    assert keys(store, prefix) == sorted(key for key in TRICKY if key.startswith(prefix))


def test_a_list_says_what_stat_says(store: Store) -> None:
    """But for the sha256, which a store need not list."""
    for key in TRICKY:
        store.put(item(key, key.encode() * 9))
    for listed in store.list(""):
        stat = store.stat(listed.key)
        assert stat is not None
        assert (listed.bytes, listed.version) == (stat.bytes, stat.version)
        assert listed.sha256 in ("", stat.sha256)
        assert listed.modified == stat.modified


def test_a_list_has_no_end_at_a_thousand(subject: Subject) -> None:
    """Servers answer in pages of 1,000."""
    planted = [f"furniture/high/chair-{n}.glb" for n in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: subject.plant(key, b"x"), planted))
    assert keys(subject.store, "furniture/") == sorted(planted)


def test_what_is_there_all_the_while_is_listed_once(subject: Subject) -> None:
    """Whatever comes, moves and goes around it."""
    store = subject.store
    stay = sorted(f"furniture/manifest/chair-{n}.json" for n in range(0, 60, 2))
    versions = {key: store.replace(item(key, b"0"), None) for key in stay}
    done = threading.Event()

    def disturb() -> None:
        try:
            for n in range(2 * subject.rounds):
                key = stay[n % len(stay)]
                versions[key] = store.replace(item(key, str(n).encode()), versions[key])
                passing = f"furniture/manifest/chair-{2 * n + 1}.json"
                assert store.delete(passing, store.replace(item(passing, b"x"), None))
        finally:
            done.set()

    def watch() -> int:
        lists = 0
        while not done.is_set() or not lists:
            listed = keys(store, "furniture/")
            assert listed == sorted(set(listed))
            assert [key for key in listed if key in versions] == stay
            lists += 1
        return lists

    results = together(disturb, watch)
    assert results[0] is None
    assert isinstance(results[1], int)


# delete, sweep


def test_only_the_version_that_was_seen_is_deleted(store: Store) -> None:
    """Another stays; what is gone is False, and may be put again."""
    store.put(item(KEY, b"one"))
    assert store.delete(KEY, "another") is False
    assert body_of(store, KEY) == b"one"
    version = version_of(store, KEY)
    assert store.delete(KEY, version) is True
    assert store.delete(KEY, version) is False
    assert store.read(KEY) is None
    assert keys(store) == []
    assert store.put(item(KEY, b"two")) is True


def test_of_a_deletion_and_a_move_one_succeeds(subject: Subject) -> None:
    """Whoever came second had not seen what is there now."""
    store = subject.store
    for n in range(subject.rounds):
        key = f"furniture/manifest/chair-{n}.json"
        seen = store.replace(item(key, b"1"), None)
        deleted, replaced = together(partial(store.delete, key, seen), partial(store.replace, item(key, b"2"), seen))
        assert isinstance(replaced, str if deleted is False else Moved) or not subject.guards_deletion
        assert keys(store, key) == ([] if deleted else [key])


def test_a_sweep_of_a_healthy_store_finds_nothing(store: Store) -> None:
    """And harms nothing, however often it is run."""
    for key in TRICKY:
        store.put(item(key, key.encode()))
    assert store.sweep(3600, dry_run=True) == store.sweep(3600) == store.sweep(0) == 0
    assert keys(store) == sorted(TRICKY)


def test_a_sweep_lets_live_writers_be(subject: Subject, tmp_path: Path) -> None:
    """Everything that was being written arrives."""
    (tmp_path / "body").write_bytes(bytes(subject.large))
    done = threading.Event()

    def write() -> bool:
        try:
            return subject.store.put(item(KEY, tmp_path / "body"))
        finally:
            done.set()

    def sweep() -> int:
        swept = 0
        while not done.is_set():
            swept += subject.again().sweep(3600)
        return swept

    assert together(write, sweep) == [True, 0]
    assert len(body_of(subject.store, KEY)) == subject.large


# what all share


def test_two_stores_on_one_place_see_each_other(subject: Subject) -> None:
    """At once, and with the same versions."""
    other = subject.again()
    assert other.read(POINTER) is None
    version = subject.store.replace(item(POINTER, b"1"), None)
    assert version_of(other, POINTER) == version
    subject.store.put(item(KEY, b"payload"))
    assert other.put(item(KEY, b"payload")) is False
    newer = other.replace(item(POINTER, b"2"), version)
    with pytest.raises(Moved):
        subject.store.replace(item(POINTER, b"3"), version)
    assert subject.store.delete(POINTER, newer)
    assert keys(other) == [KEY]


@pytest.mark.parametrize(
    "key",
    [
        *("", "/a", "a/", "a//b", "..", "../a", "a/../b", "./a", ".hidden/a", "a/.b", "-a", "a%2e", "a:b", "a*", "a?b"),
        *("A", "a b", "a\\b", "a\nb", "é", "a\0b", "a" * 256, "/".join(["a" * 200] * 6)),
    ],
)
def test_no_other_keys_are_accepted(store: Store, key: str) -> None:
    """Keys that lead upwards, hide, or differ by case alone reach no disk and no server."""
    calls: list[Callable[[], Any]] = [
        lambda: store.put(Item(key, b"", hashlib.sha256().hexdigest(), "", "")),
        lambda: store.replace(Item(key, b"", hashlib.sha256().hexdigest(), "", ""), None),
        lambda: store.read(key),
        lambda: store.stat(key),
        lambda: store.delete(key, "1"),
    ]
    for call in calls:
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == "E_STORE_KEY"
    assert keys(store) == []
