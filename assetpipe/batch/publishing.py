"""Where a batch meets stores: what is published there, and one bundle more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assetpipe.batch.order import Order
from assetpipe.batch.plan import Item
from assetpipe.batch.planning import Lookup
from assetpipe.config import Config, load_config
from assetpipe.log import Report
from assetpipe.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    from assetpipe.delivery.publish import Published


def config_of(order: Order) -> Config:
    return load_config(Path(order.item.config) if order.item.config else None, category=order.item.category)


def check_bundle(order: Order) -> None:
    """What does not keep its promises is not published."""
    from assetpipe.bundle import read_bundle
    from assetpipe.checking import check_built

    check_built(read_bundle(Path(order.out) / order.item.asset), config_of(order)).raise_if_failed()


def publish(order: Order, report: Report) -> Published:
    from assetpipe.bundle import read_bundle
    from assetpipe.delivery.rounds import Rounds
    from assetpipe.publishing import open_run

    assert order.to is not None
    with open_run(order.to, config_of(order).publish, report=report) as run:
        run.rounds = Rounds(run.store, run.settings.index_seconds)
        published = run.publish(read_bundle(Path(order.out) / order.item.asset))
        run.share()
        return published


def check_store(to: str, items: Sequence[Item]) -> None:
    """What cannot be a store is said before anything is built. No server is asked."""
    from assetpipe.delivery.open_store import open_store

    for config in sorted({item.config or "" for item in items}):
        open_store(to, load_config(Path(config) if config else None).publish)


def settle(to: str, items: Sequence[Item], report: Report) -> None:
    """After a run: indexes and caches get what its children left to each other."""
    from assetpipe.delivery.rounds import Rounds
    from assetpipe.publishing import open_run

    for config in sorted({item.config or "" for item in items}):
        file = Path(config) if config else None
        own = {item.category for item in items if (item.config or "") == config}
        categories = sorted({load_config(file, category=name).category for name in own})
        with open_run(to, load_config(file).publish, report=report) as run:
            run.rounds = Rounds(run.store, run.settings.index_seconds)
            run.share_all(categories, time.sleep)


def published_in(to: str, config: Path | str | None) -> Lookup:
    """Asks the store when it is asked, nothing before."""
    from assetpipe.delivery.keys import Keys
    from assetpipe.delivery.open_store import open_store
    from assetpipe.delivery.pointer import look

    store = open_store(to, load_config(Path(config) if config else None).publish)

    def lookup(category: str, asset: str) -> Manifest | None:
        pointer = look(store, Keys(category, asset)).pointer
        return parse_manifest(pointer.document, asset) if pointer else None

    return lookup
