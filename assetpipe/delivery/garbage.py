"""gc: what nothing has named for so many days goes. doomed.py says how it keeps out of a publisher's way.

Kept is what is current. A revision that is current no more, with what only it names, is kept for `older_than_days`
from the first gc that sees it so: it can be rolled back to for that long, whenever it was published. That needs no
clock in any manifest, and one that was current for years is not gone the day after. Payloads that no history document
names (their publisher died) are kept as long, since that publisher may come back for them. An asset whose pointer is
broken, or lost although the catalog knows it, is left alone: its history is what it will be mended from.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from assetpipe.delivery.catalog import Catalog, is_index_key
from assetpipe.delivery.doomed import (
    DELETE_WITHIN,
    GRACE,
    TAKE_OVER,
    Doomed,
    clear_doomed,
    read_doomed,
    settle_doomed,
    write_doomed,
)
from assetpipe.delivery.index import listed_keys
from assetpipe.delivery.keys import Keys, index_key
from assetpipe.delivery.pointer import Seen, look, named_now, pause
from assetpipe.delivery.release import payloads_of
from assetpipe.delivery.store import Moved, Stat, Store
from assetpipe.errors import SourceError
from assetpipe.log import Event, Report, silent

DAY = 86_400.0
NAME = r"[a-z0-9][a-z0-9_-]*"
PAYLOAD = re.compile(rf"({NAME})/{NAME}/({NAME})\.[0-9a-f]{{16}}\.(glb|webp)")
HISTORY = re.compile(rf"({NAME})/history/({NAME})/[0-9a-f]{{16}}\.json")
MARKS = re.compile(rf"({NAME})/history/({NAME})\.doomed\.json")
TRIES = 20


@dataclass(frozen=True)
class Collected:
    """What a gc did, or would do."""

    marked: tuple[str, ...] = ()
    """not named by anything current, and too young to go"""
    deleted: tuple[str, ...] = ()
    deleted_bytes: int = 0
    swept: int = 0
    """leftovers of writers that died: temporary files, unfinished uploads"""
    left_alone: tuple[str, ...] = ()
    """assets whose pointer is not readable, one sentence each"""

    def __add__(self, other: Collected) -> Collected:
        return Collected(
            self.marked + other.marked,
            self.deleted + other.deleted,
            self.deleted_bytes + other.deleted_bytes,
            self.swept + other.swept,
            self.left_alone + other.left_alone,
        )


@dataclass(frozen=True)
class Scope:
    """What one gc works on."""

    store: Store
    current: Callable[[Keys], set[str]]
    """what readers can be sent to of an asset; SourceError where that cannot be known"""
    now: Callable[[], float]
    age: float
    """seconds at which marks are ripe"""
    dry_run: bool
    threads: int
    report: Report
    held: Set[str] = frozenset()
    """what stays, however old its mark is"""


@dataclass(frozen=True)
class Holdings:
    """All payloads and history documents of one asset: what may become garbage."""

    keys: Keys
    stats: Mapping[str, Stat] = field(default_factory=dict)

    def history(self) -> set[str]:
        return {key for key in self.stats if HISTORY.fullmatch(key)}


def gc(
    store: Store,
    catalog: Catalog,
    older_than_days: float,
    *,
    dry_run: bool = False,
    threads: int = 8,
    now: Callable[[], float] = time.time,
    report: Report = silent,
) -> Collected:
    age = max(older_than_days * DAY, GRACE)
    swept = Collected(swept=store.sweep(max(age, DAY), dry_run=dry_run))
    assets = inventory(store)
    named = partial(current, store, catalog, listed(store, {mine.keys.category for mine in assets}))
    return swept + collect(Scope(store, named, now, age, dry_run, threads, report), assets)


def collect(scope: Scope, assets: Sequence[Holdings]) -> Collected:
    """Assets are looked at some at a time: each takes a few requests, and most of them have nothing to delete."""
    one = partial(_collect, scope)
    with ThreadPoolExecutor(scope.threads) as pool:
        done = list(pool.map(one, assets)) if scope.threads > 1 else list(map(one, assets))
    for mine, found in zip(assets, done, strict=True):
        for fault in found.left_alone:
            scope.report(Event("warning", mine.keys.asset, fault))
    return sum(done, Collected())


def inventory(store: Store, category: str = "") -> list[Holdings]:
    """What is not ours by its name is not in it."""
    assets: dict[Keys, dict[str, Stat]] = defaultdict(dict)
    for stat in store.list(f"{category}/" if category else ""):
        if match := PAYLOAD.fullmatch(stat.key) or HISTORY.fullmatch(stat.key):
            assets[Keys(match[1], match[2])][stat.key] = stat
        elif match := MARKS.fullmatch(stat.key):
            assets[Keys(match[1], match[2])] |= {}
    return [Holdings(keys, stats) for keys, stats in assets.items()]


def listed(store: Store, categories: Iterable[str]) -> dict[str, set[str]]:
    """What indexes send viewers to. A publisher that died before it wrote the index leaves it at what was current
    before, until somebody publishes in that category again. One that can't be read is not in the answer."""
    names: dict[str, set[str]] = {}
    for category in categories:
        pages = [stat.key for stat in store.list(index_key(category).removesuffix(".json")) if is_index_key(stat.key)]
        with suppress(SourceError):
            found = [page.body for key in pages if (page := store.read(key))]
            names[category] = {name for body in found for name in listed_keys(category, body)}
    return names


