"""What a folder store promises beyond what all do: to web servers, to copies, on disks that refuse, among links."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.store import Item
from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, SourceError, TryAgain, UsageError
from tests.delivery.children import run
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


# refusals of the disk


@pytest.mark.parametrize("limit", [0, 1, 4096, 100_000, 199_999])
@pytest.mark.parametrize("write", ["put", "replace"])
def test_a_disk_that_takes_no_more_is_an_error(store: FolderStore, limit: int, write: str) -> None:
    """E_DISK_FULL at whatever byte it fills: nothing is seen, nothing is left, and with space the same works (P15)."""
    sent = item(POINTER, b"0123456789" * 20_000)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        with pytest.raises(LimitExceeded, match=POINTER) as caught:
            store.put(sent) if write == "put" else store.replace(sent, None)
        assert caught.value.code == "E_DISK_FULL"

    assert run(fill) == 0
    assert files(store.root) == []
    assert store.put(sent)


def test_a_full_disk_is_an_error_at_every_step(tmp_path: Path) -> None:
    """A disk of 1 MB filled to its last page: folders, bodies and names fail alike, and what was there stays."""
    with mounted("tmpfs", tmp_path / "disk", "size=1m"):
        store, put = FolderStore(tmp_path / "disk" / "store"), list[Item]()
        codes = set()
        for n in range(400):
            sent = item(f"c{n}/high/a.glb", hashlib.sha256(str(n).encode()).digest() * 200)
            result = outcome(lambda sent=sent: store.put(sent))
            put += [sent] if result is True else []
            codes.add(result.code if isinstance(result, AssetpipeError) else "")
        assert codes == {"", "E_DISK_FULL"}
        assert [stat.key for stat in store.list("")] == sorted(sent.key for sent in put)
        assert all(found and found.body == sent.body for sent in put if (found := store.read(sent.key)) or True)
        assert files(store.root / ".assetpipe") == []
        stat = store.stat(put[0].key)
        assert stat is not None
        assert store.delete(stat.key, stat.version)
        assert store.put(put[0])


def test_a_disk_that_may_not_be_written_is_read(tmp_path: Path) -> None:
    """Exit code 77 for every write, named; reads go on."""
    with mounted("tmpfs", tmp_path / "disk", "size=1m") as disk:
        store = FolderStore(disk / "store")
        store.put(item(KEY, b"glTF"))
        stat = store.stat(KEY)
        assert stat is not None
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for call in (
            lambda: store.put(item("a/b", b"x")),
            lambda: store.put(item("furniture/high/b", b"x")),
            lambda: store.replace(item(POINTER, b"x"), None),
            lambda: store.delete(KEY, stat.version),
        ):
            with pytest.raises(NotPermitted) as caught:
                call()
            assert caught.value.code == "E_NOT_WRITABLE"
            assert str(disk) in caught.value.message
        found = store.read(KEY)
        assert found is not None
        assert found.body == b"glTF"
        assert store.put(item(KEY, b"glTF")) is False
        assert [stat.key for stat in store.list("")] == [KEY]


def test_a_disk_that_keeps_no_records_is_refused(tmp_path: Path) -> None:
    """Before anything is seen: without its record an object could not be checked."""
    with mounted("ramfs", tmp_path / "disk", "mode=755") as disk:
        store = FolderStore(disk / "store")
        for write in (lambda: store.put(item(KEY, b"x")), lambda: store.replace(item(POINTER, b"x"), None)):
            with pytest.raises(UsageError, match="extended attributes") as caught:
                write()
            assert caught.value.code == "E_STORE_ATTRIBUTES"
        assert files(store.root) == []
        (store.root / "furniture" / "high").mkdir(parents=True, exist_ok=True)
        (store.root / KEY).write_bytes(b"theirs")
        found = store.read(KEY)
        assert found is not None
        assert (found.body, found.stat.sha256) == (b"theirs", "")


def test_rights_that_are_missing_are_named(store: FolderStore) -> None:
    """E_NOT_WRITABLE for a folder, E_NOT_READABLE for an object: whoever grants rights must act."""
    store.put(item(KEY, b"glTF"))
    (store.root / KEY).chmod(0o000)
    folder = (store.root / KEY).parent
    folder.chmod(0o555)
    codes = {
        "E_NOT_WRITABLE": lambda: store.put(item("furniture/high/b", b"x")),
        "E_NOT_READABLE": lambda: store.read(KEY),
    }

    def as_nobody() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        for expected, call in codes.items():
            with pytest.raises(NotPermitted) as caught:
                call()
            assert caught.value.code == expected

    for parent in [*reversed(folder.parents)][1:]:
        if parent.owner() == store.root.owner() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    (store.root / ".assetpipe" / "partial").chmod(0o777)
    assert run(as_nobody) == 0


@pytest.mark.parametrize(
    ("name", "code"), [("file", "E_NOT_A_FOLDER"), ("file/below", "E_NOT_A_FOLDER"), ("n" * 256, "E_NAME_TOO_LONG")]
)
def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path, name: str, code: str) -> None:
    """With what to do about it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotPermitted, match=re.escape(str(tmp_path))) as caught:
        FolderStore(tmp_path / name).put(item(KEY, b"x"))
    assert caught.value.code == code
    assert "--to" in caught.value.hint


