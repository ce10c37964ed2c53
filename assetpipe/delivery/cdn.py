"""Keys that moved -> Batch: what caches are told to forget, once per run, and under which name.

Payloads carry their hash in their key and are never named here. Two paths per publish: the asset's pointer and the
pages of its category's index; those of many publishes are told in one batch.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

INDIVIDUAL, WILDCARDS = 3_000, 15
"""Paths that one distribution works on at a time, and those among them that end in `*`."""
PAGE = re.compile(r".+/manifest/index(-\d+)?\.json")


@dataclass(frozen=True)
class Change:
    """One publish that moved keys."""

    mark: str
    """Names this publish among all that ever were: the asset, its revision, and which publish of the asset it was. A
    revision alone is not enough: one that is rolled back to would be the invalidation of its first publish, which is
    done, and caches would hear nothing."""
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """One invalidation. The same changes give the same batch, so whoever repeats it asks for nothing new."""

    reference: str
    paths: tuple[str, ...]
    """`/key`, `/folder/*` or `#tag`"""


def plan_paths(changes: Iterable[Change], root: str, most: int) -> Batch | None:
    """By path. `root` is what viewers see before a key, `/` or `/models/`; beyond `most` paths whole folders go."""
    told = list(changes)
    paths = _collapsed({key for change in told for key in change.keys}, most)
    if len(paths) > INDIVIDUAL:
        paths = {"*"}
    return _batch(told, [root + path for path in paths])


def plan_tags(changes: Iterable[Change]) -> Batch | None:
    """By cache tag: one for each category, which all its pointers and index pages carry and no payload does."""
    told = list(changes)
    return _batch(told, [f"#{pointer_tag(key.partition('/')[0])}" for change in told for key in change.keys])


def pointer_tag(category: str) -> str:
    return f"pointers:{category}"


def _collapsed(keys: set[str], most: int) -> set[str]:
    """The fullest folders become one wildcard each until `most` is kept; of the others the index does, whose pages a
    publish may move all."""
    folders: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        folders[key.rpartition("/")[0]].add(key)
    paths: set[str] = set()
    count, wildcards = len(keys), 0
    for folder, inside in sorted(folders.items(), key=lambda item: (-len(item[1]), item[0])):
        fewer = {f"{folder}/*"} if count > most else _pages_as_one(folder, inside)
        if len(fewer) < len(inside) and wildcards < WILDCARDS:
            count, wildcards = count - len(inside) + len(fewer), wildcards + 1
            paths |= fewer
        else:
            paths |= inside
    return paths


def _pages_as_one(folder: str, keys: set[str]) -> set[str]:
    return {f"{folder}/index*" if PAGE.fullmatch(key) else key for key in keys}


def _batch(changes: Sequence[Change], paths: Iterable[str]) -> Batch | None:
    ordered = tuple(sorted(set(paths)))
    if not ordered:
        return None
    said = "\n".join([*ordered, *sorted({change.mark for change in changes})])
    return Batch(f"assetpipe-{hashlib.sha256(said.encode()).hexdigest()[:40]}", ordered)
