"""Bundle -> Published, in the order that never shows anything half (restic's):

    payloads, history, pointer, catalog, index, and then whoever called tells the caches and says so (`announce`).

Each step names only what the one before has finished, so whatever kills us, a reader finds every name that it follows.
A rerun goes the same way and sends only what is missing; when nothing is, it writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from assetpipe.bundle import Bundle, damage
from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog, entry_of
from assetpipe.delivery.doomed import HOLD, claim
from assetpipe.delivery.index import Index, write_index
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Pointer, Seen, look, move, pushed
from assetpipe.delivery.release import Release, release_of
from assetpipe.delivery.store import Item, Store
from assetpipe.errors import AssetpipeError, SourceError, TryAgain
from assetpipe.log import Event, Report, silent

CLAIMS = 5
"""Sending may outlast a claim on a slow line; the second time everything is there."""


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

    @property
    def mark(self) -> str:
        """Names this publish among all that ever were, and is the same when it is run again."""
        return f"{self.category}/{self.asset}@{self.sequence}-{self.revision}"


def publish_bundle(
    bundle: Bundle, store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> Published:
    published = _publish_asset(bundle, store, catalog, settings.threads, report)
    index = write_index(store, catalog, published.category, settings.index_entries)
    done = with_index(published, catalog, index)
    report(Event("done", done.asset, _summary(done), 1.0))
    return done


def publish_bundles(
    bundles: Iterable[Bundle], store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> list[Published | AssetpipeError]:
    """Many at a time, each as `publish_bundle`; the index of a category is written once, after all of its assets. One
    that fails says so in its place and stops no other; a category whose index fails has failed, and its assets are
    finished by publishing them again."""

    def attempt(bundle: Bundle) -> Published | AssetpipeError:
        try:
            return _publish_asset(bundle, store, catalog, 1, report)
        except AssetpipeError as error:
            report(Event("failed", bundle.manifest.asset, error.message))
            return error

    with ThreadPoolExecutor(settings.threads) as pool:
        outcomes = list(pool.map(attempt, bundles))
    return _with_indexes(outcomes, store, catalog, settings)


def announce(catalog: Catalog, published: Iterable[Published]) -> None:
    """Caches have been told of these, or there are none. Whoever dies before it is told to tell them again."""
    for one in published:
        if one.mutable_keys:
            catalog.announce(one.category, one.asset, one.sequence)


def is_news(one: Published) -> bool:
    """Whether readers see another revision that nobody was told of; a page of an index alone is none."""
    return Keys(one.category, one.asset).pointer in one.mutable_keys


def _publish_asset(bundle: Bundle, store: Store, catalog: Catalog, threads: int, report: Report) -> Published:
    release = release_of(bundle)
    if faults := damage(bundle):
        raise SourceError(
            "E_BUNDLE_DAMAGED",
            f"{bundle.folder}: {faults[0]}" + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""),
            hint="build the asset again",
        )
    before = look(store, release.keys)
    if before.fault:
        report(Event("warning", release.keys.asset, f"{before.fault}; it is made anew", 0.1))
    elif before.pointer and release.revision in before.pointer.earlier:
        report(Event("warning", release.keys.asset, "this revision was published before, and is current again", 0.1))
    claims = before.pointer is None or before.pointer.revision != release.revision
    sent = _send(release, store, threads, report, claims=claims)
    try:
        after, moved = _point(release, store, catalog, claimed=claims)
    except _Unclaimed:
        sent += _send(release, store, threads, report, claims=True)
        after, moved = _point(release, store, catalog, claimed=True)
    record(catalog, release.keys, after)
    written = [*sent, *([len(after.pointer.to_bytes())] if moved and after.pointer else [])]
    return Published(
        release.keys.asset,
        release.keys.category,
        release.revision,
        moved,
        sequence=after.pointer.sequence if after.pointer else 0,
        sent_bytes=sum(written),
        sent=len(written),
    )


class _Unclaimed(Exception):
    """What was current when we looked, and so safe from gc without a claim, was replaced meanwhile."""


def _send(release: Release, store: Store, threads: int, report: Report, *, claims: bool) -> list[int]:
    """Everything that a pointer will name; returns the sizes of what was not there."""
    sent: list[int] = []
    for _ in range(CLAIMS):
        started = time.monotonic()
        if claims:
            claim(store, release.keys, release.needs)
        sent += _put_all(release.payloads, store, threads, report)
        sent += _put_all([release.history], store, 1, report)
        if not claims or time.monotonic() - started < HOLD / 2:
            return sent
    raise TryAgain(
        "E_PUBLISH_SLOW",
        f"{store.url}: sending {release.keys.asset} took longer than {HOLD / 2:.0f} s, {CLAIMS} times",
        hint="what was sent stays: publish again",
    )


def _put_all(items: Sequence[Item], store: Store, threads: int, report: Report) -> list[int]:
    def put(item: Item) -> int | None:
        report(Event("step", item.metadata["asset"], f"sending {item.tags['level']}", 0.2))
        return item_size(item) if store.put(item) else None

    if threads == 1 or len(items) == 1:
        sizes = [put(item) for item in items]
    else:
        with ThreadPoolExecutor(threads) as pool:
            sizes = list(pool.map(put, items))
    return [size for size in sizes if size is not None]


def _point(release: Release, store: Store, catalog: Catalog, *, claimed: bool) -> tuple[Seen, bool]:
    moved = False

    def decide(seen: Seen) -> Pointer | None:
        nonlocal moved
        moved = seen.pointer is None or seen.pointer.revision != release.revision
        if not moved:
            return None
        if not claimed:
            raise _Unclaimed
        assert isinstance(release.history.body, bytes)
        return pushed(*_until_now(seen, catalog, release.keys), release.revision, release.history.body)

    return move(store, release.keys, decide), moved


def _until_now(seen: Seen, catalog: Catalog, keys: Keys) -> tuple[int, list[str]]:
    """How often the pointer moved, and what was current, newest first; by the catalog where the pointer was lost."""
    if seen.pointer:
        return seen.pointer.sequence, [seen.pointer.revision, *seen.pointer.earlier]
    moves = catalog.moves(keys.category, keys.asset)
    return (moves[0].sequence if moves else 0), [move.revision for move in moves]


def record(catalog: Catalog, keys: Keys, seen: Seen) -> None:
    """What readers see now, which of two publishers at once may be the other's."""
    if seen.pointer:
        catalog.record(entry_of(seen.pointer, keys.pointer, seen.modified))


