"""A store (S3) as a shelf, for many machines: entries are objects under `assetpipe.stages/`; no category is called so.

How long they stay is the bucket's business: a lifecycle rule on that prefix. docs/batch.md has one.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from assetpipe.delivery.store import Item, Moved, Store
from assetpipe.errors import SourceError
from assetpipe.stages.shelf import Piece, Slot

FOLDER = "assetpipe.stages/"


@dataclass(frozen=True)
class StoreShelf:
    store: Store

    @property
    def place(self) -> str:
        return self.store.url

    def open(self, name: str) -> BinaryIO | None:
        try:
            found = self.store.read(FOLDER + name)
        except SourceError:  # the store itself says that it is damaged
            return io.BytesIO()
        return io.BytesIO(found.body) if found else None

    def write(self, name: str, pieces: Iterable[Piece]) -> None:
        """Who comes second has made the same."""
        body = b"".join(pieces)
        digest = hashlib.sha256(body).hexdigest()
        found = self.store.stat(FOLDER + name)
        if found and found.sha256 == digest:
            return
        item = Item(FOLDER + name, body, digest, "application/octet-stream", "private, no-store")
        with suppress(Moved):
            self.store.replace(item, found.version if found else None)

    def remove(self, name: str) -> None:
        found = self.store.stat(FOLDER + name)
        if found:
            self.store.delete(FOLDER + name, found.version)

    def slots(self) -> Iterator[Slot]:
        for stat in self.store.list(FOLDER):
            yield Slot(stat.key.removeprefix(FOLDER), stat.bytes, stat.modified)

    def trim(self) -> int:
        return 0
