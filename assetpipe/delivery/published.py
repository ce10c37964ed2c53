"""What a publish comes to, and what is left to do after it: its line in the index, and that caches are told."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.index import Index
from assetpipe.delivery.keys import Keys


@dataclass(frozen=True)
class Published:
    asset: str
    category: str
    revision: str
    changed: bool
    """whether the pointer was moved by this publish"""
    sequence: int = 0
    """which move of the asset's pointer it is that readers now see"""
    sent_bytes: int = 0
    sent: int = 0
    """objects written, pointers and indexes included"""
    mutable_keys: tuple[str, ...] = ()
    """what caches may still have as it was: to be invalidated, then announced"""
    nonce: str = ""
    """of pages of an index that were mended although nothing of theirs was to be announced"""

    @property
    def mark(self) -> str:
        """Names this publish among all that ever were, and is the same when it is run again. An index may be mended
        twice under one move of a pointer, and caches are to hear of both."""
        return f"{self.category}/{self.asset}@{self.sequence}-{self.revision}{self.nonce}"


def announce(catalog: Catalog, published: Iterable[Published]) -> None:
    """Caches have been told of these, or there are none. Whoever dies before it is told to tell them again."""
    told = [(one.category, one.asset, one.sequence) for one in published if one.mutable_keys]
    if told:
        catalog.announce_all(told)


def is_news(one: Published) -> bool:
    """Whether readers see another revision that nobody was told of; a page of an index alone is none."""
    return Keys(one.category, one.asset).pointer in one.mutable_keys


def with_index(published: Published, index: Index) -> Published:
    """And what is to be announced: the asset, where caches were not told of its last move; pages that changed."""
    pending = _is_pending(published, index)
    moved = {Keys(published.category, published.asset).pointer, *index.pages} if pending else set()
    return replace(
        published,
        sent=published.sent + len(index.changed),
        sent_bytes=published.sent_bytes + (index.sent_bytes if index.changed else 0),
        mutable_keys=tuple(sorted(moved | set(index.changed))),
        nonce=f"+{secrets.token_hex(8)}" if index.changed and not pending else "",
    )


def untold(category: str, index: Index) -> list[Published]:
    """All that caches were not told of, whoever published it and was stopped or left it to us."""
    pending = [entry for entry in index.entries.values() if entry.announced < entry.sequence]
    if not pending and index.changed:
        pending = list(index.entries.values())[:1]
    found = [Published(one.asset, category, one.revision, False, one.sequence) for one in pending]
    return with_one_index(found, index)


def with_one_index(published: Sequence[Published], index: Index) -> list[Published]:
    """Pages that changed are put to the account of one that caches are to hear of anyway, where there is one: then the
    same changes have the same name when they are told again."""
    teller = next((at for at, one in enumerate(published) if _is_pending(one, index)), 0)
    others = replace(index, changed=())
    return [with_index(one, index if at == teller else others) for at, one in enumerate(published)]


def _is_pending(published: Published, index: Index) -> bool:
    """Caches were not told of its last move."""
    entry = index.entries.get(published.asset)
    return entry is None or entry.announced < entry.sequence
