"""The one mutable document of an asset: which revision is current, and what came before it.

    {...the published manifest..., "publication": {"revision", "sequence", "status", "earlier"}}

Order without a clock: `sequence` counts the moves of the pointer, and `earlier` holds the revisions under the current
one, newest first, as a stack: a publish pushes, a rollback pops. So a rollback after a rollback goes further back, and
a publish after a rollback never leads back to what was rolled away (that stays in the history, and can be named). A
revision stands in the stack once: an old bundle published again becomes the top, and there is no circle to walk. Both
move in one compare-and-swap with the manifest itself, so that of two publishers at once the second sees the first, and
puts it under its own.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from assetpipe.delivery.cdn import pointer_tag
from assetpipe.delivery.keys import BRIEF, Keys
from assetpipe.delivery.release import json_bytes, json_item, payloads_of, revision_of
from assetpipe.delivery.store import Item, Moved, Stat, Store
from assetpipe.errors import SourceError, TryAgain

Status = Literal["live", "rolled_back"]
EARLIER = 100
"""Revisions that a pointer remembers below the current one: viewers load it, at 20 bytes each."""
TRIES, LONGEST_PAUSE = 100, 0.5
"""Of one compare-and-swap, and seconds between two of them: at most 50 s, 25 on average."""


@dataclass(frozen=True)
class Pointer:
    revision: str
    sequence: int
    status: Status
    earlier: tuple[str, ...]
    document: bytes
    """The published manifest, as its history document has it."""

    def to_bytes(self) -> bytes:
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        """As JSON of both together would be, which takes six times as long."""
        publication = {
            "revision": self.revision,
            "sequence": self.sequence,
            "status": self.status,
            "earlier": list(self.earlier),
        }
        if self.document[:2] != b"{\n" or self.document[-3:] != b"\n}\n":
            return json_bytes({**json.loads(self.document), "publication": publication})
        return self.document[:-3] + b"," + json_bytes({"publication": publication})[1:]


@dataclass(frozen=True)
class Seen:
    """A pointer as it was read, and what to swap against. `pointer` is None where there is none, or a broken one."""

    version: str | None
    pointer: Pointer | None
    modified: float = 0.0
    fault: str = ""


Decide = Callable[[Seen], Pointer | None]


def look(store: Store, keys: Keys) -> Seen:
    """A broken pointer is seen, not raised: publishing the asset again is its cure. It is read twice before that is
    believed: bytes may have changed on their way to us."""
    seen = _look(store, keys)
    return _look(store, keys) if seen.fault else seen


def _look(store: Store, keys: Keys) -> Seen:
    try:
        found = store.read(keys.pointer)
        if found is None:
            return Seen(None, None)
        return Seen(found.stat.version, parse_pointer(found.body, keys.pointer), found.stat.modified)
    except SourceError as error:
        stat = store.stat(keys.pointer)
        return Seen(stat.version if stat else None, None, stat.modified if stat else 0.0, error.message)


def parse_pointer(body: bytes, place: str) -> Pointer:
    try:
        whole: dict[str, Any] = json.loads(body)
        publication = whole.pop("publication")
        document = json_bytes(whole)
        pointer = Pointer(
            str(publication["revision"]),
            int(publication["sequence"]),
            "rolled_back" if publication["status"] == "rolled_back" else "live",
            tuple(map(str, publication["earlier"])),
            document,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(place, f"no pointer of assetpipe ({error!r})") from None
    if pointer.revision != revision_of(document):
        raise _broken(place, f"its manifest is not that of revision {pointer.revision}")
    return pointer


def move(store: Store, keys: Keys, decide: Decide, seen: Seen | None = None) -> Seen:
    """Swap the pointer for what `decide` makes of what is there, again for as long as others are faster. None from
    `decide` leaves it. Returns what is there then, which may already be another's. `seen` is what the caller has seen
    just now: it's looked again only where that is no longer so."""
    after, moved = swap(store, keys, decide, seen)
    return witnessed(store, keys, after) if moved else after


def swap(store: Store, keys: Keys, decide: Decide, seen: Seen | None = None) -> tuple[Seen, bool]:
    """As `move`, and whether it moved: then what was written is returned, without the store's time (`witnessed`)."""
    for attempt in range(TRIES):
        seen = look(store, keys) if attempt or seen is None else seen
        wanted = decide(seen)
        if wanted is None:
            return seen, False
        try:
            return Seen(store.replace(pointer_item(keys, wanted), seen.version), wanted), True
        except Moved:
            pause(attempt)
    raise TryAgain(
        "E_POINTER_BUSY",
        f"{store.url}: {keys.pointer} was moved by others {TRIES} times while we tried",
        hint="publish again when fewer publish this asset",
    )


def witnessed(store: Store, keys: Keys, seen: Seen, stat: Stat | None = None) -> Seen:
    """What is there now, with the store's time; read only where it is no longer what was seen. `stat` is given by who
    has it already."""
    stat = stat or store.stat(keys.pointer)
    if stat and stat.version == seen.version:
        return replace(seen, modified=stat.modified)
    after = look(store, keys)
    return after if after.pointer else seen


def pushed(sequence: int, before: Sequence[str], revision: str, document: bytes) -> Pointer:
    """The pointer after a publish; `before` is what was current until now, newest first, after `sequence` moves."""
    earlier = tuple(dict.fromkeys(name for name in before if name != revision))
    return Pointer(revision, sequence + 1, "live", earlier[:EARLIER], document)


def popped(pointer: Pointer, revision: str, document: bytes) -> Pointer:
    """The pointer after a rollback; a revision that is not in the stack any more goes on top of what is under us."""
    stack = pointer.earlier
    under = stack[stack.index(revision) + 1 :] if revision in stack else stack
    return replace(
        pointer,
        revision=revision,
        sequence=pointer.sequence + 1,
        status="rolled_back",
        earlier=under,
        document=document,
    )


def named_now(pointer: Pointer, keys: Keys) -> set[str]:
    """Every key that readers of the pointer are sent to, and its history document."""
    return {keys.history(pointer.revision), *payloads_of(pointer.document, keys.pointer)}


def pause(attempt: int) -> None:
    """Full jitter: of writers that collide, few collide again."""
    longest = min(LONGEST_PAUSE, 0.005 * 2 ** min(attempt, 10))
    time.sleep(random.uniform(0, longest))  # noqa: S311  # spreads writers, guards nothing


def pointer_item(keys: Keys, pointer: Pointer) -> Item:
    about = {"asset": keys.asset, "revision": pointer.revision, "cache-tag": pointer_tag(keys.category)}
    return json_item(keys.pointer, pointer.to_bytes(), BRIEF, about)


def _broken(place: str, fault: str) -> SourceError:
    return SourceError("E_POINTER", f"{place}: {fault}", hint="publish the asset again: that makes a new pointer")
