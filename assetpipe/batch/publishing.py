"""Where a batch meets stores: what is published there, and one bundle more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assetpipe.batch.order import Order
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
    from assetpipe.publishing import open_run

    assert order.to is not None
    with open_run(order.to, config_of(order).publish, report=report) as run:
        return run.publish(read_bundle(Path(order.out) / order.item.asset))


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
