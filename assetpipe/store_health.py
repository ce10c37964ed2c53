"""`doctor --store`: what a publish to a store needs, each thing tried, with the cure for what is refused."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress

from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.open_catalog import open_catalog
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.replica import open_replica, settings_there
from assetpipe.delivery.store import Item, Store
from assetpipe.delivery.unfinished import waiting
from assetpipe.errors import AssetpipeError
from assetpipe.health import Health
from assetpipe.health import Item as Finding


def examine_place(url: str, settings: Publish) -> Health:
    store = open_store(url, settings)
    if isinstance(store, FolderStore):
        return Health(items=tuple(_folder(store, settings) + _replica(store, settings)))
    from assetpipe.delivery.examine import examine_store

    found = examine_store(url, settings)
    items = [Finding(name=one.name, state=one.state, detail=one.detail, cure=one.cure) for one in found]
    if found[0].state == "ok":
        items += _kept(store, settings)
    return Health(items=tuple(items + _replica(store, settings)))


def _folder(store: FolderStore, settings: Publish) -> list[Finding]:
    if not store.root.exists():
        detail = f"{store.url}: is not there; the first publish makes it"
        return [Finding(name="folder", state="absent", detail=detail)]
    free = shutil.disk_usage(store.root).free / 2**30
    return [
        Finding(name="folder", state="ok", detail=f"{store.url}, {free:,.0f} GiB free"),
        _tried("write", lambda: _write(store)),
        *_kept(store, settings),
    ]


def _kept(store: Store, settings: Publish) -> list[Finding]:
    """The catalog, and what it says was never finished."""
    asked = _tried("catalog", lambda: _ask(open_catalog(store, settings)))
    if asked.state != "ok":
        return [asked]
    cure = f"`assetpipe catalog finish --store {store.url}`, or the next publish into the category"
    try:
        left = waiting(store, open_catalog(store, settings), settings.index_seconds)
    except AssetpipeError as error:
        return [asked, Finding(name="unfinished", state="missing", detail=error.message, cure=error.hint)]
    return [asked, *(Finding(name="unfinished", state="missing", detail=one.fault, cure=cure) for one in left)]


def _replica(store: Store, settings: Publish) -> list[Finding]:
    """The store that follows: whoever publishes needs there what they need here."""
    try:
        replica = open_replica(store, settings)
    except AssetpipeError as error:
        return [Finding(name="replica", state="missing", detail=error.message, cure=error.hint)]
    if replica is None:
        return []
    found = _elsewhere(replica.other, settings)
    return [one.model_copy(update={"name": f"replica: {one.name}"}) for one in found]


def _elsewhere(other: Store, settings: Publish) -> list[Finding]:
    if isinstance(other, FolderStore):
        return [one for one in _folder(other, settings) if one.name in ("folder", "write")]
    from assetpipe.delivery.examine import examine_store

    there = settings_there(settings).model_copy(update={"distribution": ""})
    found = [one for one in examine_store(other.url, there) if one.name != "distribution"]
    return [Finding(name=one.name, state=one.state, detail=one.detail, cure=one.cure) for one in found]


def _write(store: FolderStore) -> str:
    """What a publish does with a pointer: make it, move it, read it; and what gc does."""
    key = f"doctor/probe-{secrets.token_hex(8)}"
    first, second = (_item(key, body) for body in (b"one", b"two"))
    version = store.replace(second, store.replace(first, None))
    try:
        store.read(key)
    finally:
        store.delete(key, version)
        with suppress(OSError):
            (store.root / "doctor").rmdir()
    return "objects can be made, moved, read and removed"


def _item(key: str, body: bytes) -> Item:
    return Item(key, body, hashlib.sha256(body).hexdigest(), "text/plain", "no-store")


def _ask(catalog: Catalog) -> str:
    """Reads, and writes what changes nothing, for only trying shows what is allowed."""
    count = len(catalog.categories())
    catalog.announce("doctor", "probe", 0)
    return f"{catalog.place}: {count} categor{'y' if count == 1 else 'ies'}"


def _tried(name: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, state="ok", detail=attempt())
    except AssetpipeError as error:
        return Finding(name=name, state="missing", detail=error.message, cure=error.hint)
