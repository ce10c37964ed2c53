"""Where results are kept: what a folder and a store promise, and nothing else is asked of them.

A shelf forgets as it likes: a result that is gone is made again. So nothing here is durable, and no fault of a shelf
fails a build: `Kept` says it once and goes on without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

Piece = bytes | memoryview


@dataclass(frozen=True)
class Slot:
    """An entry as a list shows it."""

    name: str
    bytes: int
    used: float
    """Seconds since 1970, when it was last read or written; of a store, written."""


class Shelf(Protocol):
    """Names are `<sha256 of a source>/<stage>-<hash>`. Faults are OSError or AssetpipeError."""

    @property
    def place(self) -> str:
        """As the user names it."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """To be read; None when there is none. What is there may be anything: `read_entry` looks."""
        ...

    def write(self, name: str, pieces: Iterable[Piece]) -> None:
        """Whole or not at all, over what was there. Of several writers at once any may be the one that stays."""
        ...

    def remove(self, name: str) -> None: ...

    def slots(self) -> Iterator[Slot]:
        """In no order."""
        ...

    def trim(self) -> int:
        """Keep to the size that this shelf may have; returns the bytes that went."""
        ...
