"""Root and parts of a key -> an open folder, reached step by step so that no symbolic link leads out of the store."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator, MutableSet, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from assetpipe.delivery.refusals import KEY
from assetpipe.errors import NotPermitted, TryAgain, UsageError

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
PATIENCE = 30.0
"""Seconds that we wait for a lock which others hold for milliseconds."""


@contextmanager
def opened(root: Path, parts: Sequence[str]) -> Iterator[int | None]:
    """None where there is no such folder, or a file in its place. Whoever holds it open keeps it, whatever its path
    leads to meanwhile."""
    try:
        handle = _descend(root, parts)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def made(root: Path, parts: Sequence[str], durable: MutableSet[str]) -> Iterator[int]:
    """As `opened`, but folders that are missing are made, and all names on the way survive a power cut: also those that
    another writer made, which may have died before it could see to that."""
    if "" not in durable or not root.is_dir():
        _make_root(root)
        durable.add("")
    handle = os.open(root, FOLDER)
    try:
        for depth, part in enumerate(parts):
            path = "/".join(parts[: depth + 1])
            child, is_new = _make(handle, part)
            try:
                if is_new or path not in durable:
                    os.fsync(handle)
                    durable.add(path)
            finally:
                os.close(handle)
                handle = child
        yield handle
    finally:
        os.close(handle)


@contextmanager
def locked(folder: int, place: str, *, shared: bool = False) -> Iterator[None]:
    _lock(folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, place)
    try:
        yield
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)  # a child forked meanwhile has the same lock: closing would leave it to it


def walk(root: Path, prefix: str) -> Iterator[tuple[int, str, str]]:
    """(open folder, name, key) of all files whose name can be that of an object, in the order of the keys."""
    with opened(root, []) as handle:
        if handle is not None:
            yield from _below(handle, "", prefix)


def _below(folder: int, above: str, prefix: str) -> Iterator[tuple[int, str, str]]:
    for name, is_folder in _entries(folder, above):
        key = above + name
        if not is_folder and key.startswith(prefix):
            yield folder, name, key
        elif is_folder and (f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/")):
            try:
                child = _step(folder, name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone since we looked
            try:
                yield from _below(child, f"{key}/", prefix)
            finally:
                os.close(child)


def _entries(folder: int, place: str) -> list[tuple[str, bool]]:
    """Locked, because a file system may show a name that is being replaced twice or not at all."""
    with locked(folder, place, shared=True), os.scandir(folder) as entries:
        found = [
            (entry.name, entry.is_dir(follow_symlinks=False))
            for entry in entries
            if KEY.fullmatch(entry.name) and not entry.is_symlink()
        ]
    # A folder counts as what its keys go on with: `a-b/x` is before `a/x`, for `-` is before `/`.
    return sorted(found, key=lambda entry: f"{entry[0]}/" if entry[1] else entry[0])


def _descend(root: Path, parts: Sequence[str]) -> int:
    handle = os.open(root, FOLDER)
    for part in parts:
        try:
            child = _step(handle, part)
        finally:
            os.close(handle)
        handle = child
    return handle


def _make(above: int, part: str) -> tuple[int, bool]:
    try:
        return _step(above, part), False
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=above)
        return _step(above, part), True


def _step(above: int, part: str) -> int:
    try:
        return os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(part, dir_fd=above, follow_symlinks=False).st_mode):
            raise link_refused(part) from None
        raise


def link_refused(part: str) -> NotPermitted:
    return NotPermitted(
        "E_STORE_LINK",
        f"{part}: is a symbolic link inside the store, which could lead out of it",
        hint="mount the other disk there, or put the whole store on it",
    )


def _make_root(root: Path) -> None:
    """From the top down, each name made to last before the next is made in it."""
    path = root.absolute()
    for folder in [*reversed(path.parents), path]:
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)
    with suppress(PermissionError):  # a folder that may be passed through but not read was made by somebody else
        _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, FOLDER)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(folder: int, kind: int, place: str) -> None:
    deadline, pause = time.monotonic() + PATIENCE, 0.001
    while True:
        try:
            return fcntl.flock(folder, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TryAgain(
                    "E_STORE_BUSY",
                    f"{place}: its folder has been locked by another process for {PATIENCE:.0f} s",
                    hint="`lslocks` shows by which one",
                ) from None
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
                raise
            raise UsageError(
                "E_STORE_LOCK",
                f"{place}: this file system cannot lock folders ({(error.strerror or '').lower()})",
                hint="choose a --to on a local disk, or S3",
            ) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
