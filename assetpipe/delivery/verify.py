"""verify: everything that is referenced is read and hashed again, and what is not as it was published is named.

It starts from what readers start from, the pointers, and from all that the history holds; then it asks whether catalog
and indexes say the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog, Entry, entry_of, is_index_key, pointers_of, rebuild
from assetpipe.delivery.doomed import read_doomed
from assetpipe.delivery.garbage import Holdings, inventory
from assetpipe.delivery.index import index_pages, write_index
from assetpipe.delivery.keys import SHORT, Keys
from assetpipe.delivery.pointer import Pointer, parse_pointer
from assetpipe.delivery.release import payloads_of
from assetpipe.delivery.store import Store
from assetpipe.errors import SourceError
from assetpipe.log import Event, Report, silent

Kind = Literal["missing", "truncated", "corrupt", "swapped", "stale"]


@dataclass(frozen=True)
class Fault:
    kind: Kind
    key: str
    """of the object, or the catalog's name of the asset"""
    message: str
    category: str
    asset: str = ""


@dataclass(frozen=True)
class Verified:
    objects: int
    bytes: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Reference:
    """An object, and what whoever names it says of it."""

    keys: Keys
    key: str
    sha256: str
    """whole, or its first digits where only the name says it"""
    bytes: int | None
    named_by: str


@dataclass(frozen=True)
class _Scope:
    """What is verified, and against what."""

    store: Store
    catalog: Catalog
    settings: Publish
    category: str
    report: Report


def verify(
    store: Store,
    catalog: Catalog,
    settings: Publish,
    *,
    category: str = "",
    mend: bool = False,
    discard: bool = False,
    report: Report = silent,
) -> Verified:
    """Of one category or of all. What is found is looked at twice, for publishes go on meanwhile.

    `mend` makes stale catalog entries and indexes again from the pointers. `discard` deletes damaged payloads and
    history: a publish believes what is there, so only then does publishing the bundle again put them back, and until
    then viewers get an error in place of wrong bytes.
    """
    scope = _Scope(store, catalog, settings, category, report)
    first, _ = _pass(scope, _known(store, catalog, category))
    if not first.faults:
        return first
    suspects = {(fault.category, fault.asset) for fault in first.faults}
    known = _known(store, catalog, category)
    second, entries = _pass(scope, known, suspects)
    faults = tuple(fault for fault in second.faults if fault in first.faults)
    for fault in faults:
        if discard and fault.kind not in ("stale", "missing") and "/manifest/" not in fault.key:
            _delete(store, fault.key)
    if mend and faults:
        _mend(scope, entries, faults)
    return Verified(first.objects, first.bytes, faults)


def _pass(
    scope: _Scope, known: Sequence[Holdings], suspects: Set[tuple[str, str]] | None = None
) -> tuple[Verified, list[Entry]]:
    """Of `suspects` payloads are read, of all the pointers."""

    def look_at(held: Holdings) -> _Asset:
        return _asset(scope, held, deep=suspects is None or (held.keys.category, held.keys.asset) in suspects)

    with ThreadPoolExecutor(scope.settings.threads) as pool:
        assets = list(pool.map(look_at, known))
    entries = [asset.entry for asset in assets if asset.entry]
    ghosts = [held.keys for held in known if not held.stats and scope.catalog.get(held.keys.category, held.keys.asset)]
    faults = [
        *(fault for asset in assets for fault in asset.faults),
        *_stale_entries(scope.catalog, entries, ghosts),
        *_stale_indexes(scope.store, _presumed(scope.catalog, known, entries), scope.settings, scope.category),
    ]
    size = sum(asset.bytes for asset in assets)
    return Verified(sum(asset.objects for asset in assets), size, tuple(faults)), entries


@dataclass(frozen=True)
class _Asset:
    objects: int
    bytes: int
    faults: tuple[Fault, ...]
    entry: Entry | None


