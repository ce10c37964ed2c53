"""Store, another one elsewhere -> the other shows what the first does, a little later and never half.

The first is the truth: whoever publishes decides there, and what it shows is copied. Of each asset that the other's
index has otherwise, payloads and history come before the pointer, and the index comes after all pointers, so whoever
reads the other finds all that it names at any moment. (S3's own replication promises no order: a pointer may come
before its files.) What the other lacks is seen by comparing the two indexes; there is no note that could be wrong. A
region that is down costs a warning: the next run into the category, or `catalog verify --mend`, brings it up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from assetpipe.config import Publish
from assetpipe.delivery.cdn import pointer_tag
from assetpipe.delivery.index import index_item, seen_pages
from assetpipe.delivery.keys import IMMUTABLE, Keys, index_key
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.pointer import TRIES, look, pause, pointer_item
from assetpipe.delivery.release import GLB, JSON, WEBP, payloads_of, tags_of
from assetpipe.delivery.store import Item, Moved, Stat, Store
from assetpipe.errors import AssetpipeError, TryAgain
from assetpipe.log import Event, Report

Line = Mapping[str, Any]
"""What an index says of one asset."""
TYPES = {"glb": GLB, "webp": WEBP, "json": JSON}


@dataclass(frozen=True)
class Replica:
    first: Store
    other: Store
    threads: int

    def lacks(self, category: str) -> list[str]:
        """Assets that the other does not show as the first does."""
        there = _lines(_pages(self.other, category))
        return [asset for asset, line in _lines(_pages(self.first, category)).items() if there.get(asset) != line]

    def follow(self, category: str) -> list[str]:
        """What was brought. Raises what a store raises: what was copied until then is whole, and stays."""
        for attempt in range(TRIES):
            seen = seen_pages(self.other, category)
            pages = _pages(self.first, category)
            lines, there = _lines(pages), _lines(_pages(self.other, category))
            behind = [asset for asset, line in lines.items() if there.get(asset) != line]
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(partial(self._bring, category), [lines[asset] for asset in behind]))
            try:
                self._swap(category, pages, seen)
            except Moved:
                pause(attempt)
            else:
                return behind
        raise TryAgain("E_REPLICA_BUSY", f"{self.other.url}: others kept changing {category}", hint="try again")

    def _bring(self, category: str, line: Line) -> None:
        """As the index says, and as the pointer says now, which may be later."""
        keys = Keys(category, str(line["asset"]))
        pointer = look(self.first, keys).pointer
        wanted = {keys.category + str(level["uri"]).removeprefix("..") for level in line["levels"]}
        wanted |= {keys.category + str(line["poster"]).removeprefix("..")} if line["poster"] else set()
        histories = {keys.history(str(line["revision"]))}
        if pointer:
            wanted |= payloads_of(pointer.document, keys.pointer).keys()
            histories |= {keys.history(pointer.revision)}
        for key in [*sorted(wanted), *sorted(histories)]:
            self._copy(key, keys.asset, str(line["revision"]))
        for attempt in range(TRIES if pointer else 0):
            seen = look(self.other, keys)
            if pointer is None or (seen.pointer and seen.pointer.sequence >= pointer.sequence):
                return  # somebody else has brought this one, or a later one
            try:
                self.other.replace(pointer_item(keys, pointer), seen.version)
            except Moved:
                pause(attempt)

    def _copy(self, key: str, asset: str, revision: str) -> None:
        if self.other.stat(key):
            return
        found = self.first.read(key)
        if found is None:
            return  # `verify` says so, of the first
        level = key.split("/")[1]
        about = {"asset": asset, "revision": revision, "cache-tag": f"asset:{asset},level:{level}"}
        sha256 = hashlib.sha256(found.body).hexdigest()
        kind = TYPES.get(key.rpartition(".")[2], "application/octet-stream")
        self.other.put(Item(key, found.body, sha256, kind, IMMUTABLE, about, tags_of(key)))

    def _swap(self, category: str, pages: Mapping[str, bytes], seen: Mapping[str, Stat]) -> None:
        """Last page first, as the first's own. What is swapped against was seen before the first was read, so an older
        index never comes over a newer one."""
        for key, body in reversed(list(pages.items())):
            stat = seen.get(key)
            if stat is None or stat.sha256 != hashlib.sha256(body).hexdigest():
                self.other.replace(index_item(key, body, pointer_tag(category)), stat.version if stat else None)
        for key in sorted(seen.keys() - pages.keys()):
            self.other.delete(key, seen[key].version)


def open_replica(first: Store, settings: Publish) -> Replica | None:
    """None where there is no other. A key's ARN or id is of one region; an alias may be of both."""
    if not settings.replica:
        return None
    kms = settings.kms_key if settings.kms_key.startswith("alias/") else ""
    region = settings.replica_region or settings.region
    there = settings.model_copy(update={"region": region, "kms_key": kms, "accelerate": False})
    return Replica(first, open_store(settings.replica, there), settings.threads)


def _pages(store: Store, category: str) -> dict[str, bytes]:
    """In their order; as far as they can be read."""
    pages: dict[str, bytes] = {}
    while (key := index_key(category, len(pages))) and (found := store.read(key)):
        pages[key] = found.body
        if json.loads(found.body)["next"] is None:
            break
    return pages


def _lines(pages: Mapping[str, bytes]) -> dict[str, Line]:
    return {str(line["asset"]): line for body in pages.values() for line in json.loads(body)["assets"]}


def warn_of_lag(replica: Replica, categories: Sequence[str], report: Report) -> None:
    """Follow; where the other fails, what is published stays published, and that is said."""
    try:
        for category in categories:
            brought = replica.follow(category)
            if brought:
                report(Event("note", "replica", f"{replica.other.url} has {len(brought)} assets of {category} too"))
    except AssetpipeError as error:
        fault = f"{replica.other.url} is behind: {error.message}"
        report(Event("warning", "replica", f"{fault}; the next run, or `catalog verify --mend`, brings it up"))
