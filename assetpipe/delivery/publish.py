"""Bundle -> Published, in the order that never shows anything half (restic's):

    payloads, history, pointer, catalog, index, and then whoever called tells the caches and says so (`announce`).

Each step names only what the one before has finished, so whatever kills us, a reader finds every name that it follows.
A rerun goes the same way and sends only what is missing; when nothing is, it writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assetpipe.bundle import Bundle, damage
from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog, entry_of
from assetpipe.delivery.doomed import HOLD, claim
from assetpipe.delivery.index import Index, write_index
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Pointer, Seen, look, move, pushed
from assetpipe.delivery.published import Published, announce, is_news, with_index, with_one_index
from assetpipe.delivery.release import Release, release_of
from assetpipe.delivery.store import Item, Store
from assetpipe.errors import AssetpipeError, SourceError, TryAgain
from assetpipe.log import Event, Report, silent

__all__ = ["Published", "announce", "is_news", "publish_asset", "publish_bundle", "publish_bundles", "record"]
CLAIMS = 5
"""Sending may outlast a claim on a slow line; the second time everything is there."""


def publish_bundle(
    bundle: Bundle, store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> Published:
    published = publish_asset(bundle, store, catalog, settings, report=report)
    index = write_index(store, catalog, published.category, settings.index_entries)
    done = with_index(published, index)
    report(Event("done", done.asset, _summary(done), 1.0))
    return done


def publish_bundles(
    bundles: Iterable[Bundle], store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> list[Published | AssetpipeError]:
    """Many at a time, each as `publish_bundle`; the index of a category is written once, after all of its assets. One
    that fails says so in its place and stops no other; a category whose index fails has failed, and its assets are
    finished by publishing them again."""
    one_at_a_time = settings.model_copy(update={"threads": 1})

    def attempt(bundle: Bundle) -> Published | AssetpipeError:
        try:
            return publish_asset(bundle, store, catalog, one_at_a_time, report=report)
        except AssetpipeError as error:
            report(Event("failed", bundle.manifest.asset, error.message))
            return error

    with ThreadPoolExecutor(settings.threads) as pool:
        outcomes = list(pool.map(attempt, bundles))
    return _with_indexes(outcomes, store, catalog, settings)


def publish_asset(
    bundle: Bundle, store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> Published:
    """All but the index: `with_index`, or whoever writes it for many, comes after. Nothing is to be announced yet."""
    release, threads = release_of(bundle), settings.threads
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
    if before.version is None:
        release = release.as_fresh()
    sent = _send(release, store, threads, report, claims=claims)
    try:
        after, moved = _point(release, store, catalog, before=before if claims else None, claimed=claims)
    except _Unclaimed:
        sent += _send(release, store, threads, report, claims=True)
        after, moved = _point(release, store, catalog, before=None, claimed=True)
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


def _point(
    release: Release, store: Store, catalog: Catalog, *, before: Seen | None, claimed: bool
) -> tuple[Seen, bool]:
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

    return move(store, release.keys, decide, before), moved


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
    done = dict(enumerate(outcomes))
    for category in sorted({one.category for one in outcomes if isinstance(one, Published)}):
        own = {at: one for at, one in done.items() if isinstance(one, Published) and one.category == category}
        index = _index(store, catalog, category, settings.index_entries)
        told = with_one_index(list(own.values()), index) if isinstance(index, Index) else [index] * len(own)
        done |= zip(own, told, strict=True)
    return list(done.values())


def _index(store: Store, catalog: Catalog, category: str, page_size: int) -> Index | AssetpipeError:
    try:
        return write_index(store, catalog, category, page_size)
    except AssetpipeError as error:
        return error


def item_size(item: Item) -> int:
    return item.body.stat().st_size if isinstance(item.body, Path) else len(item.body)


def _summary(done: Published) -> str:
    if not done.sent:
        return f"is published as it is (revision {done.revision})"
    return f"published as revision {done.revision}: {done.sent} objects, {done.sent_bytes:,} bytes sent"
