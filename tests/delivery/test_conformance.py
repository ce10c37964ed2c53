"""The promises of assetpipe/delivery/store.py, each asked of every store there is."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.delivery.store import Item, Moved, Store
from assetpipe.errors import AssetpipeError, MissingFile, SourceError, UsageError
from tests.delivery import servers
from tests.delivery.conformance import LOCAL, Entry, Subject, item, outcome, together

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"
ENTRIES: tuple[Entry, ...] = (*LOCAL, *servers.ENTRIES)


@pytest.fixture(params=[pytest.param(entry, id=entry.name, marks=entry.marks) for entry in ENTRIES])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    with request.param.open(request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(subject: Subject) -> Store:
    return subject.store


def keys(store: Store, prefix: str = "") -> list[str]:
    return [stat.key for stat in store.list(prefix)]


def body_of(store: Store, key: str) -> bytes:
    found = store.read(key)
    assert found is not None
    return found.body


def version_of(store: Store, key: str) -> str:
    stat = store.stat(key)
    assert stat is not None
    return stat.version


# put


def test_what_was_put_is_read_back(store: Store) -> None:
    """The same bytes, and a stat that says what they are."""
    began = time.time()
    sent = item(KEY, b"glTF" * 1000)
    assert store.put(sent) is True
    found = store.read(KEY)
    assert found is not None
    assert found.body == sent.body
    assert (found.stat.key, found.stat.bytes, found.stat.sha256) == (KEY, 4000, sent.sha256)
    assert began - 5 <= found.stat.modified <= time.time() + 5
    assert store.stat(KEY) == found.stat


@pytest.mark.parametrize("size", [0, 1, 131_071, 131_072])
def test_any_size_is_put(store: Store, size: int) -> None:
    """An empty body is a body; sizes at which storage classes change are like others."""
    assert store.put(item(KEY, bytes(size)))
    assert body_of(store, KEY) == bytes(size)


def test_a_large_file_is_put(subject: Subject, tmp_path: Path) -> None:
    """Files of many parts arrive whole and in order."""
    body = np.arange(subject.large // 4, dtype=np.uint32).tobytes()
    (tmp_path / "high.glb").write_bytes(body)
    assert subject.store.put(item(KEY, tmp_path / "high.glb"))
    assert body_of(subject.store, KEY) == body
    assert subject.store.put(item(KEY, tmp_path / "high.glb")) is False


def test_putting_what_is_there_changes_nothing(store: Store) -> None:
    """Neither the version nor the time: nothing was sent."""
    store.put(item(KEY, b"one"))
    before = store.stat(KEY)
    assert store.put(item(KEY, b"one")) is False
    assert store.stat(KEY) == before


def test_another_content_is_refused_for_a_key_that_is_written_once(store: Store) -> None:
    """E_STORE_TAKEN names the key, and what is there stays."""
    store.put(item(KEY, b"one"))
    before = store.stat(KEY)
    with pytest.raises(SourceError, match=KEY) as caught:
        store.put(item(KEY, b"two"))
    assert caught.value.code == "E_STORE_TAKEN"
    assert store.stat(KEY) == before
    assert body_of(store, KEY) == b"one"


def test_of_several_who_put_the_same_one_sends_it(subject: Subject) -> None:
    """The others find it there: none fails."""
    for n in range(subject.rounds):
        sent = item(f"furniture/high/chair.{n:016x}.glb", b"same" * 5000)
        results = together(*[partial(subject.store.put, sent)] * 8)
        assert sorted(map(str, results)) == ["False"] * 7 + ["True"]
        assert body_of(subject.store, sent.key) == sent.body


def test_of_several_who_put_different_contents_one_wins(subject: Subject) -> None:
    """All others are refused, and what is there is the winner's, whole."""
    for n in range(subject.rounds):
        key = f"furniture/high/chair.{n:016x}.glb"
        sent = [item(key, bytes([writer]) * 20_000) for writer in range(6)]
        results = together(*[partial(subject.store.put, each) for each in sent])
        assert [code(result) for result in results].count("E_STORE_TAKEN") == 5
        assert body_of(subject.store, key) == sent[results.index(True)].body


def test_many_put_different_keys_at_once(store: Store) -> None:
    """All of them are there afterwards."""
    sent = [item(f"furniture/high/chair.{n:016x}.glb", bytes([n]) * n) for n in range(1, 41)]
    results = together(*[lambda part=sent[n::8]: [store.put(each) for each in part] for n in range(8)])
    assert results == [[True] * 5] * 8
    assert keys(store) == sorted(each.key for each in sent)
    assert all(body_of(store, each.key) == each.body for each in sent)


# bodies


@pytest.mark.parametrize("write", ["put", "replace"])
@pytest.mark.parametrize("body", [b"", b"glTE" * 1000, b"glTF" * 999, b"glTF" * 1001])
@pytest.mark.parametrize("from_file", [False, True])
def test_a_body_that_is_not_what_it_promises_is_refused(
    store: Store, tmp_path: Path, write: str, body: bytes, from_file: bool
) -> None:
    """One bit, too little or too much: E_STORE_BODY, and nobody ever sees any of it."""
    (tmp_path / "body").write_bytes(body)
    sent = item(KEY, tmp_path / "body" if from_file else body, sha256=hashlib.sha256(b"glTF" * 1000).hexdigest())
    with pytest.raises(SourceError) as caught:
        store.put(sent) if write == "put" else store.replace(sent, None)
    assert caught.value.code == "E_STORE_BODY"
    assert KEY in caught.value.message
    assert store.stat(KEY) is None
    assert keys(store) == []