def _known(store: Store, catalog: Catalog, category: str) -> list[Holdings]:
    """Assets of which anything tells: a payload, a history, a pointer, the catalog."""
    known = {held.keys: held for held in inventory(store, category)}
    others = list(pointers_of(store, category))
    for name in [category] if category else catalog.categories():
        others += [entry.keys for entry in catalog.listing(name)]
    known |= {keys: Holdings(keys) for keys in others if keys not in known}
    return sorted(known.values(), key=lambda held: (held.keys.category, held.keys.asset))


def _asset(scope: _Scope, held: Holdings, *, deep: bool) -> _Asset:
    """What nothing names is hashed too: its name says what it was."""
    store, keys, history = scope.store, held.keys, held.history()
    pointer, entry, faults = _pointer(store, scope.catalog, keys)
    if not deep:
        return _Asset(0, 0, tuple(faults), entry)
    scope.report(Event("step", keys.asset, "verifying"))
    references: list[Reference] = []
    if pointer:
        references += _payloads(keys, pointer.document, keys.pointer)
        lost = {keys.history(name) for name in (pointer.revision, *pointer.earlier)} - history
        lost -= read_doomed(store, keys).gone - {keys.history(pointer.revision)}
        faults += [_fault("missing", keys, key, f"is gone, and {keys.pointer} names it") for key in sorted(lost)]
    size = len(pointer.to_bytes()) if pointer else 0
    for key in sorted(history):
        body, fault = _body(store, Reference(keys, key, key.split("/")[-1].removesuffix(".json"), None, "its name"))
        faults += [fault] if fault else []
        references += _payloads(keys, body, key) if body and not fault else []
        size += len(body or b"")
    payloads = {key: Reference(keys, key, key.split(".")[-2], None, "its name") for key in held.stats.keys() - history}
    payloads |= {reference.key: reference for reference in reversed(references)}
    for key in sorted(payloads):
        body, fault = _body(store, payloads[key])
        faults += [fault] if fault else []
        size += len(body or b"")
    return _Asset(bool(pointer) + len(history) + len(payloads), size, tuple(faults), entry)


def _pointer(store: Store, catalog: Catalog, keys: Keys) -> tuple[Pointer | None, Entry | None, list[Fault]]:
    try:
        found = store.read(keys.pointer)
        if found is None:
            # Without an entry it is what a first publish left that died: not seen by anybody, and gc's to delete.
            entry = catalog.get(keys.category, keys.asset)
            lost = _fault("missing", keys, keys.pointer, f"is gone, and {catalog.place} names it")
            return None, None, [lost] if entry else []
        pointer = parse_pointer(found.body, keys.pointer)
        entry = entry_of(pointer, keys.pointer, found.stat.modified)
    except SourceError as error:
        return None, None, [_fault("corrupt", keys, keys.pointer, error.message)]
    if entry.keys != keys:
        fault = f"it is the pointer of {entry.category}/{entry.asset}"
        return None, None, [_fault("swapped", keys, keys.pointer, fault)]
    return pointer, entry, []


def _payloads(keys: Keys, document: bytes, named_by: str) -> list[Reference]:
    return [
        Reference(keys, key, sha256, size, named_by) for key, (sha256, size) in payloads_of(document, named_by).items()
    ]


def _body(store: Store, reference: Reference) -> tuple[bytes | None, Fault | None]:
    """Read and hash; what the store itself refuses is said with its size."""
    keys, key = reference.keys, reference.key
    try:
        found = store.read(key)
    except SourceError as error:
        stat = store.stat(key)
        short = stat is not None and reference.bytes is not None and stat.bytes < reference.bytes
        kind: Kind = "truncated" if short else "corrupt"
        sizes = f" ({stat.bytes} of {reference.bytes} bytes)" if short and stat else ""
        return None, _fault(kind, keys, key, error.message + sizes)
    if found is None:
        return None, _fault("missing", keys, key, f"is gone, and {reference.named_by} names it")
    sha256 = hashlib.sha256(found.body).hexdigest()
    if sha256.startswith(reference.sha256):
        return found.body, None
    if reference.bytes is not None and len(found.body) < reference.bytes:
        return found.body, _fault("truncated", keys, key, f"{len(found.body)} of {reference.bytes} bytes are left")
    kind = "swapped" if found.stat.sha256 == sha256 else "corrupt"
    what = "holds another object's bytes" if kind == "swapped" else "its bytes are not those that were published"
    return found.body, _fault(kind, keys, key, f"{what} (sha256 {sha256[:SHORT]}, not {reference.sha256[:SHORT]})")


