"""Store and settings -> the catalog that belongs to it: SQLite beside a folder, a DynamoDB table for S3."""

from __future__ import annotations

import os
import re
from pathlib import Path

from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.s3 import S3Store
from assetpipe.delivery.sqlite import SqliteCatalog
from assetpipe.delivery.store import Store
from assetpipe.errors import ConfigError

BESIDE = Path(".assetpipe") / "catalog.sqlite"
ENDPOINTS = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL")


def open_catalog(store: Store, settings: Publish) -> Catalog:
    """Nothing is written yet, and nothing asked of any server."""
    kind, _, name = settings.catalog.partition(":")
    if kind == "sqlite":
        return SqliteCatalog(Path(name).absolute(), store)
    if kind == "dynamodb":
        return _dynamodb(name, settings)
    if isinstance(store, FolderStore):
        return SqliteCatalog(store.root / BESIDE, store)
    assert isinstance(store, S3Store)
    if settings.endpoint_url and not any(map(os.environ.get, ENDPOINTS)):
        raise ConfigError(
            "E_CATALOG_UNSET",
            f"{store.url}: [publish] endpoint_url is of an S3 server that is not AWS, and none of DynamoDB is named",
            hint='say where the catalog is: [publish] catalog = "sqlite:/srv/catalog.sqlite" or "dynamodb:TABLE"',
        )
    return _dynamodb(table_of(store), settings)


def table_of(store: S3Store) -> str:
    """`s3://shop-models/eu` -> `assetpipe-shop-models-eu`: a table for each store."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"assetpipe-{store.bucket}-{store.prefix}").strip("-")[:255]


def _dynamodb(table: str, settings: Publish) -> Catalog:
    from assetpipe.delivery.client import dynamodb_client
    from assetpipe.delivery.dynamodb import DynamoCatalog

    return DynamoCatalog(dynamodb_client(settings), table)