def _with_indexes(
    outcomes: Sequence[Published | AssetpipeError], store: Store, catalog: Catalog, settings: Publish
) -> list[Published | AssetpipeError]:
    categories = sorted({one.category for one in outcomes if isinstance(one, Published)})
    indexes = {name: _index(store, catalog, name, settings.index_entries) for name in categories}
    told: set[str] = set()
    done: list[Published | AssetpipeError] = []
    for one in outcomes:
        if isinstance(one, Published):
            index = indexes[one.category]
            if isinstance(index, AssetpipeError):
                done.append(index)
                continue
            done.append(with_index(one, catalog, index if one.category not in told else replace(index, changed=())))
            told.add(one.category)
        else:
            done.append(one)
    return done


def _index(store: Store, catalog: Catalog, category: str, page_size: int) -> Index | AssetpipeError:
    try:
        return write_index(store, catalog, category, page_size)
    except AssetpipeError as error:
        return error


def with_index(published: Published, catalog: Catalog, index: Index) -> Published:
    entry = catalog.get(published.category, published.asset)
    pending = entry is None or entry.announced < entry.sequence
    moved = {Keys(published.category, published.asset).pointer, *index.pages} if pending else set()
    return replace(
        published,
        sent=published.sent + len(index.changed),
        sent_bytes=published.sent_bytes + (index.sent_bytes if index.changed else 0),
        mutable_keys=tuple(sorted(moved | set(index.changed))),
    )


def item_size(item: Item) -> int:
    return item.body.stat().st_size if isinstance(item.body, Path) else len(item.body)


def _summary(done: Published) -> str:
    if not done.sent:
        return f"is published as it is (revision {done.revision})"
    return f"published as revision {done.revision}: {done.sent} objects, {done.sent_bytes:,} bytes sent"
