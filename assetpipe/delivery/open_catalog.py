"""Store and settings -> the catalog that belongs to it: SQLite beside a folder, a DynamoDB table for S3."""

from __future__ import annotations

import os
import re
from pathlib import Path

from assetpipe.config import Publish
from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.folder import FolderStore
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
    if settings.endpoint_url and not any(map(os.environ.get, ENDPOINTS)):
        raise ConfigError(
            "E_CATALOG_UNSET",
            f"{store.url}: [publish] endpoint_url is of an S3 server that is not AWS, and none of DynamoDB is named",
            hint='say where the catalog is: [publish] catalog = "sqlite:/srv/catalog.sqlite" or "dynamodb:TABLE"',
        )
    return _dynamodb(table_of(store.url), settings)


def make_catalog(catalog: Catalog) -> bool:
    """Where it is a table that is not there yet; files are made when they are first asked."""
    from botocore.exceptions import ClientError

    from assetpipe.delivery.dynamodb import DynamoCatalog, create_table
    from assetpipe.delivery.faults import code_of, explaining

    if not isinstance(catalog, DynamoCatalog):
        return False
    with explaining(catalog.place):
        try:
            catalog.client.describe_table(TableName=catalog.table)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            create_table(catalog.client, catalog.table)
            return True
    return False


def table_of(url: str) -> str:
    """`s3://shop-models/eu` -> `assetpipe-shop-models-eu`: a table for each store."""
    place = url.partition("://")[2]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"assetpipe-{place}").strip("-")[:255]


def _dynamodb(table: str, settings: Publish) -> Catalog:
    from assetpipe.delivery.client import dynamodb_client
    from assetpipe.delivery.dynamodb import DynamoCatalog

    return DynamoCatalog(dynamodb_client(settings), table)
