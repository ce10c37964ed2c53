"""What for -> a folder for what is not to last, gone when its process has ended, however that was.

Whoever ends normally removes it. Of who was killed, the next who makes one of these does. That a process lives is told
by its lock on the folder, which the system lets go with it: no pid that may have been given away, no age.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "assetpipe-scratch-"


@contextmanager
def scratch(what_for: str) -> Iterator[Path]:
    """In the user's temporary folder, for this user alone."""
    place = Path(tempfile.gettempdir())
    sweep(place)
    folder, lock = _make(place, what_for)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(place: Path) -> None:
    """What our own killed processes have left there. Folders of the living, and of other users, are not touched."""
    for folder in _candidates(place):
        with suppress(OSError):
            lock = _lock(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _candidates(place: Path) -> list[Path]:
    with suppress(OSError), os.scandir(place) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX) and _ours(entry)]
    return []


def _ours(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    return False


def _make(place: Path, what_for: str) -> tuple[Path, int]:
    """Until we have locked it, it looks as if left by the dead: who has lost it to a sweep makes another."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{what_for}-", dir=place))
        try:
            return folder, _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError:  # a file system without locks: nobody gets one, so nobody sweeps
            return folder, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _lock(folder: Path) -> int:
    """Of the folder that is there under this name now."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), folder.stat()):
            raise FileNotFoundError(folder)
    except BaseException:
        os.close(handle)
        raise
    return handle
