"""gc of a store that follows another: what the first has deleted goes there, too.

Nobody decides anything in the other, so its days are the first's. What neither shows is marked there as in the first,
and goes once the first has it no more and the mark is older than any copying takes: in the same run, as a rule, right
after the first's deletions; after a run that was cut off, in the next. Its publisher is whoever copies (replica.py),
who claims what it needs, so the same document keeps them out of each other's way (doomed.py). The first holding an
object, or showing it, keeps it in the other; so does the other's own pointer or index, however far behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.doomed import GRACE
from assetpipe.delivery.garbage import DAY, Collected, Scope, collect, current, inventory, listed
from assetpipe.delivery.keys import Keys, index_key
from assetpipe.delivery.pointer import look, named_now
from assetpipe.delivery.store import Store
from assetpipe.errors import SourceError
from assetpipe.log import Report, silent


@dataclass(frozen=True)
class Pair:
    """The first, and the store that follows it."""

    first: Store
    other: Store
    catalog: Catalog


def gc_replica(
    pair: Pair,
    older_than_days: float,
    done: Collected,
    *,
    dry_run: bool = False,
    threads: int = 8,
    now: Callable[[], float] = time.time,
    report: Report = silent,
) -> Collected:
    """After the first's gc, which has `done` so much, or would do it."""
    swept = Collected(swept=pair.other.sweep(max(older_than_days * DAY, DAY), dry_run=dry_run))
    there = inventory(pair.other)
    here = {mine.keys: set(mine.stats) - set(done.deleted) for mine in inventory(pair.first)}
    categories = {mine.keys.category for mine in there}
    named = partial(_current, pair, here, (listed(pair.first, categories), listed(pair.other, categories)))
    held = frozenset(key for keys in here.values() for key in keys)
    return swept + collect(Scope(pair.other, named, now, GRACE, dry_run, threads, report, held), there)


Listed = Mapping[str, set[str]]


def _current(pair: Pair, here: Mapping[Keys, set[str]], listed: tuple[Listed, Listed], keys: Keys) -> set[str]:
    """What the first shows, or the other."""
    first, other = listed
    if keys not in here:
        raise SourceError("E_REPLICA", f"{keys.pointer}: {pair.first.url} has nothing of it: it is another store's")
    if keys.category not in other:
        raise SourceError("E_INDEX", f"{index_key(keys.category)}: cannot be read in {pair.other.url}")
    shown = current(pair.first, pair.catalog, first, keys) | other[keys.category]
    seen = look(pair.other, keys)
    if seen.fault:
        raise SourceError("E_POINTER", seen.fault)
    return shown | (named_now(seen.pointer, keys) if seen.pointer else set())
