"""Item -> a whole file on the store's disk that has no place yet; and the removal of those whose writers died."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from assetpipe.delivery.bodies import pieces
from assetpipe.delivery.records import write_record
from assetpipe.delivery.store import Item


@contextmanager
def written(item: Item, hidden: int) -> Iterator[str]:
    """Its name in the hidden folder: body checked, record set, both on the disk. It is gone after the `with`, unless
    it was renamed."""
    handle, name = _create(hidden)
    try:
        for piece in pieces(item):
            _write(handle, piece)
        write_record(handle, item)
        os.fsync(handle)
        yield name
    finally:
        with suppress(OSError):
            os.unlink(name, dir_fd=hidden)
        os.close(handle)


def sweep(hidden: int, older_than: float, *, dry_run: bool) -> int:
    with os.scandir(hidden) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    return sum(_swept(hidden, name, older_than, dry_run=dry_run) for name in names)


def _create(hidden: int) -> tuple[int, str]:
    """A file that a sweep found before we could lock it is removed: then we make another."""
    while True:
        name = secrets.token_hex(8)
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=hidden)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)


def _swept(hidden: int, name: str, older_than: float, *, dry_run: bool) -> bool:
    """A lock that can be had is that of a dead writer, and nobody takes it up again: names are never used twice."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=hidden)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.time() - os.fstat(handle).st_mtime < older_than:
            return False
        if not dry_run:
            os.unlink(name, dir_fd=hidden)
        return True
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(handle)


def _write(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
