"""Bundle -> Sent: what a pointer will name, then the pointer (steps 1 to 3 of `publish.py`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from assetpipe.bundle import Bundle, damage
from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.doomed import HOLD, claim, doomed_key
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Pointer, Seen, look, pushed, swap, witnessed
from assetpipe.delivery.published import Published
from assetpipe.delivery.release import Release, release_of
from assetpipe.delivery.store import Item, Store
from assetpipe.delivery.survey import UNSEEN, Survey
from assetpipe.errors import SourceError, TryAgain
from assetpipe.log import Event, Report, silent

CLAIMS = 5
"""Sending may outlast a claim on a slow line; the second time everything is there."""


@dataclass(frozen=True)
class Work:
    """What a publish works on."""

    store: Store
    catalog: Catalog
    settings: Publish
    report: Report = silent
    survey: Survey = field(default=UNSEEN, repr=False)


@dataclass(frozen=True)
class Sent:
    """An asset whose pointer says what it is to say."""

    published: Published
    keys: Keys
    seen: Seen
    moved: bool
    """by us: then `seen` is what we wrote, and the store's time is still to be asked for"""


class _Unclaimed(Exception):
    """What was current when we looked, and so safe from gc without a claim, was replaced meanwhile."""


def send_asset(bundle: Bundle, work: Work) -> Sent:
    release = release_of(bundle)
    _refuse_damaged(bundle)
    before = _before(release, work)
    claims = before.pointer is None or before.pointer.revision != release.revision
    if before.version is None:
        release = release.as_fresh()
    sizes = _send(release, work, claims=claims)
    try:
        seen = before if claims else witnessed(work.store, release.keys, before)
        after, moved = _point(release, work, seen, claimed=claims)
    except _Unclaimed:
        sizes += _send(release, work, claims=True)
        after, moved = _point(release, work, None, claimed=True)
    pointer = [len(after.pointer.to_bytes())] if moved and after.pointer else []
    return Sent(_published(release, after, [*sizes, *pointer], moved=moved), release.keys, after, moved)


def _refuse_damaged(bundle: Bundle) -> None:
    if faults := damage(bundle):
        raise SourceError(
            "E_BUNDLE_DAMAGED",
            f"{bundle.folder}: {faults[0]}" + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""),
            hint="build the asset again",
        )


def _before(release: Release, work: Work) -> Seen:
    """A pointer that a survey did not see is not asked for: where there is one by now, the swap fails and looks."""
    if work.survey.lacks(release.keys.pointer):
        return Seen(None, None)
    before, asset = look(work.store, release.keys), release.keys.asset
    if before.fault:
        work.report(Event("warning", asset, f"{before.fault}; it is made anew", 0.1))
    elif before.pointer and release.revision in before.pointer.earlier:
        work.report(Event("warning", asset, "this revision was published before, and is current again", 0.1))
    return before


def _send(release: Release, work: Work, *, claims: bool) -> list[int]:
    """Everything that a pointer will name; returns the sizes of what was not there."""
    sent: list[int] = []
    for _ in range(CLAIMS):
        started = _claimed(release, work) if claims else 0.0
        sent += _put_all(release.payloads, work)
        sent += _put_all([release.history], work)
        if not claims or time.monotonic() - started < HOLD / 2:
            return sent
    raise TryAgain(
        "E_PUBLISH_SLOW",
        f"{work.store.url}: sending {release.keys.asset} took longer than {HOLD / 2:.0f} s, {CLAIMS} times",
        hint="what was sent stays: publish again",
    )


def _claimed(release: Release, work: Work) -> float:
    """Since when what it needs is safe from gc. Where a survey saw that nothing was marked, that was as good as a
    claim: each is a look that found nothing."""
    if work.survey.lacks(doomed_key(release.keys)):
        return work.survey.at
    started = time.monotonic()
    claim(work.store, release.keys, release.needs)
    return started


def _put_all(items: Sequence[Item], work: Work) -> list[int]:
    threads = work.settings.threads

    def put(item: Item) -> int | None:
        work.report(Event("step", item.metadata["asset"], f"sending {item.tags['level']}", 0.2))
        return item_size(item) if work.store.put(item) else None

    if threads == 1 or len(items) == 1:
        sizes = [put(item) for item in items]
    else:
        with ThreadPoolExecutor(threads) as pool:
            sizes = list(pool.map(put, items))
    return [size for size in sizes if size is not None]


def _point(release: Release, work: Work, before: Seen | None, *, claimed: bool) -> tuple[Seen, bool]:
    def decide(seen: Seen) -> Pointer | None:
        if seen.pointer and seen.pointer.revision == release.revision:
            return None
        if not claimed:
            raise _Unclaimed
        assert isinstance(release.history.body, bytes)
        return pushed(*_until_now(seen, work.catalog, release.keys), release.revision, release.history.body)

    return swap(work.store, release.keys, decide, before)


def _until_now(seen: Seen, catalog: Catalog, keys: Keys) -> tuple[int, list[str]]:
    """How often the pointer moved, and what was current, newest first; by the catalog where the pointer was lost."""
    if seen.pointer:
        return seen.pointer.sequence, [seen.pointer.revision, *seen.pointer.earlier]
    moves = catalog.moves(keys.category, keys.asset)
    return (moves[0].sequence if moves else 0), [move.revision for move in moves]


def _published(release: Release, after: Seen, sizes: Sequence[int], *, moved: bool) -> Published:
    return Published(
        release.keys.asset,
        release.keys.category,
        release.revision,
        moved,
        sequence=after.pointer.sequence if after.pointer else 0,
        sent_bytes=sum(sizes),
        sent=len(sizes),
    )


def item_size(item: Item) -> int:
    return item.body.stat().st_size if isinstance(item.body, Path) else len(item.body)
