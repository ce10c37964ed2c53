"""What is published, as it can be asked: an Entry for each asset. The store is the truth; a catalog can be made from it
again (`entries_of`). tests/delivery holds every catalog to each sentence below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from assetpipe.delivery.keys import Keys, keys_of
from assetpipe.delivery.pointer import Pointer, Status, parse_pointer
from assetpipe.delivery.store import Store
from assetpipe.errors import SourceError
from assetpipe.manifest import parse_manifest


@dataclass(frozen=True)
class File:
    """One level, or the poster (which has no size and no triangles here)."""

    level: str
    key: str
    sha256: str
    bytes: int = 0
    triangles: int = 0


@dataclass(frozen=True)
class Entry:
    """An asset as its pointer says."""

    category: str
    asset: str
    revision: str
    sequence: int
    """counts the moves of the asset's pointer: of two entries the one with more is newer, without any clock"""
    status: Status
    updated: float
    """seconds since 1970 by the store's clock: when the pointer moved; for people and for order"""
    files: tuple[File, ...]
    announced: int = field(default=0, compare=False)
    """the sequence up to which caches were told; kept by the catalog, whatever `record` is given"""

    @property
    def keys(self) -> Keys:
        return Keys(self.category, self.asset)


@dataclass(frozen=True)
class Move:
    """One move of an asset's pointer."""

    sequence: int
    revision: str
    status: Status
    updated: float


@dataclass(frozen=True)
class Page:
    entries: tuple[Entry, ...]
    after: str
    """what to give to the next query; "" on the last page"""


class Catalog(Protocol):
    """Several processes use one catalog at a time. Errors are those of `assetpipe.errors`."""

    @property
    def place(self) -> str:
        """As the user would name it. Holds no secret."""
        ...

    def record(self, entry: Entry) -> bool:
        """Put an entry in the place of an older one and note the move, both or neither. Where the catalog has this
        sequence of the asset or a later one nothing changes, and False is returned: of publishers that arrive in any
        order the last move wins. When this returns True every `get` and `listing` sees the entry."""
        ...

    def record_all(self, entries: Iterable[Entry]) -> None:
        """As `record` for each, some or all of them at a time. When it raises any of them may have been recorded."""
        ...

    def get(self, category: str, asset: str) -> Entry | None: ...

    def listing(self, category: str) -> Iterator[Entry]:
        """All of a category, by asset name. Sees every `record` that had returned before: indexes are made of it."""
        ...

    def query(self, category: str, *, status: Status | None = None, limit: int = 100, after: str = "") -> Page:
        """Newest first, then by name, last first. May be seconds behind `record`. What neither came nor changed
        between two pages is on exactly one of them."""
        ...

    def moves(self, category: str, asset: str) -> list[Move]:
        """Newest first: what this catalog has seen; one that was made again from its store knows the last only."""
        ...

    def categories(self) -> list[str]:
        """By name."""
        ...

    def announce(self, category: str, asset: str, sequence: int) -> None:
        """Caches were told up to here; a lower sequence than the one noted changes nothing."""
        ...

    def announce_all(self, told: Iterable[tuple[str, str, int]]) -> None:
        """As `announce` for each (category, asset, sequence), some or all of them at a time."""
        ...

    def forget(self, category: str, asset: str) -> None:
        """Entry and moves go: before the entry is made from the store again, or because the store has it no more."""
        ...


def entry_of(pointer: Pointer, place: str, updated: float) -> Entry:
    manifest = parse_manifest(pointer.document, place)
    keys = keys_of(manifest)
    files = [
        File(level.name, keys.level(level), level.sha256, level.bytes, level.triangles) for level in manifest.levels
    ]
    if manifest.poster:
        files.append(File("poster", keys.poster(manifest.poster.sha256), manifest.poster.sha256))
    return Entry(keys.category, keys.asset, pointer.revision, pointer.sequence, pointer.status, updated, tuple(files))


def entries_of(store: Store, category: str = "") -> Iterator[Entry]:
    """From the pointers; broken ones are left out (`verify` names them)."""
    for keys in pointers_of(store, category):
        try:
            found = store.read(keys.pointer)
            if found:
                yield entry_of(parse_pointer(found.body, keys.pointer), keys.pointer, found.stat.modified)
        except SourceError:
            continue


def pointers_of(store: Store, category: str = "") -> Iterator[Keys]:
    for stat in store.list(f"{category}/manifest/" if category else ""):
        parts = stat.key.split("/")
        if len(parts) == 3 and parts[1] == "manifest" and not is_index_key(stat.key) and stat.key.endswith(".json"):
            yield Keys(parts[0], parts[2].removesuffix(".json"))


def is_index_key(key: str) -> bool:
    return bool(re.fullmatch(r"[^/]+/manifest/index(-\d+)?\.json", key))


def rebuild(store: Store, catalog: Catalog, entries: Iterable[Entry] | None = None) -> int:
    """Make entries from the store again, whatever the catalog holds; returns how many it had otherwise."""
    mended = 0
    for entry in entries_of(store) if entries is None else entries:
        if catalog.get(entry.category, entry.asset) != entry:
            catalog.forget(entry.category, entry.asset)
            mended += catalog.record(entry)
    return mended
