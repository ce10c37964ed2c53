"""Sources -> Plan: one Item an asset, without what is there twice and what is published as it would come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assetpipe.api import slug
from assetpipe.batch.estimate import estimate
from assetpipe.batch.found import Found, find_sources, is_remote, suffixes
from assetpipe.batch.plan import Item, shard
from assetpipe.batch.remote import ALONE
from assetpipe.config import INDEX, INDEX_RULE, SLUG, SLUG_RULE, Batch, load_config
from assetpipe.errors import MissingFile, UsageError
from assetpipe.log import Event, Report, silent
from assetpipe.manifest import Manifest
from assetpipe.version import __version__

Reason = Literal["duplicate", "published"]
Lookup = Callable[[str, str], Manifest | None]
"""Category, asset -> the manifest that a store shows now."""


@dataclass(frozen=True)
class LeftOut:
    source: str
    reason: Reason
    other: str
    """What it duplicates, or the revision that is published."""


@dataclass(frozen=True)
class Plan:
    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def seconds(self) -> float:
        """CPU seconds, on one core."""
        return sum(item.seconds for item in self.items)

    def cost(self, prices: Batch) -> float | None:
        """Of these seconds, in whatever currency the prices are; None where none is set. A job whose cores wait for
        each other costs more: `batch status` says what it was."""
        if not (prices.price_per_vcpu_hour or prices.price_per_gpu_hour):
            return None
        on_gpu = sum(item.seconds for item in self.items if prices.gpu_queue and item.seconds >= prices.gpu_seconds)
        return (self.seconds * prices.price_per_vcpu_hour + on_gpu * prices.price_per_gpu_hour) / 3600

    def count(self, reason: Reason) -> int:
        return sum(each.reason == reason for each in self.left_out)


@dataclass(frozen=True)
class Wanted:
    """What all sources have in common. `published`: what to leave out; `part`: share n of m, from 1."""

    category: str | None = None
    config: str | None = None
    published: Lookup | None = None
    part: tuple[int, int] = (1, 1)
    report: Report = silent


def plan_sources(names: Sequence[str], wanted: Wanted) -> Plan:
    """The same whatever order the names come in."""
    found = sorted(set(find_sources(names)), key=lambda each: (each.asset or "", each.source, str(each)))
    if not found:
        readable = ", ".join(suffixes())
        fault = f"{' '.join(names)}: nothing that can be read lies there"
        raise MissingFile("E_NO_SOURCES", fault, hint=f"files that end with {readable} are looked for")
    items = [_told(each, wanted, (at, len(found))) for at, each in enumerate(found)]
    unique, twice = _unique(items)
    _refuse_twins(unique)
    mine = shard(unique, *wanted.part)
    fresh, published = _unpublished(mine, wanted)
    return Plan(tuple(fresh), tuple(sorted([*twice, *published], key=lambda each: each.source)))


def _told(found: Found, wanted: Wanted, at: tuple[int, int]) -> Item:
    """How far the plan is, a hundred times at most: an event of no asset, for nobody is at work on one yet."""
    number, of = at
    if number * 100 // of != (number - 1) * 100 // of:
        wanted.report(Event("step", "", f"planning: {number:,} of {of:,}"))
    return plan_item(found, wanted)


def plan_item(found: Found, wanted: Wanted) -> Item:
    cure = "rename it, or name the asset in a list of sources"
    asset = found.asset or slug(Path(found.source).stem)
    if not SLUG.fullmatch(asset):
        raise UsageError("E_ASSET_NAME", f"{found.source}: {asset!r} cannot name an asset", hint=f"use {SLUG_RULE}")
    if INDEX.fullmatch(asset):
        raise UsageError("E_ASSET_NAME", f"{found.source}: {asset!r} {INDEX_RULE}", hint=cure)
    category, config = found.category or wanted.category, found.config or wanted.config
    if config and not is_remote(config):
        load_config(Path(config), category=category)  # a config that is wrong is said now, not at night
    elif category:
        load_config(category=category)
    seconds, memory = estimate(found)
    return Item(
        source=found.source,
        asset=asset,
        category=category,
        config=config,
        bytes=found.bytes,
        sha256=None if is_remote(found.source) else _sha256(found.source),
        seconds=seconds,
        memory_mb=memory,
        deadline=found.deadline,
    )


def _unique(items: Iterable[Item]) -> tuple[list[Item], list[LeftOut]]:
    """The first of those that would come out the same. A file that names others is not known by its own bytes."""
    first: dict[tuple[str | None, ...], Item] = {}
    twice: list[LeftOut] = []
    for item in items:
        content = item.sha256 if item.source.lower().endswith(ALONE) and item.sha256 else item.source
        other = first.setdefault((content, item.category, item.config), item)
        if other is not item:
            twice.append(LeftOut(item.source, "duplicate", other.source))
    return list(first.values()), twice


def _refuse_twins(items: Iterable[Item]) -> None:
    named: dict[str, Item] = {}
    for item in items:
        other = named.setdefault(item.asset, item)
        if other is not item:
            fault = f"{other.source} and {item.source} would both become the asset {item.asset}"
            hint = "name them in a list: a CSV file with the columns source, asset"
            raise UsageError("E_ASSET_TWICE", fault, hint=hint)


def _unpublished(items: Iterable[Item], wanted: Wanted) -> tuple[list[Item], list[LeftOut]]:
    if wanted.published is None:
        return list(items), []
    fresh: list[Item] = []
    there: list[LeftOut] = []
    for item in items:
        config = load_config(Path(item.config) if item.config else None, category=item.category)
        manifest = wanted.published(config.category, item.asset)
        if manifest and _same(item, manifest, config.sha256):
            there.append(LeftOut(item.source, "published", item.asset))
        else:
            fresh.append(item)
    return fresh, there


def _same(item: Item, manifest: Manifest, config_sha256: str) -> bool:
    """Whether a build of the item would give what is published."""
    if (manifest.tool.version, manifest.config_sha256) != (__version__, config_sha256) or not item.sha256:
        return False
    files = manifest.source.files
    if len(files) > 1:
        from assetpipe.sources import unchanged

        return unchanged(Path(item.source), files)
    return item.sha256 == manifest.source.sha256


def _sha256(source: str) -> str:
    """Read, not mapped: a file that is cut short meanwhile gives another hash instead of a dead process."""
    with Path(source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
