"""What every store promises: a folder, S3, memory. tests/delivery holds all of them to each sentence below.

Two kinds of keys: those written once (payloads, history), whose content never changes, and those that move (pointers,
indexes), which are replaced only by whoever has seen what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from assetpipe.errors import TryAgain


@dataclass(frozen=True)
class Item:
    """Something to write."""

    key: str
    body: bytes | Path
    sha256: str
    """hex, of the body; checked on the way, wherever the body comes from"""
    content_type: str
    cache_control: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`asset`, `revision`, `cache-tag`; the sha256 is added by the store"""
    tags: Mapping[str, str] = field(default_factory=dict)
    """for cost allocation: `category`, `level`"""
    fresh: bool = False
    """Nobody is known to have written it: a store that has to ask whether it is there may send it first."""


@dataclass(frozen=True)
class Stat:
    """What is known of an object without reading it."""

    key: str
    bytes: int
    sha256: str
    """as it was written; "" for an object that somebody else put there"""
    version: str
    """changes whenever the content does; means nothing else"""
    modified: float
    """seconds since 1970, by the store's clock"""


@dataclass(frozen=True)
class Found:
    stat: Stat
    body: bytes


class Moved(TryAgain):
    """The key is no longer what the writer had seen: read again, decide again."""


class Store(Protocol):
    """Keys are relative, `/`-separated, and made by `keys.py`. Every error is one of `assetpipe.errors`; a fault that
    may pass (a timeout, SlowDown, a full queue) was retried before it is raised as TryAgain or ServiceUnavailable."""

    @property
    def url(self) -> str:
        """As the user names it: `./store`, `s3://bucket/prefix`. Holds no secret."""
        ...

    def put(self, item: Item) -> bool:
        """Write a key that is written once. The object is there whole, or not at all: no reader ever sees a part of
        it, whatever kills the writer, and when this returns it survives a power cut. Where the key is there with this
        sha256 nothing is sent, and False is returned; with another content SourceError E_STORE_TAKEN is raised and
        nothing changes. A body that is not what its sha256 says is refused (SourceError E_STORE_BODY)."""
        ...

    def replace(self, item: Item, expected: str | None) -> str:
        """Write a key that moves; returns its new version. `expected` is the version that the writer has seen, None
        for no object. When the store's differs, Moved is raised and nothing changes: of several writers at once who
        have seen the same, exactly one succeeds. Whole or not at all, as `put`."""
        ...

    def read(self, key: str) -> Found | None:
        """None when there is none. A body whose sha256 is not the one it was written with raises SourceError
        E_STORE_CORRUPT. Sees every write that had returned before."""
        ...

    def stat(self, key: str) -> Stat | None: ...

    def list(self, prefix: str) -> Iterator[Stat]:
        """In the order of the keys' UTF-8. What was there all the while is listed exactly once, and what a write that
        had returned before has made; half-written and internal files never are. `sha256` may be "" where the store does
        not list it; all else is what `stat` says."""
        ...

    def delete(self, key: str, version: str) -> bool:
        """Only if it is still that version; False when it is another or gone."""
        ...

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        """Remove what writers that died have left and nobody can see (temporary files, unfinished multipart uploads)
        and that is older than so many seconds; returns how many."""
        ...
