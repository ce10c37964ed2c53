"""What is published: list, show, verify, roll back, clean up. `catalog` on the command line."""

from __future__ import annotations

import difflib
import heapq
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from assetpipe.config import SLUG, SLUG_RULE
from assetpipe.delivery.catalog import Catalog, Entry, Move
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Status
from assetpipe.delivery.replica import open_replica
from assetpipe.delivery.rounds import WORK, Rounds
from assetpipe.delivery.unfinished import Waiting, waiting
from assetpipe.delivery.upkeep import Collected, Fault, Verified, gc, revisions, verify
from assetpipe.errors import AssetpipeError, SourceError, TryAgain, UsageError
from assetpipe.publishing import Run

PAGE = 200
MOST_NAMES = 10_000
"""That are looked through for the one that was probably meant."""


@dataclass(frozen=True)
class Shown:
    """One asset: what is current, how it came there, and what it can be rolled back to."""

    entry: Entry
    moves: tuple[Move, ...]
    """newest first"""
    revisions: tuple[str, ...]
    """all that the history holds"""


@dataclass(frozen=True)
class Tended:
    """What a verify found and, where it was asked to, what it mended."""

    store: str
    verified: Verified
    """what is still so"""
    mended: tuple[Fault, ...] = ()

    def raise_if_faulty(self) -> None:
        faults = self.verified.faults
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise SourceError("E_VERIFY", f"{self.store}: {faults[0].message}{more}", hint=_cure(faults))


@dataclass(frozen=True)
class Cleared:
    """What a gc did, or would do, in a store and in the one that follows it."""

    store: str
    first: Collected
    replica: str = ""
    """its URL; "" where there is none"""
    other: Collected | None = None
    fault: AssetpipeError | None = None
    """why the other could not be cleared; the next gc does it"""

    def raise_if_failed(self) -> None:
        if self.fault:
            raise self.fault


def clear(run: Run, days: float, *, dry_run: bool) -> Cleared:
    """The first, and then what follows it: whatever happens there, the first is done."""
    asked: dict[str, Any] = {"dry_run": dry_run, "threads": run.settings.threads, "report": run.report}
    first = gc(run.store, run.catalog, days, **asked)
    replica = open_replica(run.store, run.settings)
    if not replica:
        return Cleared(run.store.url, first)
    from assetpipe.delivery.garbage_replica import Pair, gc_replica

    url = replica.other.url
    try:
        other = gc_replica(Pair(run.store, replica.other, run.catalog), days, first, **asked)
    except AssetpipeError as error:
        return Cleared(run.store.url, first, url, fault=error)
    return Cleared(run.store.url, first, url, other)


def finish(run: Run, category: str | None, *, dry_run: bool) -> tuple[Waiting, ...]:
    """Go the rounds that are left, and bring up the replica. What was left; TryAgain where somebody may be at it."""
    asked = [_category(category)] if category is not None else None
    every = run.settings.index_seconds
    found = tuple(waiting(run.store, run.catalog, every, asked))
    if category is not None and not found:
        _refuse_unknown(run, category)
    if dry_run:
        return found
    run.rounds = Rounds(run.store, every)
    run.finish(asked or [one.category for one in found], time.sleep)
    replica = open_replica(run.store, run.settings)
    for name in (asked or run.catalog.categories()) if replica else []:
        assert replica
        replica.follow(name)
    if still := waiting(run.store, run.catalog, every, asked):
        raise TryAgain("E_UNFINISHED", f"{run.store.url}: {still[0].fault}", hint=f"again in {WORK + every:.0f} s")
    return found


def newest(catalog: Catalog, category: str | None, status: Status | None) -> Iterator[Entry]:
    """Of one category or of all, newest first."""
    names = [_category(category)] if category is not None else catalog.categories()
    streams = [_stream(catalog, name, status) for name in names]
    return heapq.merge(*streams, key=lambda entry: (entry.updated, entry.asset), reverse=True)


