"""Item -> its config and its keys, and the name of the work that it stands for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from assetpipe.batch.cloud import etag, read_bytes
from assetpipe.batch.plan import Item
from assetpipe.config import Config, Publish, load_config
from assetpipe.delivery.keys import Keys
from assetpipe.version import __version__


def config_of(item: Item) -> Config:
    return load_config(Path(item.config) if item.config else None, category=item.category)


def keys_of(item: Item) -> Keys:
    return Keys(config_of(item).category, item.asset)


def with_local_config(item: Item, scratch: Path, settings: Publish) -> Item:
    if not item.config or not item.config.startswith("s3://"):
        return item
    path = scratch / "config.toml"
    path.write_bytes(read_bytes(item.config, settings))
    return item.model_copy(update={"config": str(path)})


def unit_of(item: Item, settings: Publish) -> str:
    """What is made of what: whoever finds it done need not do it."""
    remote = item.source.startswith("s3://") and not item.sha256
    return unit_with(item, etag(item.source, settings) if remote else item.sha256 or item.bytes)


def unit_with(item: Item, stamp: str | int) -> str:
    """`stamp`: changes with the source's content."""
    parts = [item.source, stamp, item.asset, config_of(item).sha256, __version__]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
