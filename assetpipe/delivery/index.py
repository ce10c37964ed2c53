"""Catalog -> `<category>/manifest/index.json`, `index-1.json`, ...: what the web team reads to show a category.

    { "schema": "assetpipe/index/1", "category": "furniture",
      "page": 0, "pages": 2, "total": 812, "next": "index-1.json",
      "assets": [ { "asset": "oak-chair", "revision": "0123456789abcdef", "sequence": 3, "status": "live",
                    "manifest": "oak-chair.json", "poster": "../poster/oak-chair.0123456789abcdef.webp",
                    "levels": [ { "name": "preview", "uri": "../preview/oak-chair.0123456789abcdef.glb",
                                  "bytes": 181234, "triangles": 9800 } ] } ] }

Every address is relative to the index; `poster` and, on the last page, `next` are null where there is none. Assets
stand by name, so that republishing one changes one page. There is no clock in it: the same pointers give the same
bytes.

Nothing is lost between writers: each looks which version every page has, then asks the catalog, then swaps. Whoever
recorded an asset after our question looks after us, and either swaps what we wrote or makes our swap fail, and then we
ask again. Pages are written last first, and an asset only ever moves to a later page when one is added before it: who
reads pages in their order while they change may see an asset twice, and misses none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assetpipe.delivery.catalog import Catalog, Entry, is_index_key
from assetpipe.delivery.cdn import pointer_tag
from assetpipe.delivery.keys import BRIEF, Keys, index_key
from assetpipe.delivery.pointer import TRIES, pause
from assetpipe.delivery.release import json_bytes, json_item
from assetpipe.delivery.store import Item, Moved, Stat, Store
from assetpipe.errors import SourceError, TryAgain


@dataclass(frozen=True)
class Index:
    pages: tuple[str, ...]
    """the keys of all"""
    changed: tuple[str, ...]
    """those that were written or removed now"""
    sent_bytes: int = 0
    entries: Mapping[str, Entry] = field(default_factory=dict)
    """what it was made of, by asset"""


def write_index(store: Store, catalog: Catalog, category: str, page_size: int) -> Index:
    """Swap the pages that aren't what the catalog says; none, when all are."""
    changed: dict[str, int] = {}
    for attempt in range(TRIES):
        seen = seen_pages(store, category)
        entries = list(catalog.listing(category))
        pages = index_pages(category, entries, page_size)
        try:
            changed |= _swap(store, pages, seen)
        except Moved:
            pause(attempt)
        else:
            named = {entry.asset: entry for entry in entries}
            return Index(tuple(page.key for page in pages), tuple(sorted(changed)), sum(changed.values()), named)
    raise TryAgain(
        "E_INDEX_BUSY",
        f"{store.url}: {index_key(category)} was changed by others {TRIES} times while we tried",
        hint="the assets are published; the next publish in this category, or `assetpipe catalog verify`, says if the "
        "index has them",
    )


def index_pages(category: str, entries: Sequence[Entry], page_size: int) -> list[Item]:
    count = max(1, -(-len(entries) // page_size))
    return [
        _page(category, number, count, entries[number * page_size : (number + 1) * page_size], len(entries))
        for number in range(count)
    ]


def listed_keys(category: str, body: bytes) -> set[str]:
    """Every key that a page of the index leads to. SourceError when it is no page."""
    try:
        assets = json.loads(body)["assets"]
        addresses = {level["uri"] for asset in assets for level in asset["levels"]}
        addresses |= {asset["poster"] for asset in assets if asset["poster"]}
        history = {Keys(category, str(asset["asset"])).history(str(asset["revision"])) for asset in assets}
        return history | {f"{category}/{str(address).removeprefix('../')}" for address in addresses}
    except (ValueError, KeyError, TypeError) as error:
        fault = f"{index_key(category)}: no page of an index of assetpipe ({error!r})"
        raise SourceError("E_INDEX", fault, hint="`assetpipe catalog verify --mend` makes it again") from None


def seen_pages(store: Store, category: str) -> dict[str, Stat]:
    """Also those after a gap, which somebody's deletion has left. Listings of some stores have no hashes."""
    keys = [stat.key for stat in store.list(index_key(category).removesuffix(".json")) if is_index_key(stat.key)]
    return {key: stat for key in keys if (stat := store.stat(key))}


def _swap(store: Store, pages: Sequence[Item], seen: Mapping[str, Stat]) -> dict[str, int]:
    changed: dict[str, int] = {}
    for page in reversed(pages):
        stat = seen.get(page.key)
        if stat is None or stat.sha256 != page.sha256:
            store.replace(page, stat.version if stat else None)
            changed[page.key] = len(page.body) if isinstance(page.body, bytes) else 0
    for stat in [seen[key] for key in seen.keys() - {page.key for page in pages}]:
        if not store.delete(stat.key, stat.version):
            raise Moved("E_INDEX_MOVED", f"{store.url}: {stat.key} was changed by others")
        changed[stat.key] = 0
    return changed


def _page(category: str, number: int, count: int, entries: Sequence[Entry], total: int) -> Item:
    key = index_key(category, number)
    document = {
        "schema": "assetpipe/index/1",
        "category": category,
        "page": number,
        "pages": count,
        "total": total,
        "next": index_key(category, number + 1).rpartition("/")[2] if number + 1 < count else None,
        "assets": [_asset(entry) for entry in entries],
    }
    body = json_bytes(document)
    return index_item(key, body, pointer_tag(category))


def index_item(key: str, body: bytes, tag: str) -> Item:
    about = {"asset": "index", "revision": hashlib.sha256(body).hexdigest()[:16], "cache-tag": tag}
    return json_item(key, body, BRIEF, about)


def _asset(entry: Entry) -> dict[str, Any]:
    poster = next((file for file in entry.files if file.level == "poster"), None)
    return {
        "asset": entry.asset,
        "revision": entry.revision,
        "sequence": entry.sequence,
        "status": entry.status,
        "manifest": f"{entry.asset}.json",
        "poster": _relative(entry, poster.key) if poster else None,
        "levels": [
            {"name": file.level, "uri": _relative(entry, file.key), "bytes": file.bytes, "triangles": file.triangles}
            for file in entry.files
            if file is not poster
        ],
    }


def _relative(entry: Entry, key: str) -> str:
    return "../" + key.removeprefix(f"{entry.category}/")