def test_a_body_that_changes_while_it_is_sent_never_arrives_changed(store: Store, tmp_path: Path) -> None:
    """Either what was promised is there, or nothing is."""
    path = tmp_path / "body"
    path.write_bytes(b"a" * 3_000_000)
    stop = threading.Event()

    def toggle() -> None:
        with path.open("r+b", buffering=0) as file:
            while not stop.is_set():
                for letter in (b"b", b"a"):
                    file.seek(2_000_000)
                    file.write(letter)

    sent = [item(f"a/b{n}", b"a" * 3_000_000) for n in range(12)]
    toggling = threading.Thread(target=toggle)
    toggling.start()
    try:
        results = [outcome(partial(store.put, from_path(each, path))) for each in sent]
    finally:
        stop.set()
        toggling.join()
    assert set(map(code, results)) <= {"True", "E_STORE_BODY"}
    arrived = [each.key for each, result in zip(sent, results, strict=True) if result is True]
    assert keys(store) == sorted(arrived)


@pytest.mark.parametrize("write", ["put", "replace"])
def test_a_body_that_is_not_there_is_named(store: Store, tmp_path: Path, write: str) -> None:
    """Exit code 66, and nothing is made in the store."""
    path = tmp_path / "high.glb"
    path.write_bytes(b"glTF")
    sent = item(KEY, path)
    path.unlink()
    with pytest.raises(MissingFile, match=r"high\.glb"):
        store.put(sent) if write == "put" else store.replace(sent, None)
    assert keys(store) == []


# replace


def test_a_pointer_moves_from_what_the_writer_has_seen(store: Store) -> None:
    """Every version that a store names is the one to expect: of replace, stat, read and list."""
    first = store.replace(item(POINTER, b"1"), None)
    assert version_of(store, POINTER) == first
    second = store.replace(item(POINTER, b"2"), version_of(store, POINTER))
    assert second != first
    found = store.read(POINTER)
    assert found is not None
    assert (found.body, found.stat.version) == (b"2", second)
    third = store.replace(item(POINTER, b"3"), found.stat.version)
    assert [stat.version for stat in store.list(POINTER)] == [third]
    assert body_of(store, POINTER) == b"3"


@pytest.mark.parametrize("there", [False, True])
def test_a_pointer_that_moved_is_not_replaced(store: Store, there: bool) -> None:
    """Whether the writer has seen another version, none, or one that is gone: Moved, and nothing changes."""
    stale = store.replace(item(POINTER, b"1"), None)
    now = store.replace(item(POINTER, b"2"), stale)
    if not there:
        assert store.delete(POINTER, now)
    before = store.stat(POINTER)
    for expected in (stale, None) if there else (stale, now):
        with pytest.raises(Moved, match=POINTER):
            store.replace(item(POINTER, b"3"), expected)
    assert store.stat(POINTER) == before


@pytest.mark.parametrize("new", [True, False])
def test_of_several_who_have_seen_the_same_one_succeeds(subject: Subject, new: bool) -> None:
    """Exactly one in each round; the others get Moved, and the winner's body is there under the version it got."""
    store = subject.store
    for n in range(subject.rounds):
        key = f"furniture/manifest/chair-{n}.json"
        seen = None if new else store.replace(item(key, b"{}"), None)
        sent = [item(key, b'{"by": %d}' % writer) for writer in range(8)]
        results = together(*[partial(store.replace, each, seen) for each in sent])
        winners = [index for index, result in enumerate(results) if isinstance(result, str)]
        assert len(winners) == 1
        assert sum(isinstance(result, Moved) for result in results) == 7
        assert body_of(store, key) == sent[winners[0]].body
        assert version_of(store, key) == results[winners[0]]


def test_no_update_is_lost(subject: Subject) -> None:
    """Writers that read, add one and replace, and again when it moved, have counted all of theirs."""

    def count(times: int) -> None:
        store = subject.again()
        for _ in range(times):
            while True:
                found = store.read(POINTER)
                body = str(int(found.body) + 1 if found else 1).encode()
                try:
                    store.replace(item(POINTER, body), found.stat.version if found else None)
                    break
                except Moved:
                    continue

    assert together(*[lambda: count(2 * subject.rounds)] * 4) == [None] * 4
    assert int(body_of(subject.store, POINTER)) == 8 * subject.rounds


def test_readers_see_one_version_or_the_next(subject: Subject) -> None:
    """Never a part, never none, never an older one after a newer."""
    done = threading.Event()
    bodies = [str(n).encode() * 3000 for n in range(100, 100 + 4 * subject.rounds)]
    version = subject.store.replace(item(POINTER, bodies[0]), None)

    def watch() -> list[int]:
        store, seen = subject.again(), [0]
        while not done.is_set():
            seen.append(bodies.index(body_of(store, POINTER)))
        return seen

    def move() -> None:
        seen = version
        try:
            for body in bodies[1:]:
                seen = subject.store.replace(item(POINTER, body), seen)
        finally:
            done.set()

    results = together(watch, watch, move)
    assert results[2] is None
    assert all(isinstance(seen, list) and seen == sorted(seen) for seen in results[:2])


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
        assert abs(listed.modified - stat.modified) < 2


def test_a_list_has_no_end_at_a_thousand(subject: Subject) -> None:
    """Servers answer in pages of 1,000."""
    planted = [f"furniture/high/chair-{n}.glb" for n in range(1_050)]
    for key in planted:
        subject.plant(key, b"x")
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
        assert isinstance(replaced, str if deleted is False else Moved)
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


def from_path(each: Item, path: Path) -> Item:
    return Item(each.key, path, each.sha256, each.content_type, each.cache_control)


def code(result: object) -> str:
    return result.code if isinstance(result, AssetpipeError) else str(result)
