"""An open folder and a name in it -> what the store knows of that object; Item -> the record that its file carries."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from assetpipe.delivery.folders import link_refused
from assetpipe.delivery.store import Found, Item, Stat
from assetpipe.errors import UsageError

ATTRIBUTE = "user.assetpipe"
LONGEST = 3_500
"""Bytes of a record: ext4 keeps all attributes of a file in one block of 4096."""


def record_of(item: Item) -> bytes:
    record = {
        "cache_control": item.cache_control,
        "content_type": item.content_type,
        "metadata": dict(item.metadata),
        "sha256": item.sha256,
        "tags": dict(item.tags),
    }
    data = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(data) <= LONGEST, f"{item.key}: a record of {len(data)} bytes"
    return data


def version_of(record: bytes) -> str:
    return hashlib.sha256(record).hexdigest()[:32]


def write_record(handle: int, item: Item) -> None:
    try:
        os.setxattr(handle, ATTRIBUTE, record_of(item))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        raise UsageError(
            "E_STORE_ATTRIBUTES",
            f"{item.key}: this file system keeps no extended attributes, in which the store records hashes",
            hint="choose a --to on ext4, xfs, btrfs, zfs, or tmpfs of Linux 6.6 and later",
        ) from error


def stat_at(folder: int, name: str, key: str) -> Stat | None:
    with _opened(folder, name) as handle:
        return None if handle is None else _stat(handle, key)


def read_at(folder: int, name: str, key: str) -> tuple[Found, str] | None:
    """With the sha256 that the bytes have now."""
    with _opened(folder, name) as handle:
        if handle is None:
            return None
        with open(handle, "rb", closefd=False) as file:
            body = file.read()
        return Found(_stat(handle, key), body), hashlib.sha256(body).hexdigest()


def adopt(folder: int, name: str, item: Item) -> str:
    """A file that was copied here without its record gets it, if its bytes are the item's; returns their sha256."""
    with _opened(folder, name) as handle:
        if handle is None:
            return ""
        with open(handle, "rb", closefd=False) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 == item.sha256:
            with suppress(PermissionError):  # of another user: still the same bytes
                write_record(handle, item)
            os.fsync(handle)
        return sha256


def _stat(handle: int, key: str) -> Stat:
    status = os.fstat(handle)
    record = _record(handle)
    sha256 = _sha256(record)
    version = version_of(record) if sha256 else f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"
    return Stat(key, status.st_size, sha256, version, status.st_mtime_ns / 1e9)


def _record(handle: int) -> bytes:
    try:
        return os.getxattr(handle, ATTRIBUTE)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return b""
        raise


def _sha256(record: bytes) -> str:
    """ "" for a record that is none of ours."""
    try:
        return str(json.loads(record)["sha256"])
    except (ValueError, TypeError, KeyError):
        return ""


@contextmanager
def _opened(folder: int, name: str) -> Iterator[int | None]:
    """None for what is no file. A pipe would make the open wait for its other end."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise link_refused(name) from None
        raise
    try:
        yield handle if stat.S_ISREG(os.fstat(handle).st_mode) else None
    finally:
        os.close(handle)
