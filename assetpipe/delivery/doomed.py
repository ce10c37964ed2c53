"""What gc means to delete of an asset: the document through which gc and publishers keep out of each other's way.

A publisher that finds a payload present sends nothing, and gc may be about to delete just that. So gc deletes in two
runs. The first *marks* what nothing current names, with the time. A later one, when marks are older than asked and
older than any publish takes, *condemns* them by compare-and-swap on this document, deletes, and clears it. A publisher
(and a rollback), before it looks what is present, *claims* what it needs: it takes marks away by compare-and-swap, and
waits while what it needs is condemned. Then

- gc condemns only what was marked in the version that it swaps, so a claim before makes its swap fail;
- a claim after sees the condemnation, waits until the deletion is over, and looks for payloads only then;
- what was not marked at the claim must be marked afresh, and is safe for longer than a publish may last (`HOLD`).

Most assets have nothing marked: then a claim is one read that finds nothing.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from assetpipe.delivery.keys import Keys
from assetpipe.delivery.release import json_bytes, json_item
from assetpipe.delivery.store import Item, Moved, Stat, Store
from assetpipe.errors import LimitExceeded, SourceError

HOLD = 3_600.0
"""Seconds from a claim until the pointer must have moved; the publisher claims again when it took longer."""
GRACE = 2 * HOLD
"""Seconds that a mark is old at least before gc condemns, whatever was asked; covers clocks that differ by minutes."""
DELETE_WITHIN = 30.0
"""Seconds after condemning in which gc still begins deletions; each ends within a minute or fails."""
TAKE_OVER = 150.0
"""Seconds after which a condemnation that nobody clears is that of a dead gc."""
POLL = 0.5
NEVER = "no-store"


@dataclass(frozen=True)
class Doomed:
    marked: Mapping[str, float] = field(default_factory=dict)
    """key -> when a gc first saw it unreferenced, seconds since 1970"""
    condemned: frozenset[str] = frozenset()
    by: str = ""
    """which gc condemned"""
    gone: frozenset[str] = frozenset()
    """history that a gc has deleted although a pointer still remembers the revision: gone, not lost"""
    version: str | None = None
    """in the store; None where there is no document"""
    modified: float = 0.0


def doomed_key(keys: Keys) -> str:
    """Beside the history's folder: an asset's name has no dot, so nothing else is called this."""
    return f"{keys.category}/history/{keys.asset}.doomed.json"


def read_doomed(store: Store, keys: Keys) -> Doomed:
    key = doomed_key(keys)
    try:
        found = store.read(key)
        if found is None:
            return Doomed()
        whole = json.loads(found.body)
        marked = {str(name): float(since) for name, since in whole["marked"].items()}
        return Doomed(
            marked, frozenset(whole["condemned"]), str(whole["by"]), frozenset(whole["gone"]), *_known(found.stat)
        )
    except (SourceError, ValueError, KeyError, TypeError, AttributeError):
        # Broken: nothing in it counts as marked, so nothing is deleted on its word; the next writer replaces it.
        stat = store.stat(key)
        version, modified = _known(stat)
        return Doomed(version=version, modified=modified)


def _known(stat: Stat | None) -> tuple[str | None, float]:
    return (stat.version, stat.modified) if stat else (None, 0.0)


def write_doomed(store: Store, keys: Keys, doomed: Doomed) -> Doomed:
    """Raises Moved when it is no longer the version that it was read as."""
    return replace(doomed, version=store.replace(_item(keys, doomed), doomed.version))


def settle_doomed(store: Store, keys: Keys, doomed: Doomed) -> None:
    """As `write_doomed`, but one that says nothing goes. For gc alone: publishers may have no right to delete."""
    if doomed.marked or doomed.condemned or doomed.gone:
        write_doomed(store, keys, doomed)
    elif doomed.version and not store.delete(doomed_key(keys), doomed.version):
        raise Moved("E_MARKS_MOVED", f"{store.url}: {doomed_key(keys)} was changed by others")


def clear_doomed(store: Store, keys: Keys, by: str, gone: frozenset[str]) -> None:
    """After its deletions a gc takes its condemnation away; a claim may have changed the rest meanwhile. `gone` is the
    history that it deleted."""
    for _ in range(100):
        doomed = read_doomed(store, keys)
        if doomed.version is None or doomed.by != by:
            return
        left = {key: since for key, since in doomed.marked.items() if key not in doomed.condemned}
        try:
            settle_doomed(store, keys, Doomed(left, gone=doomed.gone | gone, version=doomed.version))
            return
        except Moved:
            continue


def claim(store: Store, keys: Keys, needs: frozenset[str]) -> None:
    """After this nothing of `needs` is deleted for `HOLD` seconds. What it does not find is to be looked for after."""
    waited_for: tuple[str | None, float] = (None, 0.0)
    for _ in range(100_000):
        doomed = read_doomed(store, keys)
        if doomed.version is None or not needs & (doomed.marked.keys() | doomed.condemned):
            return
        if needs & doomed.condemned:
            if waited_for[0] != doomed.version:
                waited_for = (doomed.version, time.monotonic())
            if time.monotonic() - waited_for[1] < TAKE_OVER:
                time.sleep(POLL)
                continue
        left = {key: since for key, since in doomed.marked.items() if key not in needs}
        try:
            if needs & doomed.condemned:
                doomed = replace(doomed, condemned=frozenset(), by="")
            write_doomed(store, keys, replace(doomed, marked=left))
            return
        except Moved:
            continue
    raise LimitExceeded("E_CLAIM", f"{store.url}: {doomed_key(keys)} never comes to rest", hint="is a gc in a loop?")


def _item(keys: Keys, doomed: Doomed) -> Item:
    """The nonce makes every version one that never was: some stores make versions from the content alone."""
    document = {
        "schema": "assetpipe/doomed/1",
        "marked": dict(sorted(doomed.marked.items())),
        "condemned": sorted(doomed.condemned),
        "by": doomed.by,
        "gone": sorted(doomed.gone),
        "nonce": secrets.token_hex(8),
    }
    return json_item(doomed_key(keys), json_bytes(document), NEVER, {"asset": keys.asset})
