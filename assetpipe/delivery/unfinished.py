"""Store, catalog -> what a publisher left that was stopped before its end, and that nobody has seen to since.

Two notes tell of it: a round that was begun and not ended (rounds.py), and assets that moved and of which caches were
not told. Both are there for a while in any publish; what is older than any round takes is somebody's who died.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assetpipe.delivery.catalog import Catalog, Entry
from assetpipe.delivery.rounds import WORK, Rounds
from assetpipe.delivery.store import Store


@dataclass(frozen=True)
class Waiting:
    """A category whose viewers may not see all that is published."""

    category: str
    assets: int
    """of which caches were not told, and which the index may not have"""
    round: bool
    """whether one was begun and never ended"""

    @property
    def many(self) -> str:
        return f"{self.assets:,} asset{'s'[: self.assets != 1]}"

    @property
    def fault(self) -> str:
        left = (
            f"nobody was told of {self.many}, and the index may lack it" if self.assets else "its index is not written"
        )
        return f"{self.category}: a publisher was stopped: {left}"


def waiting(
    store: Store,
    catalog: Catalog,
    every: float,
    categories: Sequence[str] | None = None,
    *,
    now: Callable[[], float] = time.time,
) -> list[Waiting]:
    """Of these categories, or of all that there are. `every`: [publish] index_seconds."""
    rounds = set(Rounds(store, every, clock=now).unfinished())
    names = sorted({*catalog.categories(), *rounds}) if categories is None else categories
    found = [Waiting(name, left(catalog.listing(name), every, now()), name in rounds) for name in names]
    return [one for one in found if one.assets or one.round]


def left(entries: Iterable[Entry], every: float, now: float) -> int:
    """How many of them moved longer ago than any round takes, and nobody was told."""
    return sum(entry.announced < entry.sequence and now - entry.updated >= every + WORK for entry in entries)
