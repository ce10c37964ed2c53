"""To whose account an index's changed pages are put: one rule, whoever publishes many."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.index import write_index
from assetpipe.delivery.keys import index_key
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.publish import Published, announce, publish_asset, publish_bundles
from assetpipe.delivery.published import with_one_index
from tests.delivery.bundles import SETTINGS, bundle

INDEX = index_key("furniture")


@pytest.mark.parametrize("way", ["together", "behind"])
def test_pages_are_told_with_an_asset_that_is_told_anyway(tmp_path: Path, way: str) -> None:
    """Whether many are published together or are left behind and caught up with: caches hear of the pages with the one
    that moved, not with the one before it that is as it was; and its name is the same when it is told again."""
    store, catalog = MemoryStore(), MemoryCatalog()
    old, new = bundle(tmp_path, "chair"), bundle(tmp_path, "table")
    announce(catalog, [one for one in publish_bundles([old], store, catalog, SETTINGS) if isinstance(one, Published)])
    if way == "together":
        done = [one for one in publish_bundles([old, new], store, catalog, SETTINGS) if isinstance(one, Published)]
    else:
        sent = [publish_asset(each, store, catalog, SETTINGS) for each in (old, new)]
        done = with_one_index(sent, write_index(store, catalog, "furniture", SETTINGS.index_entries))
    chair, table = done
    assert (chair.mutable_keys, chair.nonce) == ((), "")
    assert set(table.mutable_keys) == {INDEX, "furniture/manifest/table.json"}
    assert table.nonce == ""


def test_pages_that_were_mended_alone_are_a_name_of_their_own(tmp_path: Path) -> None:
    """Where all was told before, a page that somebody damaged is put to one account, under a name that never was."""
    store, catalog = MemoryStore(), MemoryCatalog()
    given = [bundle(tmp_path, name) for name in ("chair", "table")]
    announce(catalog, [one for one in publish_bundles(given, store, catalog, SETTINGS) if isinstance(one, Published)])
    stat = store.stat(INDEX)
    assert stat
    store.delete(INDEX, stat.version)
    done = [one for one in publish_bundles(given, store, catalog, SETTINGS) if isinstance(one, Published)]
    assert [one.mutable_keys for one in done] == [(INDEX,), ()]
    assert [bool(one.nonce) for one in done] == [True, False]
