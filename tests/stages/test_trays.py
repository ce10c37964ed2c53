"""Trays: a child gets what was made of its own source, and reaches nothing else, whatever it tries."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assetpipe.batch import trays
from assetpipe.batch.trays import Trays
from assetpipe.errors import ServiceUnavailable
from assetpipe.log import Event
from assetpipe.stages.folder import FolderShelf
from assetpipe.stages.tray import BAD, GIVEN, MADE, TRAY, TrayShelf, make_tray

KEY = "poster-" + "0" * 40


def key(number: int) -> str:
    return f"poster-{number:040x}"


@contextmanager
def child(folder: Path, shelf: FolderShelf, said: list[Event] | None = None) -> Iterator[tuple[TrayShelf, str]]:
    """A child's side of its tray, and the hash of its source; when it has ended, all that it finished is taken."""
    job, source = folder / "job", folder / "source.glb"
    folder.mkdir(exist_ok=True)
    source.write_bytes(b"what a stranger made")
    make_tray(job)
    with Trays(shelf, (said if said is not None else []).append) as open_trays:
        open_trays.lay(job, "chair", source)
        yield TrayShelf(job / TRAY), hashlib.sha256(source.read_bytes()).hexdigest()
        open_trays.clear(job)


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "cache", 10**9)


def content(shelf: FolderShelf | TrayShelf, name: str) -> bytes | None:
    file = shelf.open(name)
    if file is None:
        return None
    with file:
        return file.read()


def wait_for(shelf: FolderShelf, name: str) -> bytes | None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if (found := content(shelf, name)) is not None:
            return found
        time.sleep(0.01)
    return None


def test_a_child_gets_what_is_there_and_gives_what_it_makes(tmp_path: Path, shelf: FolderShelf) -> None:
    """While it works, not only at its end: what it has finished survives it. The name that it gives its source does
    not matter, its content does."""
    with child(tmp_path, shelf) as (tray, source):
        assert content(tray, f"/{key(1)}") is None
        shelf.write(f"{source}/{key(1)}", [b"from ", b"before"])
        assert content(tray, f"{'f' * 64}/{key(1)}") == b"from before"
        tray.write(f"{'f' * 64}/{key(2)}", [b"new ", memoryview(b"result")])
        assert wait_for(shelf, f"{source}/{key(2)}") == b"new result"
        tray.remove(f"/{key(1)}")
        tray.write(f"/{key(3)}", [b"the last"])
    assert {slot.name for slot in shelf.slots()} == {f"{source}/{key(2)}", f"{source}/{key(3)}"}


def test_a_damaged_entry_gives_way_to_a_whole_one(tmp_path: Path, shelf: FolderShelf) -> None:
    """Removed and made again between two looks: the new one stays."""
    with child(tmp_path, shelf) as (tray, source):
        shelf.write(f"{source}/{KEY}", [b"damaged"])
        tray.remove(f"/{KEY}")
        tray.write(f"/{KEY}", [b"whole"])
    assert content(shelf, f"{source}/{KEY}") == b"whole"


def test_a_hostile_child_gets_nothing_and_leaves_nothing(tmp_path: Path, shelf: FolderShelf) -> None:
    """Links to keys, pipes, folders, other names, other sources, a folder put in place of another: what is not a file
    of its own is not taken; nothing is written where it points to; nobody waits for it."""
    other = "e" * 64
    shelf.write(f"{other}/{KEY}", [b"of another source"])
    (tmp_path / "keys").write_bytes(b"aws_secret_access_key")
    outside = tmp_path / "outside"
    outside.mkdir()
    with child(tmp_path, shelf) as (tray, source):
        shelf.write(f"{source}/{key(9)}", [b"mine"])
        made, given = tray.root / MADE, tray.root / GIVEN
        (made / key(1)).symlink_to(tmp_path / "keys")
        os.mkfifo(made / key(2))
        (made / key(3)).mkdir()
        (made / f"../{MADE}/..poster").write_bytes(b"x")
        (made / f"{other}-{KEY}").write_bytes(b"x")
        (tray.root / BAD / f"{other}").touch()
        given.rename(tray.root / "elsewhere")
        given.symlink_to(outside)
        (tray.root / "ask" / key(9)).touch()
        (tray.root / "ask" / KEY).touch()
        until = time.monotonic() + 120
        while time.monotonic() < until and len(list((tray.root / "elsewhere").iterdir())) < 2:
            time.sleep(0.01)
    assert (tmp_path / "job" / TRAY / "elsewhere" / key(9)).read_bytes() == b"mine"
    assert (tmp_path / "job" / TRAY / "elsewhere" / KEY).read_bytes() == b""
    assert list(outside.iterdir()) == []
    assert {slot.name for slot in shelf.slots()} == {f"{other}/{KEY}", f"{source}/{key(9)}"}
    assert content(shelf, f"{other}/{KEY}") == b"of another source"


def test_a_child_that_goes_on_writing_changes_nothing(tmp_path: Path, shelf: FolderShelf) -> None:
    """Its files are copied: what it still holds open is not what was taken."""
    with child(tmp_path, shelf) as (tray, source), (tray.root / MADE / ".partial").open("wb") as file:
        file.write(b"good")
        file.flush()
        (tray.root / MADE / ".partial").rename(tray.root / MADE / KEY)
        assert wait_for(shelf, f"{source}/{KEY}") == b"good"
        file.write(b" and bad")
    assert content(shelf, f"{source}/{KEY}") == b"good"


def test_what_one_child_may_lay_down_is_bounded(
    tmp_path: Path, shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In number and in bytes; a file with a hole counts as long as it says."""
    monkeypatch.setattr(trays, "MOST_WISHES", 5)
    monkeypatch.setattr(trays, "MOST_BYTES", 10_000)
    with child(tmp_path, shelf) as (tray, _):
        for number in range(9):
            tray.write(f"/{key(number)}", [b"x"])
    assert len(list(shelf.slots())) == 5
    with child(tmp_path / "2", FolderShelf(tmp_path / "2" / "cache", 10**9)) as (tray, source):
        with (tray.root / MADE / ".large").open("wb") as file:
            file.truncate(10_001)
        (tray.root / MADE / ".large").rename(tray.root / MADE / KEY)
    assert content(FolderShelf(tmp_path / "2" / "cache", 10**9), f"{source}/{KEY}") is None


def test_a_shelf_that_fails_keeps_no_child_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fault is said; for a minute nobody is sent there again, and every question is answered at once."""
    shelf, said, asked = FolderShelf(tmp_path / "cache", 10**9), list[Event](), list[str]()

    def gone(_self: FolderShelf, name: str) -> None:
        asked.append(name)
        raise ServiceUnavailable("E_S3", "s3://cache: cannot be reached")

    monkeypatch.setattr(FolderShelf, "open", gone)
    with child(tmp_path, shelf, said) as (tray, _):
        started = time.monotonic()
        assert [content(tray, f"/{key(number)}") for number in range(5)] == [None] * 5
        assert time.monotonic() - started < 50, "a question that nobody answers takes a minute"
    assert len(asked) == 1
    assert [event.message for event in said] == ["stages are not kept: s3://cache: cannot be reached"]


def test_a_parent_that_does_not_answer_is_waited_for_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the build goes on without."""
    monkeypatch.setattr("assetpipe.stages.tray.PATIENCE", 0.2)
    make_tray(tmp_path)
    with pytest.raises(TimeoutError, match="no answer"):
        TrayShelf(tmp_path / TRAY).open(f"/{KEY}")
