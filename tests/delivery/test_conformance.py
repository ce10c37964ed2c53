"""The promises of assetpipe/delivery/store.py on writing, each asked of every store there is."""

from __future__ import annotations

import hashlib
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from assetpipe.delivery.store import Item, Moved, Store
from assetpipe.errors import AssetpipeError, MissingFile, SourceError
from tests.delivery.conformance import Subject, item, outcome, together
from tests.delivery.subjects import KEY, POINTER, body_of, keys, version_of

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


def from_path(each: Item, path: Path) -> Item:
    return Item(each.key, path, each.sha256, each.content_type, each.cache_control)


def code(result: object) -> str:
    return result.code if isinstance(result, AssetpipeError) else str(result)