def show(run: Run, name: str) -> Shown:
    keys = find(run.catalog, run.store.url, name)
    entry = run.catalog.get(keys.category, keys.asset)
    assert entry
    moves = run.catalog.moves(keys.category, keys.asset)
    return Shown(entry, tuple(moves), tuple(revisions(run.store, keys)))


def find(catalog: Catalog, place: str, name: str) -> Keys:
    """`oak-chair`, or `furniture/oak-chair` where two categories have one."""
    category, slash, asset = name.rpartition("/")
    if not SLUG.fullmatch(asset) or (slash and not SLUG.fullmatch(category)):
        raise UsageError("E_ASSET_NAME", f"{name!r} names no asset", hint=f"write ASSET or CATEGORY/ASSET; {SLUG_RULE}")
    names = [category] if category else catalog.categories()
    found = [Keys(each, asset) for each in names if catalog.get(each, asset)]
    if len(found) > 1:
        both = ", ".join(f"{keys.category}/{asset}" for keys in found)
        raise UsageError("E_ASSET_TWICE", f"{place}: {asset} is in more than one category", hint=f"name one: {both}")
    if not found:
        published = (entry.asset for each in names for entry in catalog.listing(each))
        near = difflib.get_close_matches(asset, islice(published, MOST_NAMES), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        hint += "`assetpipe catalog list` says what is"
        raise UsageError("E_NOT_PUBLISHED", f"{place}: {name} is not published", hint=hint)
    return found[0]


def tend(run: Run, category: str | None, *, mend: bool, discard: bool = False) -> Tended:
    """Verify; where something was mended, verify again, for what is said is what was seen."""
    name = _category(category) if category is not None else ""
    first = verify(run.store, run.catalog, run.settings, category=name, mend=mend, discard=discard, report=run.report)
    if name and not first.objects:
        _refuse_unknown(run, name)
    lag = _lag(run, name, mend=mend)
    first = replace(first, faults=(*first.faults, *lag))
    if not ((mend or discard) and first.faults):
        return Tended(run.store.url, first)
    second = verify(run.store, run.catalog, run.settings, category=name, report=run.report)
    second = replace(second, faults=(*second.faults, *(_lag(run, name, mend=False) if lag else ())))
    return Tended(run.store.url, second, tuple(fault for fault in first.faults if fault not in second.faults))


def _lag(run: Run, category: str, *, mend: bool) -> list[Fault]:
    """What the replica does not show as the store does; the fault is said before it is mended."""
    replica = open_replica(run.store, run.settings)
    faults = []
    for name in ([category] if category else run.catalog.categories()) if replica else []:
        assert replica
        for asset in replica.lacks(name):
            key = f"{replica.other.url}/{Keys(name, asset).pointer}"
            faults.append(Fault("stale", key, f"{key}: is not what {run.store.url} shows", name, asset))
        if mend:
            replica.follow(name)
    return faults


def _stream(catalog: Catalog, category: str, status: Status | None) -> Iterator[Entry]:
    after = ""
    while True:
        page = catalog.query(category, status=status, limit=PAGE, after=after)
        yield from page.entries
        if not page.after:
            return
        after = page.after


def _cure(faults: Sequence[Fault]) -> str:
    if all(fault.kind == "stale" for fault in faults):
        return "`assetpipe catalog verify --mend` makes catalog and indexes again from what is published"
    return "publish the bundle again, which sends what is missing; before that, --discard removes what is damaged"


def _refuse_unknown(run: Run, category: str) -> None:
    """One that is misspelt has no faults, and no round that is left: silence would be taken for health."""
    known = run.catalog.categories()
    if category not in known:
        hint = f"there are: {', '.join(known[:20])}" if known else "nothing is published there at all"
        raise UsageError("E_NOT_PUBLISHED", f"{run.store.url}: nothing is published in {category}", hint=hint)


def _category(category: str) -> str:
    if not SLUG.fullmatch(category):
        raise UsageError("E_CATEGORY", f"{category!r} cannot be a category", hint=f"use {SLUG_RULE}")
    return category
