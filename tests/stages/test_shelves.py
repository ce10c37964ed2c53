"""Shelves: a folder and a store keep the same promises; a folder keeps to its size."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assetpipe.config import load_config
from assetpipe.errors import ServiceUnavailable, UsageError
from assetpipe.stages.folder import FolderShelf
from assetpipe.stages.kept import Codec, Kept
from assetpipe.stages.nouns import BYTES
from assetpipe.stages.open_shelf import MOST_GB, open_shelf
from assetpipe.stages.remote import FOLDER, StoreShelf
from assetpipe.stages.shelf import Shelf
from tests.commands import run
from tests.delivery.servers import Server, environment, moto  # noqa: F401  # fixtures

SOURCE = "ab" * 32
PUBLISH = load_config().publish


def name(number: int, source: str = SOURCE) -> str:
    return f"{source}/poster-{number:040x}"


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return str(tmp_path / "cache")
    server: Server = request.getfixturevalue("moto")
    for key, value in {**environment(tmp_path), "AWS_ENDPOINT_URL": server.url}.items():
        monkeypatch.setenv(key, value)
    return f"s3://{server.bucket()}/some/prefix"


@pytest.fixture
def shelf(place: str) -> Shelf:
    opened = open_shelf(place, PUBLISH)
    assert opened is not None
    return opened


def body(shelf: Shelf, entry: str) -> bytes | None:
    file = shelf.open(entry)
    if file is None:
        return None
    with file:
        return file.read()


def test_what_is_written_is_read_until_it_is_removed(shelf: Shelf, place: str) -> None:
    """Also over what was there, and by another who opens the same place."""
    assert body(shelf, name(1)) is None
    assert list(shelf.slots()) == []
    shelf.write(name(1), [b"one", memoryview(b" two")])
    shelf.write(name(2), iter([b"x"]))
    shelf.write(name(1), [b"three"])
    shelf.write(name(1), [b"three"])
    other = open_shelf(place, PUBLISH)
    assert other is not None
    assert body(other, name(1)) == b"three"
    assert {(slot.name, slot.bytes) for slot in other.slots()} == {(name(1), 5), (name(2), 1)}
    assert all(abs(slot.used - time.time()) < 60 for slot in other.slots())
    shelf.remove(name(1))
    shelf.remove(name(1))
    assert body(shelf, name(1)) is None
    assert body(shelf, name(2)) == b"x"


def test_several_writers_at_once_leave_one_whole_entry(shelf: Shelf) -> None:
    """A reader in between sees one of them, never a mixture."""
    bodies = [bytes([number]) * 300_000 for number in range(4)]
    seen: list[bytes | None] = []
    threads = [threading.Thread(target=shelf.write, args=(name(1), [each[:7], each[7:]])) for each in bodies]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(body(shelf, name(1)))
    for thread in threads:
        thread.join()
    assert body(shelf, name(1)) in bodies
    assert set(seen) <= {None, *bodies}


def test_a_writer_that_is_killed_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    """kill -9 in the middle of an entry: no entry; a day later its remains go."""
    code = """
import os, signal, sys
from pathlib import Path
from assetpipe.stages.folder import FolderShelf
def pieces():
    yield b"x" * 1_000_000
    os.kill(os.getpid(), signal.SIGKILL)
