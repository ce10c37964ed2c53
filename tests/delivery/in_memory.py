"""What is in a store that tests keep in memory, and whether catalog and index agree with it."""

from __future__ import annotations

import json
from typing import Any

from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.store import Store
from tests.delivery.fsck import disagreements, findings
from tests.delivery.worlds import catalogued

CHAIR = Keys("furniture", "chair")


def objects(store: Store) -> dict[str, bytes]:
    return {stat.key: found.body for stat in store.list("") if (found := store.read(stat.key))}


def pointer(store: Store, keys: Keys = CHAIR) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(objects(store)[keys.pointer])
    return whole


def agree(store: Store, catalog: Catalog) -> bool:
    said = catalogued(catalog)
    return not findings(objects(store), said) + disagreements(objects(store), said)
