"""A shelf -> what is on it, by source; and what goes from it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass

from assetpipe.stages.shelf import Shelf, Slot

DAY = 86_400.0


@dataclass(frozen=True)
class Holding:
    """All that is kept of one source."""

    source: str
    """sha256 of its main file"""
    stages: tuple[str, ...]
    bytes: int
    used: float
    """Seconds since 1970; of a store when it was last written."""


def holdings(shelf: Shelf) -> list[Holding]:
    """What was used last comes first."""
    found: dict[str, list[Slot]] = defaultdict(list)
    for slot in shelf.slots():
        found[slot.name.partition("/")[0]].append(slot)
    return sorted(
        (_holding(source, slots) for source, slots in found.items()), key=lambda each: (-each.used, each.source)
    )


def clear(shelf: Shelf, days: float = 0.0) -> tuple[int, int]:
    """Remove what was not used for so many days; how many entries and bytes that was."""
    before = time.time() - days * DAY
    old = [slot for slot in shelf.slots() if slot.used <= before]
    for slot in old:
        shelf.remove(slot.name)
    return len(old), sum(slot.bytes for slot in old)


def _holding(source: str, slots: list[Slot]) -> Holding:
    stages = tuple(sorted(slot.name.partition("/")[2].partition("-")[0] for slot in slots))
    return Holding(source, stages, sum(slot.bytes for slot in slots), max(slot.used for slot in slots))