FolderShelf(Path(sys.argv[1]), 10**9).write(sys.argv[2], pieces())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), name(1)], check=False)
    assert done.returncode == -9
    shelf = FolderShelf(tmp_path, 10**9, every=0)
    (left,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert body(shelf, name(1)) is None
    assert list(shelf.slots()) == []
    shelf.trim()
    assert left.exists()
    os.utime(left, (0, 0))
    shelf.trim()
    assert not left.exists()


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    """At the limit nothing goes; over it the oldest go until a tenth is free. What was read is as new as what was
    written; folders of sources that have nothing left go too."""
    shelf = FolderShelf(tmp_path, 1_000, every=0)
    for number in range(10):
        entry = name(number, f"{number}0" * 32)
        shelf.write(entry, [bytes(100)])
        os.utime(tmp_path / entry[:2] / entry, (1_000 + number, 1_000 + number))
    assert shelf.trim() == 0
    assert body(shelf, name(0, "00" * 32)) == bytes(100)
    shelf.write(name(10, "ff" * 32), [bytes(100)])
    assert shelf.trim() == 200
    left = {int(slot.name[-3:], 16) for slot in shelf.slots()}
    assert left == {0, 3, 4, 5, 6, 7, 8, 9, 10}
    folders = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert sorted(folders) == sorted(["00", *(f"{n}0" for n in range(3, 10)), "ff"])


def test_a_folder_is_not_looked_through_after_every_build(tmp_path: Path) -> None:
    """A batch of thousands of small assets would do nothing else."""
    shelf = FolderShelf(tmp_path / "cache", 100)
    assert shelf.trim() == 0
    shelf.write(name(1), [bytes(200)])
    assert shelf.trim() == 200
    shelf.write(name(1), [bytes(200)])
    assert shelf.trim() == 0
    os.utime(tmp_path / "cache" / ".trimmed", (time.time() - 301,) * 2)
    assert shelf.trim() == 200


def test_a_store_keeps_its_entries_where_no_category_is(shelf: Shelf) -> None:
    """Shops and caches may share a bucket: nobody publishes there, and gc looks elsewhere."""
    if isinstance(shelf, StoreShelf):
        shelf.write(name(1), [b"x"])
        assert [stat.key for stat in shelf.store.list("")] == [FOLDER + name(1)]
        assert "." in FOLDER.split("/")[0]


PLACES = {
    "off": None,
    "": "{cache}/assetpipe/stages",
    "relative/folder": "{here}/relative/folder",
}


@pytest.mark.parametrize("named", list(PLACES))
def test_where_results_are_kept(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option, else by the variable, else by XDG."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSETPIPE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    wanted = PLACES[named]
    monkeypatch.setenv("ASSETPIPE_STAGES", named)
    for found in (open_shelf(None, PUBLISH), open_shelf(named, PUBLISH)):
        assert (found.place if found else None) == (wanted and wanted.format(cache=tmp_path / "xdg", here=tmp_path))
        assert found is None or (isinstance(found, FolderShelf) and found.most == MOST_GB * 1e9)
    monkeypatch.setenv("ASSETPIPE_STAGES", "elsewhere")
    found = open_shelf(named, PUBLISH, 0.5)
    assert found is None or (isinstance(found, FolderShelf) and found.most == 500_000_000)


def test_a_place_that_cannot_be_one_is_refused_before_any_work(tmp_path: Path) -> None:
    """A file; a URL with secrets or of another kind."""
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", "s3://", "s3://key:secret@bucket"):
        with pytest.raises(UsageError) as caught:
            open_shelf(wrong, PUBLISH)
        assert "secret" not in str(caught.value)


class Broken:
    """A shelf that can do nothing."""

    place = "nowhere"

    def __init__(self, fault: Exception) -> None:
        self.fault, self.asked = fault, 0

    def open(self, _name: str) -> None:
        self.asked += 1
        raise self.fault

    def write(self, _name: str, _pieces: object) -> None:
        self.asked += 1
        raise self.fault

    def remove(self, _name: str) -> None:
        raise self.fault

    def slots(self) -> Iterator[object]:
        raise self.fault

    def trim(self) -> int:
        raise self.fault


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), PermissionError(13, "no"), ServiceUnavailable("E_S3", "s3: gone")]
)
def test_a_shelf_that_fails_costs_a_warning_and_is_asked_no_more(fault: Exception) -> None:
    """Whoever cannot be reached would be waited for at each stage."""
    said: list[str] = []
    shelf = Broken(fault)
    kept = Kept(shelf, SOURCE, said.append)  # type: ignore[arg-type]
    for number in range(3):
        assert kept.through(name(number)[65:], lambda: b"made", BYTES) == b"made"
    kept.tidy()
    assert shelf.asked == 1
    assert len(said) == 1
    assert said[0].startswith("stages are not kept: ")


def test_a_result_that_is_no_json_is_made_each_time(tmp_path: Path) -> None:
    """What cannot be written is not an error of the build's."""
    kept = Kept(FolderShelf(tmp_path, 10**9), SOURCE)
    odd: Codec[object] = Codec(lambda made, _blobs: made, lambda value, _blobs: value)
    for _ in range(2):
        assert kept.through(name(1)[65:], lambda: {1, 2}, odd) == {1, 2}
    assert list(tmp_path.rglob("*")) == []


def test_what_is_kept_is_listed_by_source_and_cleared_by_age(tmp_path: Path) -> None:
    """The last used first; `clear --days` leaves the younger, `clear` nothing; a build under it makes what is gone."""
    shelf = FolderShelf(tmp_path, 10**9)
    old, new = "aa" * 32, "bb" * 32
    for entry in (name(1, old), name(2, old), name(3, new)):
        shelf.write(entry, [bytes(100)])
    for entry in (name(1, old), name(2, old)):
        os.utime(tmp_path / entry[:2] / entry, (time.time() - 10 * 86_400,) * 2)
    listed = run("cache", "list", "--cache", tmp_path, "--json")
    first, second = (json.loads(line) for line in listed.out.splitlines())
    assert (first["source"], first["bytes"], second["source"], second["stages"]) == (new, 100, old, ["poster"] * 2)
    told = run("cache", "list", "--cache", tmp_path)
    assert re.search(r"aaaaaaaaaaaaaaaa +0\.0 +10 d ago +2 poster", told.out)
    assert f"{tmp_path}: 2 sources" in told.err
    assert json.loads(run("cache", "clear", "--cache", tmp_path, "--days", 5, "--json").out)["entries"] == 2
    assert [slot.name for slot in shelf.slots()] == [name(3, new)]
    assert "1 entry removed" in run("cache", "clear", "--cache", tmp_path).err
    assert list(shelf.slots()) == []
    assert run("cache", "list", "--cache", tmp_path / "none").code == 0


def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """Before any work."""
    done = run("build", "none.glb", "--out", tmp_path, "--cache", tmp_path, "--no-cache")
    assert (done.code, "--no-cache keeps nothing" in done.err) == (2, True)
