"""Source, store -> the revision that is published of it, where a build would give just that.

A plan knows the hash of a file on disk and leaves out what is published; an object in S3 is known when it is fetched.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from assetpipe.batch.plan import Item
from assetpipe.config import Config
from assetpipe.delivery.keys import Keys
from assetpipe.delivery.pointer import Seen, look
from assetpipe.delivery.publish import record
from assetpipe.errors import SourceError
from assetpipe.manifest import Manifest, parse_manifest
from assetpipe.publishing import Run
from assetpipe.version import __version__


def published_of(source: Path, item: Item, config: Config, shop: Run) -> str | None:
    """None when it has to be built. Where a publisher died after the pointer and before the catalog, the catalog is
    brought up to it, and what follows from that is left to `Run.recall`."""
    keys = Keys(config.category, item.asset)
    seen = look(shop.store, keys)
    if seen.pointer is None or not _same(source, config, parse_manifest(seen.pointer.document, keys.pointer)):
        return None
    _catch_up(shop, keys, seen)
    return seen.pointer.revision


def _same(source: Path, config: Config, manifest: Manifest) -> bool:
    if (manifest.tool.version, manifest.config_sha256) != (__version__, config.sha256):
        return False
    if len(manifest.source.files) > 1:
        from assetpipe.sources import unchanged

        return unchanged(source, manifest.source.files)
    return file_sha256(source) == manifest.source.sha256


def _catch_up(shop: Run, keys: Keys, seen: Seen) -> None:
    assert seen.pointer
    known = shop.catalog.get(keys.category, keys.asset)
    if known is None or known.sequence < seen.pointer.sequence:
        record(shop.catalog, keys, seen)


def file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        fault = f"{path}: {(error.strerror or str(error)).lower()}"
        raise SourceError("E_SOURCE_READ", fault, hint="check the path") from None
