"""What a run moved, and what a batch has to say -> the shop hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.events import AssetFailed, AssetPublished, Event, published
from assetpipe.delivery.messenger import Messenger
from assetpipe.delivery.publish import Published
from assetpipe.log import Event as Talk
from assetpipe.log import Report

NAMED = 5
"""Events that are named when they could not be told."""


@dataclass(frozen=True)
class News:
    """Of one run. `said` is what is told beside publishes."""

    store: str
    run: str
    moved: Sequence[Published]
    said: Sequence[Event]

    def tell(self, messenger: Messenger, catalog: Catalog, report: Report) -> list[Published]:
        """Publishes that could not be told of. What the catalog says of an asset is told, not what we did: another
        publisher may have come after us."""
        entries = [(one, catalog.get(one.category, one.asset)) for one in self.moved]
        told = {one: published(entry, self.store, self.run) for one, entry in entries if entry}
        events = list({event.id: event for event in (*told.values(), *self.said)}.values())
        unsent = {one.event.id: one for one in messenger.send(events)}
        if told_now := len(events) - len(unsent):
            report(Talk("note", "events", f"{messenger.line.place} was told {told_now} event{'s'[: told_now != 1]}"))
        for refused in list(unsent.values())[:NAMED]:
            report(Talk("warning", "events", f"not told: {_named(refused.event)}: {refused.reason}"))
        if len(unsent) > NAMED:
            report(Talk("warning", "events", f"not told: {len(unsent) - NAMED} more"))
        return [one for one, event in told.items() if event.id in unsent]


def _named(event: Event) -> str:
    if isinstance(event, AssetPublished | AssetFailed):
        return f"{event.type} {event.asset}"
    return f"{event.type} run {event.run}"