def _collect(scope: Scope, mine: Holdings) -> Collected:
    for attempt in range(TRIES):
        try:
            return _attempt(scope, mine)
        except Moved:
            pause(attempt)
    return Collected(left_alone=(f"{mine.keys.pointer}: others kept changing what is marked; the next gc looks again",))


def _attempt(scope: Scope, mine: Holdings) -> Collected:
    """What is marked is read before what is current, so that no claim falls between the two unseen; and the time before
    both: a mark is never older than it says."""
    store, began = scope.store, scope.now()
    doomed = read_doomed(store, mine.keys)
    if doomed.condemned and began - doomed.modified < TAKE_OVER:
        return Collected(left_alone=(f"{mine.keys.pointer}: another gc is at it",))
    try:
        garbage = mine.stats.keys() - scope.current(mine.keys)
        # A mark of the future was made by a clock that went wrong: it counts from now.
        marks = {key: min(doomed.marked.get(key, began), began) for key in sorted(garbage)}
        ripe = {key for key in garbage & doomed.marked.keys() if began - marks[key] >= scope.age} - scope.held
        ripe -= _named_by(store, mine.history() - ripe) if ripe else set()
    except SourceError as error:
        return Collected(left_alone=(error.message,))
    young = tuple(key for key in marks if key not in ripe)
    if scope.dry_run:
        return _result(mine, ripe, young)
    if not ripe:
        _mark(store, mine.keys, doomed, marks)
        return Collected(marked=young)
    return _result(mine, _delete(store, mine, replace(doomed, marked=marks), ripe), young)


def current(store: Store, catalog: Catalog, listed: Mapping[str, set[str]], keys: Keys) -> set[str]:
    """What readers can be sent to by anything: the pointer, the catalog, the index."""
    seen: Seen = look(store, keys)
    if seen.fault:
        raise SourceError("E_POINTER", seen.fault)
    if keys.category not in listed:
        raise SourceError("E_INDEX", f"{index_key(keys.category)}: cannot be read; `assetpipe catalog verify --mend`")
    entry = catalog.get(keys.category, keys.asset)
    if seen.pointer is None:
        if entry:
            raise SourceError("E_POINTER", f"{keys.pointer}: is gone, although the catalog has the asset")
        return set(listed[keys.category])
    named = listed[keys.category] | named_now(seen.pointer, keys)
    # A publisher that died after the pointer left catalog and index at what was current before.
    return named | ({keys.history(entry.revision), *(file.key for file in entry.files)} if entry else set())


def _named_by(store: Store, history: Iterable[str]) -> set[str]:
    named: set[str] = set()
    for key in history:
        found = store.read(key)
        if found:
            named |= payloads_of(found.body, key).keys()
    return named


def _mark(store: Store, keys: Keys, doomed: Doomed, marks: Mapping[str, float]) -> None:
    wanted = Doomed(marks, gone=doomed.gone, version=doomed.version)
    if wanted != replace(doomed, modified=0.0) or not (marks or wanted.gone):
        settle_doomed(store, keys, wanted)


def _delete(store: Store, mine: Holdings, doomed: Doomed, ripe: set[str]) -> set[str]:
    """History before the payloads that it names. Whoever needs one of them now waits until we have cleared."""
    by = secrets.token_hex(8)
    started = time.monotonic()
    write_doomed(store, mine.keys, replace(doomed, condemned=frozenset(ripe), by=by))
    gone: set[str] = set()
    for key in sorted(ripe, key=lambda key: (HISTORY.fullmatch(key) is None, key)):
        if time.monotonic() - started > DELETE_WITHIN:
            break
        if store.delete(key, mine.stats[key].version):
            gone.add(key)
    clear_doomed(store, mine.keys, by, frozenset(gone & mine.history()))
    return gone


def _result(mine: Holdings, gone: set[str], young: tuple[str, ...]) -> Collected:
    return Collected(young, tuple(sorted(gone)), sum(mine.stats[key].bytes for key in gone))
