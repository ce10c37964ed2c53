"""Between children and the shelf of stages' results: what a child asks for is copied to it, what it made away from it.

A child may have been taken over by the file that it reads. So the shelf's folder and the keys to its store stay here; a
child reaches results of its own source only, whose hash is ours, not its word; its folders are held open from before
it began, links in them are not followed, and its files are copied, never moved: it may still be writing them. What it
makes up under its own source's hash comes back to nobody but who builds the same file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from assetpipe.errors import AssetpipeError
from assetpipe.log import Event, Report
from assetpipe.stages.shelf import Piece, Shelf, Slot
from assetpipe.stages.tray import ASK, BAD, FOLDERS, GIVEN, MADE, TRAY

ENTRY = re.compile(r"[a-z]{1,20}-[0-9a-f]{40}")
TICK = 0.05
"""Seconds between two looks at the trays."""
PIECE = 1 << 20
"""Bytes in memory at a time."""
PAUSE = 60.0
"""Seconds that a shelf which has failed is left alone: whoever cannot be reached keeps everybody waiting."""
MOST_BYTES, MOST_WISHES = 2_000_000_000, 64
"""That one child may lay down, and how often anything may be done for it. A build makes seven entries of 50 MB."""


class _ShelfFault(Exception):
    """Of the shelf itself; what goes wrong in a tray is its child's business."""


class _Nowhere:
    """A shelf that nothing is in, and nothing is put on."""

    place = "nowhere"

    def open(self, _name: str) -> None:
        return None

    def write(self, _name: str, _pieces: Iterable[Piece]) -> None: ...

    def remove(self, _name: str) -> None: ...

    def slots(self) -> Iterator[Slot]:
        return iter(())

    def trim(self) -> int:
        return 0


NOWHERE: Shelf = _Nowhere()


@dataclass
class _Tray:
    asset: str
    source: Path
    folders: dict[str, int]
    """Open, by name."""
    wishes: int = 0
    bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    sha256: str = ""


class Trays:
    """Of all children of a run, served by one thread. Without a shelf nobody gets a tray."""

    def __init__(self, shelf: Shelf | None, report: Report) -> None:
        self._shelf, self._report = shelf, report
        self._trays: dict[Path, _Tray] = {}
        self._over = threading.Event()
        self._not_before = 0.0
        self._untidy = False
        self._thread = threading.Thread(target=self._serve_all, name="trays", daemon=True)

    def __enter__(self) -> Trays:
        if self._shelf is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._shelf is not None:
            self._thread.join()

    @property
    def open(self) -> bool:
        """Whether a child should be told that it has a tray."""
        return self._shelf is not None

    def lay(self, folder: Path, asset: str, source: Path) -> None:
        """For a child that has just been started, in its own folder."""
        if self._shelf is None:
            return
        with suppress(OSError):  # then it gets no answers
            self._trays[folder] = _Tray(asset, source, {name: _open_folder(folder / TRAY / name) for name in FOLDERS})

    def clear(self, folder: Path) -> None:
        """After a child's end, however it came: what it had finished is kept."""
        tray = self._trays.pop(folder, None)
        if tray is None:
            return
        with tray.lock:
            self._serve(tray)
            for handle in tray.folders.values():
                os.close(handle)
            tray.folders.clear()
        self._untidy = True

    def _serve_all(self) -> None:
        while not self._over.wait(TICK):
            for tray in list(self._trays.values()):
                with tray.lock:
                    self._serve(tray)
            if self._untidy:
                self._untidy = False
                self._tidy()
        self._tidy()

    def _serve(self, tray: _Tray) -> None:
        """Removed first, then put: a damaged entry is followed by a whole one."""
        if not tray.folders:  # cleared meanwhile
            return
        for entry in _entries(tray.folders[BAD]):
            self._do(tray, _remove, entry)
        for entry in _entries(tray.folders[MADE]):
            self._do(tray, _take, entry)
        for entry in _entries(tray.folders[ASK]):
            self._do(tray, _answer, entry)

    def _do(self, tray: _Tray, do: Callable[[Shelf, _Tray, str], None], entry: str) -> None:
        """What the shelf refuses is said, and costs time only."""
        assert self._shelf is not None
        tray.wishes += 1
        if tray.wishes > MOST_WISHES:
            return
        shelf = self._shelf if time.monotonic() >= self._not_before else NOWHERE
        try:
            do(shelf, tray, entry)
        except _ShelfFault as fault:
            self._not_before = time.monotonic() + PAUSE
            self._report(Event("warning", tray.asset, f"stages are not kept: {fault}"))
        except OSError:
            pass

    def _tidy(self) -> None:
        assert self._shelf is not None
        with suppress(OSError, AssetpipeError):
            self._shelf.trim()


def _answer(shelf: Shelf, tray: _Tray, entry: str) -> None:
    """A file that is empty says no, also where the shelf has failed."""
    _forget(tray.folders[ASK], entry)
    partial = f".partial-{entry}"
    try:
        with _writing(tray.folders[GIVEN], partial) as out:
            name = _name(tray, entry)
            with _blaming(shelf):
                found = shelf.open(name)
            if found is not None:
                with found:
                    shutil.copyfileobj(found, out, PIECE)
    except BaseException:
        with _writing(tray.folders[GIVEN], partial):
            raise
    finally:
        os.rename(partial, entry, src_dir_fd=tray.folders[GIVEN], dst_dir_fd=tray.folders[GIVEN])


def _take(shelf: Shelf, tray: _Tray, entry: str) -> None:
    try:
        handle = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=tray.folders[MADE])
    finally:
        _forget(tray.folders[MADE], entry)
    try:
        status = os.fstat(handle)
        tray.bytes += status.st_size
        if stat.S_ISREG(status.st_mode) and tray.bytes <= MOST_BYTES:
            name = _name(tray, entry)
            with _blaming(shelf):
                shelf.write(name, _pieces(handle, status.st_size))
    finally:
        os.close(handle)


def _remove(shelf: Shelf, tray: _Tray, entry: str) -> None:
    _forget(tray.folders[BAD], entry)
    name = _name(tray, entry)
    with _blaming(shelf):
        shelf.remove(name)


@contextmanager
def _blaming(shelf: Shelf) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise _ShelfFault(f"{shelf.place}: {fault.strerror or fault}") from fault
    except AssetpipeError as fault:
        raise _ShelfFault(fault.message) from fault


def _pieces(file: int, size: int) -> Iterator[bytes]:
    """No more than it had when we looked."""
    while size > 0 and (piece := os.read(file, min(PIECE, size))):
        size -= len(piece)
        yield piece


def _name(tray: _Tray, entry: str) -> str:
    if not tray.sha256:
        with tray.source.open("rb") as file:
            tray.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{tray.sha256}/{entry}"


def _entries(folder: int) -> list[str]:
    with suppress(OSError):
        return sorted(name for name in os.listdir(folder) if ENTRY.fullmatch(name))
    return []


def _forget(folder: int, name: str) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


@contextmanager
def _writing(folder: int, name: str) -> Iterator[BinaryIO]:
    """A new file, whatever stands in its place."""
    _forget(folder, name)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        yield file
