"""What is not published: damaged bundles, and names that would lead elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assetpipe.bundle import Bundle
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import publish_bundle
from assetpipe.errors import SourceError
from assetpipe.log import Event
from assetpipe.manifest import NAME, Manifest
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.in_memory import CHAIR, objects


def test_a_damaged_bundle_is_not_published(tmp_path: Path) -> None:
    """One flipped bit: refused by name before anything is sent."""
    given, store = bundle(tmp_path), MemoryStore()
    (given.folder / "high.glb").write_bytes((given.folder / "high.glb").read_bytes()[:-1] + b"?")
    with pytest.raises(SourceError, match=r"high\.glb: its bytes are not those") as caught:
        publish_bundle(given, store, MemoryCatalog(), SETTINGS)
    assert caught.value.code == "E_BUNDLE_DAMAGED"
    assert objects(store) == {}


def test_a_file_that_changes_after_the_check_is_not_published(tmp_path: Path) -> None:
    """Its bytes are hashed again as they are sent; no pointer is made."""
    given, store = bundle(tmp_path), MemoryStore()

    def spoil(event: Event) -> None:
        if event.message == "sending high":
            (given.folder / "high.glb").write_bytes(b"another")

    with pytest.raises(SourceError) as caught:
        publish_bundle(given, store, MemoryCatalog(), SETTINGS, report=spoil)
    assert caught.value.code == "E_STORE_BODY"
    assert store.stat(CHAIR.pointer) is None


UNFIT: Mapping[str, dict[str, Any]] = {
    "asset leaves its folder": {"asset": "../../etc"},
    "asset is the index": {"asset": "index"},
    "asset is a page of it": {"asset": "index-12"},
    "category is a path": {"category": "a/b"},
    "level is a folder of the layout": {"name": "history"},
    "level is upper case": {"name": "High"},
    "two levels of one name": {"name": "preview"},
    "uri leaves the bundle": {"uri": "../other/high.glb"},
    "uri is absolute": {"uri": "/etc/passwd"},
    "uri is the folder": {"uri": ".."},
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT.keys())
def test_names_that_would_lead_elsewhere_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """A manifest is a file that anybody may have written; its names become keys and paths."""
    given = bundle(tmp_path)
    document = json.loads((given.folder / NAME).read_bytes())
    (document if "asset" in change or "category" in change else document["levels"][2]).update(change)
    store = MemoryStore()
    with pytest.raises(SourceError) as caught:
        publish_bundle(Bundle(given.folder, Manifest.model_validate(document)), store, MemoryCatalog(), SETTINGS)
    assert caught.value.code == "E_PUBLISH_NAME"
    assert objects(store) == {}
