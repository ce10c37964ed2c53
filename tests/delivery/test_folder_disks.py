"""A folder store on disks that are full, read-only, without records, or in the way."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import subprocess
from pathlib import Path

import pytest

from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.store import Item
from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, UsageError
from tests.delivery.children import run
from tests.delivery.conformance import item, outcome

KEY, POINTER = "furniture/high/chair.0123456789abcdef.glb", "furniture/manifest/chair.json"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


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


@pytest.mark.mounts
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


@pytest.mark.mounts
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


@pytest.mark.mounts
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


class mounted:  # noqa: N801  used as a function
    """A file system of its own, for tests that are marked so."""

    def __init__(self, kind: str, at: Path, options: str) -> None:
        self.command, self.at = ["mount", "-t", kind, "-o", options, "assetpipe-test", str(at)], at

    def __enter__(self) -> Path:
        self.at.mkdir()
        subprocess.run(self.command, check=True)
        return self.at

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self.at], check=True)
