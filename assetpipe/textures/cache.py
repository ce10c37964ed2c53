"""What the levels of one asset share: decoded pixels, resized pixels, encoded bytes, each made once, whoever asks and
however many at a time.

Only time depends on what is kept: every value is made by the same steps from the source's bytes, so a value that was
dropped and made again is the same.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from assetpipe.asset import Image
from assetpipe.textures.decode import Pixels

Value = TypeVar("Value", Pixels, bytes, bool)
# Three 4096² maps as decoded and as mended, with their reductions; what was used least recently goes first.
DEFAULT_BUDGET = 512 * 1024 * 1024


class TextureCache:
    """One per asset; may be used by several threads."""

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self._budget = budget
        self._bytes = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._digests: dict[int, tuple[Image, str]] = {}
        self._lock = Lock()
        self._turns: dict[Hashable, Lock] = {}
        """One for each value: who makes it holds it."""

    def fetch(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What another thread is making is waited for."""
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    kept: Value = self._values[key]
                    return kept
            value = make()
            with self._lock:
                self._keep(key, value)
        return value

    def digest(self, image: Image) -> str:
        """SHA-256 of the image's data; hashed once per noun, which is held so that its id stays its own."""
        known = self._digests.get(id(image))
        if known is None:
            known = self._digests[id(image)] = (image, hashlib.sha256(image.data).hexdigest())
        return known[1]

    def _keep(self, key: Hashable, value: Pixels | bytes | bool) -> None:
        if key not in self._values:
            self._bytes += _weight(value)
        self._values[key] = value
        while self._bytes > self._budget and self._values:
            self._bytes -= _weight(self._values.popitem(last=False)[1])


def _weight(value: Pixels | bytes | bool) -> int:
    if isinstance(value, Pixels):
        return int(value.array.nbytes)
    return len(value) if isinstance(value, bytes) else 1
