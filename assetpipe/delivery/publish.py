"""Bundle -> Published, in the order that never shows anything half (restic's):

    payloads, history, pointer, catalog, index, and then whoever called tells the caches and says so (`announce`).

Each step names only what the one before has finished, so whatever kills us, a reader finds every name that it follows.
A rerun goes the same way and sends only what is missing; when nothing is, it writes nothing.

Many at a time go that way side by side, and share what can be shared: what is there is listed once (`survey.py`), and
the catalog is told of hundreds in one go.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from assetpipe.bundle import Bundle
from assetpipe.config import SLUG, Publish
from assetpipe.delivery.catalog import Catalog, Entry, entry_of
from assetpipe.delivery.doomed import doomed_key
from assetpipe.delivery.index import Index, write_index
from assetpipe.delivery.keys import Keys, keys_of
from assetpipe.delivery.pointer import Seen, witnessed
from assetpipe.delivery.published import Published, announce, is_news, with_index, with_one_index
from assetpipe.delivery.sending import Sent, Work, send_asset
from assetpipe.delivery.store import Store
from assetpipe.delivery.survey import Survey, is_far, survey
from assetpipe.errors import AssetpipeError
from assetpipe.log import Event, Report, silent

__all__ = ["Published", "announce", "is_news", "publish_asset", "publish_bundle", "publish_bundles", "record"]
TOGETHER, SOON, LATER = 500, 1.0, 15.0
"""Assets, or seconds, after which the catalog is told: a commit for each was 10 ms of a busy disk, in a row. Of a store
that is far its pointers are listed for it, at 0.2 ms each: once a second took a quarter of a run's CPU time."""


def publish_bundle(
    bundle: Bundle, store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> Published:
    published = publish_asset(bundle, store, catalog, settings, report=report)
    index = write_index(store, catalog, published.category, settings.index_entries)
    done = with_index(published, index)
    report(Event("done", done.asset, _summary(done), 1.0))
    return done


def publish_asset(
    bundle: Bundle, store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> Published:
    """All but the index: `with_index`, or whoever writes it for many, comes after. Nothing is to be announced yet."""
    sent = send_asset(bundle, Work(store, catalog, settings, report))
    seen = witnessed(store, sent.keys, sent.seen) if sent.moved else sent.seen
    record(catalog, sent.keys, seen)
    return _as_seen(sent, seen)


def publish_bundles(
    bundles: Iterable[Bundle], store: Store, catalog: Catalog, settings: Publish, *, report: Report = silent
) -> list[Published | AssetpipeError]:
    """Many at a time, each as `publish_bundle`; the index of a category is written once, after all of its assets. One
    that fails says so in its place and stops no other; a category whose index fails has failed, and its assets are
    finished by publishing them again."""
    given = list(bundles)
    one_at_a_time = settings.model_copy(update={"threads": 1})
    work = Work(store, catalog, one_at_a_time, report, _survey(store, given))

    def attempt(bundle: Bundle) -> Sent | AssetpipeError:
        try:
            return send_asset(bundle, work)
        except AssetpipeError as error:
            return _failed(bundle.manifest.asset, error, work)

    within = LATER if is_far(store) else SOON
    with ThreadPoolExecutor(settings.threads) as pool:
        groups = _groups(pool.map(attempt, given), within)
        outcomes = [one for group in groups for one in _recorded(group, work)]
    return _with_indexes(outcomes, store, catalog, settings)


def record(catalog: Catalog, keys: Keys, seen: Seen) -> None:
    """What readers see now, which of two publishers at once may be the other's."""
    if entry := _entry(keys, seen):
        catalog.record(entry)


def _survey(store: Store, bundles: Sequence[Bundle]) -> Survey:
    """Of the documents of which a first publish finds none."""
    fit = [
        one.manifest for one in bundles if SLUG.fullmatch(one.manifest.asset) and SLUG.fullmatch(one.manifest.category)
    ]
    named = [keys_of(manifest) for manifest in fit]
    return survey(store, [key for keys in named for key in (keys.pointer, doomed_key(keys))])


def _groups(outcomes: Iterator[Sent | AssetpipeError], within: float) -> Iterator[list[Sent | AssetpipeError]]:
    """In the order given, while others are on their way."""
    group, since = list[Sent | AssetpipeError](), time.monotonic()
    for one in outcomes:
        group.append(one)
        if len(group) >= TOGETHER or time.monotonic() - since >= within:
            yield group
            group, since = [], time.monotonic()
    yield group


def _recorded(group: Sequence[Sent | AssetpipeError], work: Work) -> list[Published | AssetpipeError]:
    """Of what the catalog does not take the publish has failed; publishing it again finishes it."""
    now = survey(work.store, [one.keys.pointer for one in group if isinstance(one, Sent) and one.moved])
    known = [_witnessed(one, work, now) if isinstance(one, Sent) else one for one in group]
    entries = [one[1] for one in known if isinstance(one, tuple) and one[1]]
    try:
        work.catalog.record_all(entries)
    except AssetpipeError as error:
        return [_failed(one[0].asset, error, work) if isinstance(one, tuple) else one for one in known]
    return [one[0] if isinstance(one, tuple) else one for one in known]


def _witnessed(sent: Sent, work: Work, now: Survey) -> tuple[Published, Entry | None] | AssetpipeError:
    try:
        stat = now.seen.get(sent.keys.pointer)
        seen = witnessed(work.store, sent.keys, sent.seen, stat) if sent.moved else sent.seen
        return _as_seen(sent, seen), _entry(sent.keys, seen)
    except AssetpipeError as error:
        return _failed(sent.keys.asset, error, work)


def _failed(asset: str, error: AssetpipeError, work: Work) -> AssetpipeError:
    work.report(Event("failed", asset, error.message))
    return error


def _entry(keys: Keys, seen: Seen) -> Entry | None:
    return entry_of(seen.pointer, keys.pointer, seen.modified) if seen.pointer else None


def _as_seen(sent: Sent, seen: Seen) -> Published:
    """By the pointer that readers see, which may be the next already."""
    return replace(sent.published, sequence=seen.pointer.sequence if seen.pointer else 0)


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


def _summary(done: Published) -> str:
    if not done.sent:
        return f"is published as it is (revision {done.revision})"
    return f"published as revision {done.revision}: {done.sent} objects, {done.sent_bytes:,} bytes sent"
