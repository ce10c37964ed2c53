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
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from assetpipe.config import Publish
from assetpipe.delivery.cdn import pointer_tag
from assetpipe.delivery.doomed import HOLD, claim
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.index import index_item, listed_keys, seen_pages
from assetpipe.delivery.keys import IMMUTABLE, Keys, index_key
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.pointer import TRIES, Pointer, look, named_now, pause, pointer_item
from assetpipe.delivery.release import GLB, JSON, WEBP, tags_of
from assetpipe.delivery.store import Item, Moved, Stat, Store
from assetpipe.errors import AssetpipeError, ConfigError, SourceError, TryAgain
from assetpipe.log import Event, Report

Line = Mapping[str, Any]
"""What an index says of one asset."""
CLAIMS = 5
TYPES = {"glb": GLB, "webp": WEBP, "json": JSON}


@dataclass(frozen=True)
class Replica:
    first: Store
    other: Store
    threads: int

    def lacks(self, category: str) -> list[str]:
        """Assets that the other does not show as the first does."""
        return list(_behind(_pages(self.first, category), _readable(self.other, category)))

    def follow(self, category: str) -> list[str]:
        """What was brought. Raises what a store raises: what was copied until then is whole, and stays."""
        brought: dict[str, None] = {}
        for attempt in range(TRIES):
            began = time.monotonic()
            seen = seen_pages(self.other, category)
            pages, there = _pages(self.first, category), _readable(self.other, category)
            behind = _behind(pages, there)
            self._bring_all(category, list(behind.values()))
            brought |= dict.fromkeys(behind)
            try:
                self._swap(category, pages, (seen, there))
            except Moved:
                pause(attempt)
                continue
            if time.monotonic() - began < HOLD / 2:
                return list(brought)
        raise TryAgain("E_REPLICA_BUSY", f"{self.other.url}: others kept changing {category}", hint="try again")

    def _bring_all(self, category: str, lines: Sequence[Line]) -> None:
        bring = partial(self._bring, category)
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(bring, lines) if self.threads > 1 else map(bring, lines))

    def _bring(self, category: str, line: Line) -> None:
        """As the index says, and as the pointer says now, which may be later. A gc over there leaves alone what was
        claimed; where copying outlasts the claim, the second time everything is there."""
        keys = Keys(category, str(line["asset"]))
        for _ in range(CLAIMS):
            began = time.monotonic()
            pointer = look(self.first, keys).pointer
            wanted = _needs(keys, line) | (named_now(pointer, keys) if pointer else set())
            claim(self.other, keys, frozenset(wanted))
            for key in sorted(wanted, key=lambda key: ("/history/" in key, key)):
                self._copy(key, keys.asset, str(line["revision"]))
            if time.monotonic() - began < HOLD / 2:
                return self._point(keys, pointer)
        raise TryAgain(
            "E_REPLICA_SLOW",
            f"{self.other.url}: copying {category}/{keys.asset} took longer than {HOLD / 2:.0f} s, {CLAIMS} times",
            hint="what was copied stays: try again",
        )

    def _point(self, keys: Keys, pointer: Pointer | None) -> None:
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

    def _swap(
        self, category: str, pages: Mapping[str, bytes], old: tuple[Mapping[str, Stat], Mapping[str, bytes]]
    ) -> None:
        """Last page first, as the first's own. What is swapped against was seen before the first was read, so an older
        index never comes over a newer one."""
        seen, there = old
        for key, body in reversed(list(pages.items())):
            stat = seen.get(key)
            if stat is None or there.get(key) != body:
                self.other.replace(index_item(key, body, pointer_tag(category)), stat.version if stat else None)
        for key in sorted(seen.keys() - pages.keys()):
            self.other.delete(key, seen[key].version)


def open_replica(first: Store, settings: Publish) -> Replica | None:
    """None where there is no other."""
    if not settings.replica:
        return None
    other = open_store(settings.replica, settings_there(settings))
    if f"{_place(other)}/".startswith(f"{_place(first)}/") or f"{_place(first)}/".startswith(f"{_place(other)}/"):
        fault = f"[publish] replica = {other.url!r}: lies in the store itself, or around it"
        raise ConfigError("E_REPLICA_SAME", fault, hint="name a bucket of another region")
    return Replica(first, other, settings.threads)


def settings_there(settings: Publish) -> Publish:
    """A key's ARN or id is of one region; an alias may be of both."""
    kms = settings.kms_key if settings.kms_key.startswith("alias/") else ""
    region = settings.replica_region or settings.region
    return settings.model_copy(update={"region": region, "kms_key": kms, "accelerate": False})


def _place(store: Store) -> str:
    return str(store.root.resolve()) if isinstance(store, FolderStore) else store.url.rstrip("/")


def _pages(store: Store, category: str) -> dict[str, bytes]:
    """In their order. SourceError where one is none."""
    return dict(_read(store, category))


def _readable(store: Store, category: str) -> dict[str, bytes]:
    """As far as they can be read: the others are made again."""
    pages: dict[str, bytes] = {}
    with suppress(SourceError):
        pages.update(_read(store, category))
    return pages


def _read(store: Store, category: str) -> Iterator[tuple[str, bytes]]:
    for number in count():
        found = store.read(key := index_key(category, number))
        if found is None:
            return
        listed_keys(category, found.body)
        yield key, found.body
        if json.loads(found.body).get("next") is None:
            return


def _behind(pages: Mapping[str, bytes], there: Mapping[str, bytes]) -> dict[str, Line]:
    has = _lines(there)
    return {asset: line for asset, line in _lines(pages).items() if has.get(asset) != line}


def _lines(pages: Mapping[str, bytes]) -> dict[str, Line]:
    return {str(line["asset"]): line for body in pages.values() for line in json.loads(body)["assets"]}


def _needs(keys: Keys, line: Line) -> set[str]:
    addresses = [level["uri"] for level in line["levels"]] + ([line["poster"]] if line["poster"] else [])
    return {keys.history(str(line["revision"])), *(keys.category + str(each).removeprefix("..") for each in addresses)}


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
