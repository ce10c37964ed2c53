"""A store in S3 -> findings: what a publish to it needs, each thing tried, with the cure for what is refused.

`doctor --store s3://…` shows them. Probe objects are written under `doctor/` and removed again; where that is not
allowed, the finding names what is left. The invalidation that is tried is always the same one, so CloudFront counts it
once, however often a doctor comes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from assetpipe.delivery.client import Access, cloudfront_client
from assetpipe.delivery.probe import Probe
from assetpipe.delivery.s3 import S3Store
from assetpipe.delivery.surroundings import Bucket, Site
from assetpipe.errors import AssetpipeError

NEEDED, OPTIONAL = True, False


class Settings(Access, Protocol):
    @property
    def distribution(self) -> str: ...
    @property
    def invalidate(self) -> str: ...


@dataclass(frozen=True)
class Finding:
    """One thing that was tried."""

    name: str
    state: Literal["ok", "missing", "absent"]
    """missing: a publish needs it; absent: only an option does, or it costs money or safety"""
    detail: str
    cure: str = ""


def examine_store(url: str, settings: Settings) -> tuple[Finding, ...]:
    """Never raises but for a URL or settings that mean nothing; a bucket that is not there is the only finding then."""
    store = S3Store.open(url, settings)
    found = _tried("bucket", NEEDED, Bucket(store).there)
    if found.state == "missing" and "s3:ListBucket" not in found.cure:
        return (found,)
    return (found, *_objects(store), *_bucket(store, settings), *_distribution(store, settings))


def _tried(name: str, needed: bool, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", attempt())
    except AssetpipeError as error:
        return Finding(name, "missing" if needed else "absent", error.message, error.hint)


def _objects(store: S3Store) -> Iterator[Finding]:
    probe = Probe(store, f"doctor/probe-{secrets.token_hex(8)}")
    try:
        yield _tried("write", NEEDED, probe.write)
        if store_has := _quietly(lambda: store.stat(probe.key)):
            yield _tried("written once", NEEDED, probe.written_once)
            yield _tried("compare and swap", NEEDED, probe.swap)
            yield _tried("read", NEEDED, probe.read)
        yield _tried("list", NEEDED, probe.list)
        yield _tried("class", OPTIONAL, probe.tiered)
        yield _tried("parts", NEEDED, probe.parts)
        yield _tried("resume and sweep", OPTIONAL, probe.unfinished)
        if store_has:
            yield _tried("delete", OPTIONAL, probe.delete)
    finally:
        probe.clear()


def _bucket(store: S3Store, settings: Settings) -> Iterator[Finding]:
    bucket = Bucket(store)
    yield _tried("public access", OPTIONAL, bucket.not_public)
    yield _tried("cors", OPTIONAL, bucket.cors)
    yield _tried("lifecycle", OPTIONAL, bucket.lifecycle)
    if settings.kms_key:
        yield Finding("encryption", "ok", f"objects are written with {settings.kms_key}, and were readable above")
    if settings.accelerate:
        yield _tried("acceleration", NEEDED, bucket.accelerated)


def _distribution(store: S3Store, settings: Settings) -> Iterator[Finding]:
    if not settings.distribution:
        cure = "set [publish] distribution to its id, if there is one"
        yield Finding("distribution", "absent", "no CloudFront distribution is named; none is invalidated", cure)
        return
    site = Site(store, settings.distribution, cloudfront_client())
    yield _tried("distribution", NEEDED, site.serves)
    yield _tried("origin access", NEEDED, site.signs)
    if settings.invalidate == "tags":
        yield _tried("cache tags", NEEDED, site.tags)
    if settings.invalidate != "never":
        yield _tried("invalidation", NEEDED, site.invalidates)


def _quietly(call: Callable[[], object]) -> object:
    try:
        return call()
    except AssetpipeError:
        return None
