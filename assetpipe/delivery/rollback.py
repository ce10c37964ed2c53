"""An earlier revision becomes current: only the pointer moves, and all that it names was there before."""

from __future__ import annotations

from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.doomed import claim
from assetpipe.delivery.index import write_index
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Pointer, Seen, look, move, popped
from assetpipe.delivery.publish import record
from assetpipe.delivery.published import Published, with_index
from assetpipe.delivery.release import payloads_of, revision_of
from assetpipe.delivery.store import Moved, Store
from assetpipe.errors import SourceError, UsageError


def rollback(
    store: Store, catalog: Catalog, keys: Keys, settings: Publish, *, revision: str | None = None, dry_run: bool = False
) -> Published:
    """To `revision` (its first digits are enough), or to the one that was current before the present one."""
    before = _current(store, keys)
    assert before.pointer
    target = _chosen(store, keys, before.pointer, revision)
    document = _whole(store, keys, target, dry_run=dry_run)
    if dry_run or target == before.pointer.revision:
        changed = target != before.pointer.revision
        return Published(keys.asset, keys.category, target, changed, before.pointer.sequence + changed)

    def decide(seen: Seen) -> Pointer | None:
        if seen.pointer and seen.pointer.revision == target:
            return None
        if seen.pointer is None or (revision is None and seen.version != before.version):
            # "The one before" was chosen from what was seen; it's another one now.
            raise Moved(
                "E_POINTER_MOVED",
                f"{store.url}: {keys.pointer} was moved by others meanwhile",
                hint="look what is current now, and name the revision that you want",
            )
        return popped(seen.pointer, target, document)

    after = move(store, keys, decide)
    record(catalog, keys, after)
    size = len(after.pointer.to_bytes()) if after.pointer else 0
    sequence = after.pointer.sequence if after.pointer else 0
    done = Published(keys.asset, keys.category, target, True, sequence, size, 1)
    return with_index(done, write_index(store, catalog, keys.category, settings.index_entries))


def revisions(store: Store, keys: Keys) -> list[str]:
    """All that the history still holds, the latest first published first."""
    stats = [stat for stat in store.list(keys.past) if stat.key.endswith(".json")]
    stats.sort(key=lambda stat: (stat.modified, stat.key), reverse=True)
    return [stat.key.removeprefix(keys.past).removesuffix(".json") for stat in stats]


def _current(store: Store, keys: Keys) -> Seen:
    seen = look(store, keys)
    if seen.fault:
        raise SourceError("E_POINTER", seen.fault, hint="publish the asset again: that makes a new pointer")
    if seen.pointer is None:
        raise UsageError(
            "E_NOT_PUBLISHED",
            f"{store.url}: {keys.category}/{keys.asset} is not published",
            hint="`assetpipe catalog list` says what is",
        )
    return seen


def _chosen(store: Store, keys: Keys, pointer: Pointer, revision: str | None) -> str:
    if revision is None:
        if not pointer.earlier:
            raise UsageError(
                "E_NO_EARLIER",
                f"{store.url}: {keys.category}/{keys.asset} has no revision before {pointer.revision}",
                hint="`assetpipe catalog show` lists what the history holds; name one with --revision",
            )
        return pointer.earlier[0]
    known = revisions(store, keys)
    found = [name for name in known if name.startswith(revision)]
    if len(found) != 1 or not revision:
        count = "more than one" if found else "no"
        raise UsageError(
            "E_NO_REVISION",
            f"{store.url}: {keys.category}/{keys.asset} has {count} revision {revision!r}",
            hint=f"it has {', '.join(known[:5])}" + (", ..." if len(known) > 5 else ""),
        )
    return found[0]


def _whole(store: Store, keys: Keys, revision: str, *, dry_run: bool) -> bytes:
    """The history document, after a look that all which it names is there, and will stay for long enough."""
    key = keys.history(revision)
    document = _document(store, key, revision)
    needs = payloads_of(document, key)
    if not dry_run:
        claim(store, keys, frozenset([key, *needs]))
        document = _document(store, key, revision)
    for payload, (_, size) in needs.items():
        stat = store.stat(payload)
        if stat is None or size not in (None, stat.bytes):
            raise SourceError(
                "E_REVISION_INCOMPLETE",
                f"{store.url}: {payload} of revision {revision} is {'missing' if stat is None else 'not whole'}",
                hint="publish its bundle again, or name another revision",
            )
    return document


def _document(store: Store, key: str, revision: str) -> bytes:
    found = store.read(key)
    if found is None or revision_of(found.body) != revision:
        raise SourceError(
            "E_REVISION_INCOMPLETE",
            f"{store.url}: {key} is {'missing' if found is None else 'not what was published'}",
            hint="publish its bundle again, or name another revision",
        )
    return found.body