def test_a_file_where_a_category_should_be_is_named(store: FolderStore) -> None:
    """Reading below it finds nothing; writing says what stands in the way."""
    store.put(item("furniture", b"x"))
    assert store.read(KEY) is None
    for write in (lambda: store.put(item(KEY, b"x")), lambda: store.replace(item(POINTER, b"x"), None)):
        with pytest.raises(NotPermitted, match="furniture") as caught:
            write()
        assert caught.value.code == "E_NOT_A_FOLDER"


def test_a_folder_where_an_object_should_be_is_named(store: FolderStore) -> None:
    """It is no object, and none can be put in its place."""
    store.put(item("furniture/high/a.glb/b", b"x"))
    assert store.stat("furniture/high/a.glb") is None
    results = [
        outcome(lambda: store.put(item("furniture/high/a.glb", b"x"))),
        outcome(lambda: store.replace(item("furniture/high/a.glb", b"x"), None)),
    ]
    assert [result.code for result in results if isinstance(result, AssetpipeError)] == ["E_IS_A_FOLDER"] * 2
    assert files(store.root) == ["furniture/high/a.glb/b"]


# power cuts


class Cuts:
    """What a power cut could take, by inode: bytes and records of files, names in folders. A sync makes it last."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.open: set[int] = set()
        self.named: list[int] = []
        """files that got a name before they were on the disk"""
        for name in ("write", "setxattr"):
            patch.setattr(os, name, self._dirtying(getattr(os, name)))
        for name, folder in (
            ("mkdir", "dir_fd"),
            ("link", "dst_dir_fd"),
            ("rename", "dst_dir_fd"),
            ("unlink", "dir_fd"),
        ):
            patch.setattr(os, name, self._naming(getattr(os, name), folder))
        patch.setattr(os, "fsync", self._last)

    def _dirtying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(handle: int, *rest: Any) -> Any:
            self.open.add(os.fstat(handle).st_ino)
            return call(handle, *rest)

        return done

    def _naming(self, call: Callable[..., Any], folder: str) -> Callable[..., Any]:
        def done(*args: Any, **kwargs: Any) -> Any:
            if folder not in kwargs:  # a path: the root, made step by step
                self.open.add(Path(args[0]).parent.stat().st_ino)
                return call(*args, **kwargs)
            if folder == "dst_dir_fd":
                inode = os.stat(args[0], dir_fd=kwargs["src_dir_fd"], follow_symlinks=False).st_ino
                self.named += [inode] if inode in self.open else []
            self.open.add(os.fstat(kwargs[folder]).st_ino)
            return call(*args, **kwargs)

        return done

    def _last(self, handle: int) -> None:
        self.open.discard(os.fstat(handle).st_ino)

    def at_risk(self, root: Path) -> list[str]:
        places = [*root.parents[:2], root, *root.rglob("*")]
        return [str(path) for path in places if path.stat().st_ino in self.open and ".assetpipe" not in path.parts]


def test_what_returned_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and records are on the disk before they get their name, and names, with those of all folders above them,
    before the call returns."""
    cuts = Cuts(monkeypatch)
    store = FolderStore(tmp_path / "on" / "store")
    calls: list[Callable[[], object]] = [
        lambda: store.put(item(KEY, b"glTF" * 1000)),
        lambda: store.replace(item(POINTER, b"1"), None),
        lambda: store.replace(item(POINTER, b"2"), _version(store, POINTER)),
        lambda: store.put(item(KEY.replace("chair", "sofa"), b"glTF")),
        lambda: store.delete(POINTER, _version(store, POINTER)),
    ]
    for call in calls:
        call()
        assert cuts.at_risk(tmp_path / "on" / "store") == []
    assert cuts.named == []


@pytest.mark.parametrize("times", [1, 2])
def test_what_a_dead_writer_had_linked_survives_a_power_cut_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """It died before its last sync: whoever then finds the object there, and says so, sees to that."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        FolderStore(tmp_path / "store").put(item(KEY, b"glTF"))
    synced, real = list[int](), os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), real(handle)))
    store = FolderStore(tmp_path / "store")
    for _ in range(times):
        assert store.put(item(KEY, b"glTF")) is False
    above = [tmp_path, *((tmp_path / "store" / KEY).parents)[:3]]
    assert {path.stat().st_ino for path in above} <= set(synced)


def _version(store: FolderStore, key: str) -> str:
    stat = store.stat(key)
    assert stat is not None
    return stat.version


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


class mounted:  # noqa: N801  used as a function
    """A file system of its own; where none may be mounted the test needs root."""

    def __init__(self, kind: str, at: Path, options: str) -> None:
        self.command, self.at = ["mount", "-t", kind, "-o", options, "assetpipe-test", str(at)], at

    def __enter__(self) -> Path:
        self.at.mkdir()
        done = subprocess.run(self.command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs root: {done.stderr.strip()}")
        return self.at

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self.at], check=True)
