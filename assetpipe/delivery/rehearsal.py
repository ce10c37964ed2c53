"""Store, catalog -> a catalog that writes nothing: what is asked is read, what is written is kept in this process.

Nothing is copied: a rehearsal of one asset asks for as much as its publish would.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import merge

from assetpipe.delivery.catalog import Catalog, Entry, Move, Page, entries_of, entry_of
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Status, look
from assetpipe.delivery.sqlite import SqliteCatalog
from assetpipe.delivery.store import Store


def rehearse(catalog: Catalog, store: Store) -> Catalog:
    """A catalog's file is made from the store at the first question; a rehearsal is not to make one."""
    unmade = isinstance(catalog, SqliteCatalog) and not catalog.path.exists()
    return RehearsedCatalog(StoreCatalog(store, catalog.place) if unmade else catalog)


def to_look_at(catalog: Catalog, store: Store) -> Catalog:
    """A catalog's file is locked by who asks it. Who may not write there is answered from the store; so is who looks at
    a folder in which nothing was ever published, for it may be another than was meant."""
    closed = isinstance(catalog, SqliteCatalog) and not os.access(catalog.path.parent, os.W_OK)
    return RehearsedCatalog(StoreCatalog(store, catalog.place)) if closed else catalog


@dataclass(frozen=True)
class StoreCatalog:
    """What a store's pointers say, read each time; for reading alone."""

    store: Store
    place: str

    def get(self, category: str, asset: str) -> Entry | None:
        keys = Keys(category, asset)
        seen = look(self.store, keys)
        return entry_of(seen.pointer, keys.pointer, seen.modified) if seen.pointer else None

    def listing(self, category: str) -> Iterator[Entry]:
        return iter(sorted(entries_of(self.store, category), key=lambda entry: entry.asset))

    def moves(self, category: str, asset: str) -> list[Move]:
        entry = self.get(category, asset)
        return [Move(entry.sequence, entry.revision, entry.status, entry.updated)] if entry else []

    def categories(self) -> list[str]:
        return sorted({entry.category for entry in entries_of(self.store)})


@dataclass
class RehearsedCatalog:
    """Over another one, which stays as it is."""

    under: Catalog | StoreCatalog
    _over: MemoryCatalog = field(default_factory=MemoryCatalog)
    _forgotten: set[tuple[str, str]] = field(default_factory=set)

    @property
    def place(self) -> str:
        return self.under.place

    def record(self, entry: Entry) -> bool:
        self._take_up(entry.category, entry.asset)
        return self._over.record(entry)

    def record_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.record(entry)

    def get(self, category: str, asset: str) -> Entry | None:
        found = self._over.get(category, asset)
        return found if found or (category, asset) in self._forgotten else self.under.get(category, asset)

    def listing(self, category: str) -> Iterator[Entry]:
        over = list(self._over.listing(category))
        hidden = {entry.asset for entry in over} | {asset for name, asset in self._forgotten if name == category}
        rest = (entry for entry in self.under.listing(category) if entry.asset not in hidden)
        return merge(over, rest, key=lambda entry: entry.asset)

    def query(self, category: str, *, status: Status | None = None, limit: int = 100, after: str = "") -> Page:
        all_of_it = MemoryCatalog()
        for entry in self.listing(category):
            all_of_it.record(entry)
        return all_of_it.query(category, status=status, limit=limit, after=after)

    def moves(self, category: str, asset: str) -> list[Move]:
        own = self._over.moves(category, asset)
        before = [] if (category, asset) in self._forgotten else self.under.moves(category, asset)
        return own + [move for move in before if move.sequence not in {each.sequence for each in own}]

    def categories(self) -> list[str]:
        return sorted({*self._over.categories(), *self.under.categories()})

    def announce(self, category: str, asset: str, sequence: int) -> None:
        self._take_up(category, asset)
        self._over.announce(category, asset, sequence)

    def announce_all(self, told: Iterable[tuple[str, str, int]]) -> None:
        for category, asset, sequence in told:
            self.announce(category, asset, sequence)

    def forget(self, category: str, asset: str) -> None:
        self._forgotten.add((category, asset))
        self._over.forget(category, asset)

    def _take_up(self, category: str, asset: str) -> None:
        """What is changed is taken over as it was first."""
        before = self.get(category, asset)
        if before and self._over.get(category, asset) is None:
            self._over.record(replace(before))
            self._over.announce(category, asset, before.announced)
