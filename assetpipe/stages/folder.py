"""A folder as a shelf: one file an entry, the least recently used go first when there is no more room.

`<folder>/<source, 2 digits>/<source>/<entry>`. A writer works on a file beside it and renames it, so no reader sees a
part. Nothing is synced: after a power cut an entry may be damaged, which its hash tells. When it was last used is its
time of modification, set at each reading: access times are off on most machines.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assetpipe.stages.shelf import Piece, Slot

NAME = re.compile(r"[0-9a-f]{64}/[a-z]+-[0-9a-f]{40}")
PARTIAL, TRIMMED = ".partial-", ".trimmed"
ABANDONED = 86_400.0
"""Seconds after which a partial file has no writer any more."""
ROOM = 0.9
"""Of what it may have that is left after trimming, so that not every build has to trim."""


@dataclass(frozen=True)
class FolderShelf:
    root: Path
    most: int
    """bytes"""
    every: float = 300.0
    """Seconds from one trimming to the next: a look at each of 100,000 small files takes one."""

    @property
    def place(self) -> str:
        return str(self.root)

    def open(self, name: str) -> BinaryIO | None:
        path = self._path(name)
        try:
            file = path.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return None
        with suppress(OSError):  # of a folder that we may only read
            os.utime(path)
        return file

    def write(self, name: str, pieces: Iterable[Piece]) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.parent / f"{PARTIAL}{secrets.token_hex(8)}"
        try:
            with partial.open("xb") as file:
                file.writelines(pieces)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def slots(self) -> Iterator[Slot]:
        for path, status in self._files():
            name = path.relative_to(self.root).as_posix()[3:]
            if NAME.fullmatch(name):
                yield Slot(name, status.st_size, status.st_mtime)

    def trim(self) -> int:
        """Several at once may trim: each stops where its own count says that there is room."""
        if not self._is_due():
            return 0
        self._sweep()
        slots = sorted(self.slots(), key=lambda slot: (slot.used, slot.name))
        size = sum(slot.bytes for slot in slots)
        gone = 0
        for slot in slots if size > self.most else ():
            if size - gone <= ROOM * self.most:
                break
            self.remove(slot.name)
            self._forget_empty(self._path(slot.name).parent)
            gone += slot.bytes
        return gone

    def _is_due(self) -> bool:
        mark = self.root / TRIMMED
        try:
            due = time.time() - mark.stat().st_mtime >= self.every
        except FileNotFoundError:
            due = self.root.is_dir()
        if due:
            mark.touch()
        return due

    def _sweep(self) -> None:
        """What writers left that were killed."""
        for path, status in self._files():
            if path.name.startswith(PARTIAL) and status.st_mtime < time.time() - ABANDONED:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Others may remove what we see."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/*/*"):
            with suppress(OSError):
                yield path, path.lstat()

    def _forget_empty(self, folder: Path) -> None:
        with suppress(OSError):  # not empty
            folder.rmdir()
            folder.parent.rmdir()

    def _path(self, name: str) -> Path:
        assert NAME.fullmatch(name), name
        return self.root / name[:2] / name
