"""What a folder store promises beyond what all do: to web servers, to copies, on disks that refuse, among links."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from assetpipe.delivery.folder import FolderStore
from assetpipe.errors import AssetpipeError, SourceError, TryAgain
from tests.delivery.conformance import item, outcome

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_a_web_server_finds_objects_and_nothing_else(store: FolderStore) -> None:
    """Plain files at their keys, readable by all that the umask lets, and no leftovers beside them."""
    old = os.umask(0o022)
    try:
        store.put(item(KEY, b"glTF"))
        store.replace(item(POINTER, b"{}"), None)
    finally:
        os.umask(old)
    assert files(store.root) == sorted([KEY, POINTER])
    assert (store.root / KEY).read_bytes() == b"glTF"
    assert {(store.root / key).stat().st_mode & 0o777 for key in (KEY, POINTER)} == {0o644}


def test_a_record_says_what_s3_would_be_told(store: FolderStore) -> None:
    """Content type, cache control, metadata and tags ride on the file, for whoever serves or copies it."""
    sent = item(KEY, b"glTF")
    store.put(sent)
    record = os.getxattr(store.root / KEY, "user.assetpipe").decode()
    for said in (sent.content_type, sent.cache_control, sent.sha256, *sent.metadata.values(), *sent.tags.values()):
        assert said in record


def test_a_read_makes_nothing(store: FolderStore) -> None:
    """Looking at a store that is not there leaves the disk as it was."""
    assert (store.read(KEY), store.stat(KEY), list(store.list("")), store.sweep(0)) == (None, None, [], 0)
    assert store.delete(KEY, "1") is False
    assert not store.root.exists()


def test_a_copy_without_records_becomes_ours_when_it_is_published_again(store: FolderStore, tmp_path: Path) -> None:
    """`cp -r` drops extended attributes: the bytes are looked at, nothing is sent, and damage is found again."""
    store.put(item(KEY, b"glTF" * 100))
    subprocess.run(["cp", "-r", "--no-preserve=all", store.root, tmp_path / "copy"], check=True)
    copy = FolderStore(tmp_path / "copy")
    stat = copy.stat(KEY)
    assert stat is not None
    assert stat.sha256 == ""
    with pytest.raises(SourceError) as caught:
        copy.put(item(KEY, b"other"))
    assert caught.value.code == "E_STORE_TAKEN"
    assert copy.put(item(KEY, b"glTF" * 100)) is False
    assert copy.stat(KEY) != stat
    (copy.root / KEY).write_bytes(b"glTE" * 100)
    with pytest.raises(SourceError) as caught:
        copy.read(KEY)
    assert caught.value.code == "E_STORE_CORRUPT"


def test_files_of_others_are_not_keys(store: FolderStore) -> None:
    """What no key can be called is not listed, so that nothing which cleans up ever names it."""
    store.put(item(KEY, b"glTF"))
    for name in (".htaccess", "Index.HTML", "read me.txt", "furniture/.DS_Store", "furniture/Übersicht.txt"):
        (store.root / name).write_bytes(b"theirs")
    os.mkfifo(store.root / "furniture" / "pipe")
    assert [stat.key for stat in store.list("")] == [KEY, "furniture/pipe"][:1]
    assert store.read("furniture/pipe") is None


# links

LINKS: dict[str, Callable[[Path, Path], None]] = {
    "category": lambda root, out: (root / "furniture").symlink_to(out),
    "level": lambda root, out: _link(root / "furniture" / "high", out),
    "object": lambda root, out: _link(root / KEY, out / "secret"),
    "pointer": lambda root, out: _link(root / POINTER, out / "secret"),
    "hidden": lambda root, out: (root / ".assetpipe").symlink_to(out),
    "partial": lambda root, out: _link(root / ".assetpipe" / "partial", out),
    "dangling": lambda root, out: _link(root / KEY, out / "none"),
}


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(target)


@pytest.mark.parametrize("name", LINKS)
def test_links_do_not_lead_out_of_the_store(store: FolderStore, tmp_path: Path, name: str) -> None:
    """Whatever is asked of a store with a link in it: nothing outside is read, listed, written or removed."""
    out = tmp_path / "out"
    (out / "high").mkdir(parents=True)
    for file in ("secret", "high/chair.0123456789abcdef.glb", "chair.0123456789abcdef.glb", "chair.json"):
        (out / file).write_bytes(b"secret")
    store.root.mkdir()
    LINKS[name](store.root, out)
    before = {file: (out / file).read_bytes() for file in files(out)}
    calls: list[Callable[[], object]] = [
        lambda: store.put(item(KEY, b"ours")),
        lambda: store.replace(item(POINTER, b"ours"), None),
        lambda: store.read(KEY),
        lambda: store.read(POINTER),
        lambda: store.stat(KEY),
        lambda: store.delete(KEY, "1"),
        lambda: list(store.list("")),
        lambda: store.sweep(0),
    ]
    results = [outcome(call) for call in calls]
    assert {file: (out / file).read_bytes() for file in files(out)} == before
    assert not any("secret" in repr(result) for result in results)
    refused = [result for result in results if isinstance(result, AssetpipeError)]
    assert {result.code for result in refused} == {"E_STORE_LINK"}
    assert all("symbolic link" in result.message and result.hint for result in refused)


def test_the_store_itself_may_be_a_link(store: FolderStore, tmp_path: Path) -> None:
    """Whoever named it chose where it leads."""
    (tmp_path / "disk").mkdir()
    store.root.symlink_to(tmp_path / "disk")
    store.put(item(KEY, b"glTF"))
    assert (tmp_path / "disk" / KEY).read_bytes() == b"glTF"


# locks and leftovers


def test_a_lock_that_nobody_lets_go_is_waited_for_and_named(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch tries again (75); nobody waits for ever."""
    monkeypatch.setattr("assetpipe.delivery.folders.PATIENCE", 0.2)
    version = store.replace(item(POINTER, b"1"), None)
    holder = os.open((store.root / POINTER).parent, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    for call in (lambda: store.replace(item(POINTER, b"2"), version), lambda: store.delete(POINTER, version)):
        with pytest.raises(TryAgain, match=POINTER) as caught:
            call()
        assert caught.value.code == "E_STORE_BUSY"
    assert store.read(POINTER) is not None
    os.close(holder)
    store.replace(item(POINTER, b"2"), version)


def test_a_sweep_spares_what_is_young(store: FolderStore) -> None:
    """And counts without removing when it is asked to."""
    store.put(item(KEY, b"glTF"))
    hidden = store.root / ".assetpipe" / "partial"
    for name, age in (("young", 0), ("old", 7200)):
        (hidden / name).write_bytes(b"left")
        os.utime(hidden / name, (1, (hidden / name).stat().st_mtime - age))
    assert store.sweep(3600, dry_run=True) == 1
    assert store.sweep(3600) == 1
    assert files(hidden) == ["young"]
    assert store.sweep(0) == 1
    assert files(store.root) == [KEY]


def test_nothing_stays_open(store: FolderStore) -> None:
    """Files, folders and locks are let go, also after errors and lists that nobody read to their end."""
    version = store.replace(item(POINTER, b"1"), None)
    store.put(item(KEY, b"x"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        outcome(lambda: store.replace(item(POINTER, b"2"), "another"))
        outcome(lambda: store.put(item(KEY, b"other")))
        outcome(lambda: store.put(item("a/b", b"x", sha256="0" * 64)))
        store.read("none/at/all")
        store.delete(POINTER, "another")
        listed = store.list("")
        next(listed)
        listed.close()  # type: ignore[attr-defined]
        store.sweep(0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert store.stat(POINTER) is not None
    assert version
