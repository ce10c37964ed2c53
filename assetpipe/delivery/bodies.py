"""Item -> its bytes, checked on the way: whoever consumes all pieces has had exactly what the item promises."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from assetpipe.delivery.refusals import no_body, other_body
from assetpipe.delivery.store import Item

PIECE = 1 << 20
"""Bytes read at a time."""


def pieces(item: Item) -> Iterator[bytes]:
    """What is hashed is what is handed on, so that a file that changes under us is found out. SourceError E_STORE_BODY
    comes after the last piece: a writer makes nothing visible before."""
    digest = hashlib.sha256()
    for piece in _raw(item):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != item.sha256:
        raise other_body(item.key, _source(item), digest.hexdigest(), item.sha256)


def whole(item: Item) -> bytes:
    return b"".join(pieces(item))


def body_bytes(item: Item) -> int:
    if isinstance(item.body, bytes):
        return len(item.body)
    try:
        return item.body.stat().st_size
    except OSError as error:
        raise no_body(item.key, _source(item), (error.strerror or str(error)).lower()) from error


def _raw(item: Item) -> Iterator[bytes]:
    if isinstance(item.body, bytes):
        yield item.body
        return
    try:
        with item.body.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise no_body(item.key, _source(item), (error.strerror or str(error)).lower()) from error


def _source(item: Item) -> str:
    return str(item.body) if isinstance(item.body, Path) else "memory"