def _stale_entries(catalog: Catalog, entries: Sequence[Entry], ghosts: Sequence[Keys]) -> Iterator[Fault]:
    for entry in entries:
        keys = entry.keys
        noted = catalog.get(keys.category, keys.asset)
        if noted is None:
            yield _fault("stale", keys, keys.pointer, f"{catalog.place} does not have it")
        elif noted != entry:
            told = f"{catalog.place} has revision {noted.revision} (move {noted.sequence}), "
            yield _fault("stale", keys, keys.pointer, f"{told}the pointer {entry.revision} (move {entry.sequence})")
    for keys in ghosts:
        yield _fault("stale", keys, keys.pointer, f"{catalog.place} has it, and the store has nothing of it")


def _presumed(catalog: Catalog, known: Sequence[Holdings], entries: Sequence[Entry]) -> list[Entry]:
    """What indexes are to say: the pointers, and of an asset whose pointer is damaged what the catalog knows of it."""
    there = {entry.keys for entry in entries}
    broken = [held.keys for held in known if held.stats and held.keys not in there]
    noted = [catalog.get(keys.category, keys.asset) for keys in broken]
    return [*entries, *(entry for entry in noted if entry)]


def _stale_indexes(store: Store, entries: Sequence[Entry], settings: Publish, category: str) -> Iterator[Fault]:
    there = {stat.key for stat in store.list(f"{category}/manifest/" if category else "") if is_index_key(stat.key)}
    for name in sorted({entry.category for entry in entries} | {key.partition("/")[0] for key in there}):
        keys = Keys(name, "index")
        own = sorted((entry for entry in entries if entry.category == name), key=lambda entry: entry.asset)
        for page in index_pages(name, own, settings.index_entries):
            there.discard(page.key)
            try:
                found = store.read(page.key)
                if found is None:
                    yield _fault("missing", keys, page.key, "there is no such page of the index")
                elif found.body != page.body:
                    yield _fault("stale", keys, page.key, "says another thing than the pointers")
            except SourceError as error:
                yield _fault("corrupt", keys, page.key, error.message)
    for key in sorted(there):
        yield _fault("stale", Keys(key.partition("/")[0], "index"), key, "is no page of the index any more")


def _mend(scope: _Scope, entries: Sequence[Entry], faults: Sequence[Fault]) -> None:
    store, catalog = scope.store, scope.catalog
    rebuild(store, catalog, entries)
    there = {entry.keys for entry in entries}
    for fault in faults:
        keys = Keys(fault.category, fault.asset)
        if fault.kind == "stale" and fault.key == keys.pointer and keys not in there:
            catalog.forget(fault.category, fault.asset)
        if fault.kind == "corrupt" and is_index_key(fault.key):
            # Rewriting compares hashes as they were written, which a page that rotted still has.
            _delete(store, fault.key)
    for category in sorted({fault.category for fault in faults}):
        write_index(store, catalog, category, scope.settings.index_entries)


def _delete(store: Store, key: str) -> None:
    if stat := store.stat(key):
        store.delete(key, stat.version)


def _fault(kind: Kind, keys: Keys, key: str, message: str) -> Fault:
    return Fault(kind, key, message if key in message else f"{key}: {message}", keys.category, keys.asset)
