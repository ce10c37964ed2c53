"""docs/publishing.md shows documents as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import publish_bundle
from tests.delivery.bundles import SETTINGS, bundle

DOCS = Path(__file__).parents[2] / "docs" / "publishing.md"


def shape(value: Any) -> Any:
    """Names and types, of lists the first."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


def test_pointers_and_indexes_look_as_the_docs_show_them(tmp_path: Path) -> None:
    """Key by key, in this order, with values of these types."""
    store, catalog = MemoryStore(), MemoryCatalog()
    for asset in ("a", "b", "c", "d"):
        for content in ("one", "two"):
            publish_bundle(bundle(tmp_path, asset, content=content), store, catalog, SETTINGS)
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    shown = [shape(json.loads(block)) for block in blocks]
    written = [
        json.loads(found.body) for key in ("a", "index") if (found := store.read(f"furniture/manifest/{key}.json"))
    ]
    assert shown == [{"publication": shape(written[0]["publication"])}, shape(written[1])]
    assert json.dumps(shown[1]) == json.dumps(shape(written[1]))
