"""What a store refuses, in the same words whichever store it is. `place` is the key as the user would name it."""

from __future__ import annotations

import re

from assetpipe.delivery.store import Moved, Store
from assetpipe.errors import MissingFile, SourceError, UsageError

KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
LONGEST_KEY, LONGEST_PART = 1024, 255
"""Bytes: S3's limit of a key, and file systems' limit of a name."""


def checked(key: str) -> str:
    """Keys are made of slugs. One that leads upwards, hides or differs by case alone is not to reach any disk."""
    fits = len(key) <= LONGEST_KEY and all(len(part) <= LONGEST_PART for part in key.split("/"))
    if not (fits and KEY.fullmatch(key)):
        raise UsageError(
            "E_STORE_KEY", f"{key[:200]!r} cannot be a key", hint="keys are made of a-z, 0-9, '-', '_', '.' and '/'"
        )
    return key


def place(store: Store, key: str) -> str:
    return f"{store.url.rstrip('/')}/{key}"


def taken(place: str, found: str, sent: str) -> SourceError:
    return SourceError(
        "E_STORE_TAKEN",
        f"{place}: is there with another content: sha256 {found or 'unknown'}, to write {sent}",
        hint="keys that carry a hash are written once; somebody else wrote this one: move it away and publish again",
    )


def moved(place: str, found: str | None, expected: str | None) -> Moved:
    return Moved(
        "E_STORE_MOVED",
        f"{place}: was {expected or 'absent'} when it was read, and is {found or 'absent'} now",
        hint="another publish was faster: nothing was changed; the same command again starts from what is there",
    )


def corrupt(place: str, found: str, written: str) -> SourceError:
    return SourceError(
        "E_STORE_CORRUPT",
        f"{place}: its bytes are not those that were written: sha256 {found}, written {written}",
        hint="`assetpipe catalog verify` finds all that are damaged; remove it and publish its bundle again",
    )


def other_body(key: str, source: str, found: str, promised: str) -> SourceError:
    return SourceError(
        "E_STORE_BODY",
        f"{source}: its bytes are not those of {key}: sha256 {found}, promised {promised}",
        hint="the file changed after it was checked, or the disk or memory it comes from is faulty: build it again",
    )


def no_body(key: str, source: str, why: str) -> MissingFile:
    return MissingFile("E_STORE_NO_BODY", f"{source}: cannot be read for {key}: {why}", hint="build the bundle again")
