"""Arrays and bytes of a result, each once: what JSON refers to by number.

Results share most of what they hold with what they were made from (the pictures of three levels, the arrays that baking
did not touch). `Blobs(base)` counts on from those of another result: what is there is referred to, not stored again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from assetpipe.asset import Array

Blob = Array | bytes | memoryview


class Blobs:
    """Collects. Objects are told apart by identity, and are held, so that an id stays its own."""

    def __init__(self, base: Sequence[Blob] = ()) -> None:
        self._base = len(base)
        self._held = list(base)
        self._places = {id(blob): at for at, blob in enumerate(base)}

    def add(self, blob: Blob) -> int:
        at = self._places.setdefault(id(blob), len(self._held))
        if at == len(self._held):
            self._held.append(blob)
        return at

    @property
    def own(self) -> list[Blob]:
        """Without those of the base."""
        return self._held[self._base :]


class Digests:
    """Each blob's hash, made once: levels share pictures of megabytes."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Blob, bytes]] = {}

    def of(self, blob: Blob) -> bytes:
        if id(blob) not in self._known:
            self._known[id(blob)] = (blob, _digest(blob))
        return self._known[id(blob)][1]


def raw(blob: Blob) -> memoryview:
    """Its bytes, as they lie in memory."""
    if isinstance(blob, np.ndarray):
        return np.ascontiguousarray(blob).reshape(-1).view(np.uint8).data
    return memoryview(blob).cast("B")


def kind(blob: Blob) -> tuple[str, list[int]]:
    """dtype and shape; of bytes "" and nothing."""
    return (blob.dtype.str, list(blob.shape)) if isinstance(blob, np.ndarray) else ("", [])


def _digest(blob: Blob) -> bytes:
    return hashlib.blake2b(raw(blob), digest_size=20, key=repr(kind(blob)).encode()[:64]).digest()
