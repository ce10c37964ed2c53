"""A folder of a child's own as its shelf: it asks there for what it may have, and lays down what it has made.

Whoever reads a stranger's file has neither keys nor the rights to a folder that others use. So its parent stands at the
shelf: `ask/<entry>` is a question; `given/<entry>` is the answer, empty where there is none; `made/<entry>` is taken
away; `bad/<entry>` asks for removal. `batch/trays.py` is the other side, which believes nothing that it sees here.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assetpipe.stages.shelf import Piece, Slot

ASK, GIVEN, MADE, BAD = "ask", "given", "made", "bad"
FOLDERS = (ASK, GIVEN, MADE, BAD)
TRAY = "stages"
"""The tray's name in a child's folder."""
PATIENCE = 60.0
"""Seconds that an answer may take: from far away, and behind others."""
TICK = 0.01
PARTIAL = ".partial"


def make_tray(folder: Path) -> None:
    for name in FOLDERS:
        (folder / TRAY / name).mkdir(parents=True)


@dataclass(frozen=True)
class TrayShelf:
    root: Path

    @property
    def place(self) -> str:
        return "the cache"

    def open(self, name: str) -> BinaryIO | None:
        entry = _entry(name)
        given = self.root / GIVEN / entry
        (self.root / ASK / entry).touch()
        until = time.monotonic() + PATIENCE
        while not given.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"no answer in {PATIENCE:.0f} s")
            time.sleep(TICK)
        data = given.read_bytes()
        given.unlink()
        return io.BytesIO(data) if data else None

    def write(self, name: str, pieces: Iterable[Piece]) -> None:
        partial = self.root / MADE / f"{PARTIAL}-{_entry(name)}"
        with partial.open("wb") as file:
            file.writelines(pieces)
        partial.rename(self.root / MADE / _entry(name))

    def remove(self, name: str) -> None:
        (self.root / BAD / _entry(name)).touch()

    def slots(self) -> Iterator[Slot]:
        return iter(())

    def trim(self) -> int:
        return 0


def _entry(name: str) -> str:
    """Of which source the parent knows."""
    return name.rpartition("/")[2]
