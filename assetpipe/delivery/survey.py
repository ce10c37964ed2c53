"""Keys -> what one listing shows of them: for a run over many assets, which else asks about each.

It is a hint. What it saw may be gone, and what it did not see may be there since: pointers are moved by compare-and-
swap whatever it says. Only that a key was *not* there at a moment counts, as it does for a read at that moment.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from assetpipe.delivery.doomed import HOLD
from assetpipe.delivery.store import Stat, Store
from assetpipe.errors import AssetpipeError

FEW = 4
"""Keys of one folder that are asked about one by one."""
PAGE, WORTH = 1_000, 10
"""A page of a listing has so many keys, and costs less than so many questions."""
LASTS = HOLD / 4
"""Seconds."""


@dataclass(frozen=True)
class Survey:
    at: float = 0.0
    """when it began, by the monotonic clock"""
    seen: Mapping[str, Stat] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()

    def lacks(self, key: str) -> bool:
        """It was not there, and that is not long ago. False says nothing."""
        return key in self.missing and time.monotonic() - self.at < LASTS


UNSEEN = Survey()


def is_far(store: Store) -> bool:
    """Over a network, where a question costs a way there and back."""
    return store.url.startswith("s3://")


def survey(store: Store, keys: Iterable[str]) -> Survey:
    """Of a store that answers each question in 0.1 ms nothing."""
    if not is_far(store):
        return UNSEEN
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for key in keys:
        folders[key.rpartition("/")[0]].add(key)
    at, seen, missing = time.monotonic(), dict[str, Stat](), set[str]()
    for wanted in folders.values():
        if len(wanted) >= FEW:
            found, absent = _listed(store, wanted)
            seen |= found
            missing |= absent
    return Survey(at, seen, frozenset(missing))


def _listed(store: Store, wanted: set[str]) -> tuple[dict[str, Stat], set[str]]:
    """Of a folder that holds much more than what is wanted only its beginning is read: keys after that are neither."""
    found, last, most = dict[str, Stat](), max(wanted), PAGE * max(1, len(wanted) // WORTH)
    end, left = last, most
    prefix = os.path.commonprefix([*wanted])  # noqa: RUF071  of keys, not paths: a store lists by any beginning
    try:
        for stat in store.list(prefix):
            left -= 1
            if stat.key in wanted:
                found[stat.key] = stat
            if stat.key >= last or not left:
                end = stat.key
                break
    except AssetpipeError:  # whoever needs the store says what is wrong with it
        return {}, set()
    return found, {key for key in wanted if key <= end} - found.keys()
