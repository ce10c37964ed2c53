"""A folder as a store: what is at `<folder>/<key>` is the object, so that any web server can serve it as it is.

An object's record (sha256, content type, cache control, metadata, tags) is an extended attribute of its file. It is set
before the file gets its name, so that both appear in one rename and there is no second truth that could tear: a file
beside it cannot be replaced together with it. Web servers do not see it. `cp --preserve=xattr`, `rsync -X` and `tar
--xattrs` keep it; a file that was copied without is one that somebody else put there, until it is published again.

Writers work in `<folder>/.assetpipe/partial`, on files that they hold locked: so a sweep sees which belong to the dead.
A compare-and-swap holds the lock of the object's own folder: that needs no lock files, and the system frees locks when
their holder dies. Locks hold among the processes of one machine: on NFS or SMB one machine alone may move pointers, for
writers on two of them do not see each other's locks, and the later one would win. Readers may be anywhere.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assetpipe.bundle import disk_faults
from assetpipe.delivery import folders, partials, records
from assetpipe.delivery.refusals import checked, corrupt, moved, place, taken
from assetpipe.delivery.store import Found, Item, Stat
from assetpipe.errors import NotPermitted

PARTIALS = (".assetpipe", "partial")
CLOCK = 0.1
"""Seconds: files get their times from a clock that ticks 100 to 1000 times in one."""
TRIES = 10
"""Of a name that is there when we link and no object when we look: gone again, or not a file."""


@dataclass(frozen=True)
class FolderStore:
    root: Path
    """Made when something is first written. It may be a symbolic link; what is below it may not."""
    named: str = ""
    """as the user typed it"""
    _durable: set[str] = field(default_factory=set, repr=False, compare=False)
    """folders whose own names are known to survive a power cut"""
    _synced: dict[str, float] = field(default_factory=dict, repr=False, compare=False)
    """folder -> when all names in it were last made to survive one"""

    @property
    def url(self) -> str:
        return self.named or str(self.root)

    def put(self, item: Item) -> bool:
        with self._writing(item.key) as (folder, name):
            written = not _is_there(place(self, item.key), item, folder, name) and self._link(item, folder, name)
            self._make_last(item.key.rpartition("/")[0], folder, name)
            return written

    def replace(self, item: Item, expected: str | None) -> str:
        with self._writing(item.key) as (folder, name), self._partial(item) as (hidden, partial):
            with folders.locked(folder, place(self, item.key)):
                self._expect(item.key, expected, records.stat_at(folder, name, item.key))
                os.rename(partial, name, src_dir_fd=hidden, dst_dir_fd=folder)
            os.fsync(folder)
            return records.version_of(records.record_of(item))

    def read(self, key: str) -> Found | None:
        with self._reading(key) as (folder, name):
            found = None if folder is None else records.read_at(folder, name, key)
        if found and found[0].stat.sha256 not in ("", found[1]):
            raise corrupt(place(self, key), found[1], found[0].stat.sha256)
        return found[0] if found else None

    def stat(self, key: str) -> Stat | None:
        with self._reading(key) as (folder, name):
            return None if folder is None else records.stat_at(folder, name, key)

    def list(self, prefix: str) -> Iterator[Stat]:
        with _read_faults(Path(self.url)):
            for folder, name, key in folders.walk(self.root, prefix):
                if found := records.stat_at(folder, name, key):
                    yield found

    def delete(self, key: str, version: str) -> bool:
        with self._reading(key) as (folder, name), disk_faults(self._path(key), "--to"):
            if folder is None:
                return False
            with folders.locked(folder, place(self, key)):
                found = records.stat_at(folder, name, key)
                if found is None or found.version != version:
                    return False
                os.unlink(name, dir_fd=folder)
            os.fsync(folder)
            return True

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        with disk_faults(Path(self.url), "--to"), folders.opened(self.root, PARTIALS) as hidden:
            return 0 if hidden is None else partials.sweep(hidden, older_than, dry_run=dry_run)

    def _link(self, item: Item, folder: int, name: str) -> bool:
        """A second name never replaces a first one: of several writers one makes it, without any lock."""
        with self._partial(item) as (hidden, partial):
            for _ in range(TRIES):
                try:
                    os.link(partial, name, src_dir_fd=hidden, dst_dir_fd=folder)
                    return True
                except FileExistsError:
                    if _is_there(place(self, item.key), item, folder, name):
                        return False
        raise IsADirectoryError(errno.EISDIR, "not a file", item.key)

    def _make_last(self, path: str, folder: int, name: str) -> None:
        """Also where another writer linked it, which may have died before doing this; not where we did it since, which
        saves 2 ms for each object that is there already."""
        now = time.time()
        try:
            linked = os.stat(name, dir_fd=folder, follow_symlinks=False).st_ctime
        except FileNotFoundError:  # deleted since, by somebody whose deletion may not last
            linked = now
        if linked > self._synced.get(path, 0.0) - CLOCK:
            os.fsync(folder)
            self._synced[path] = now

    def _expect(self, key: str, expected: str | None, found: Stat | None) -> None:
        version = found.version if found else None
        if version != expected:
            raise moved(place(self, key), version, expected)

    @contextmanager
    def _partial(self, item: Item) -> Iterator[tuple[int, str]]:
        with folders.made(self.root, PARTIALS, self._durable) as hidden, partials.written(item, hidden) as name:
            yield hidden, name

    @contextmanager
    def _writing(self, key: str) -> Iterator[tuple[int, str]]:
        *parts, name = checked(key).split("/")
        with disk_faults(self._path(key), "--to"), folders.made(self.root, parts, self._durable) as folder:
            yield folder, name

    @contextmanager
    def _reading(self, key: str) -> Iterator[tuple[int | None, str]]:
        *parts, name = checked(key).split("/")
        with _read_faults(self._path(key)), folders.opened(self.root, parts) as folder:
            yield folder, name

    def _path(self, key: str) -> Path:
        return Path(self.url) / key


def _is_there(where: str, item: Item, folder: int, name: str) -> bool:
    """With this very content. What has no record gets ours, when its bytes are the same."""
    found = records.stat_at(folder, name, item.key)
    if found is None:
        return False
    sha256 = found.sha256 or records.adopt(folder, name, item)
    if sha256 != item.sha256:
        raise taken(where, sha256, item.sha256)
    return True


@contextmanager
def _read_faults(path: Path) -> Iterator[None]:
    with disk_faults(path, "--to"):
        try:
            yield
        except PermissionError as error:
            raise NotPermitted("E_NOT_READABLE", f"{path}: may not be read", hint="ask for rights") from error
