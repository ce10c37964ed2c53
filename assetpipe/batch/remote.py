"""s3:// URL -> what is there, and onto this disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assetpipe.config import load_config
from assetpipe.errors import LimitExceeded, MissingFile, SourceError, UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ALONE = (".glb", ".stl")
"""Formats whose files need no others."""
PIECE = 4 * 1024 * 1024
"""Bytes in memory at a time."""


def split_url(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise UsageError("E_URL", f"{url}: not an s3:// URL", hint="s3://BUCKET/KEY")
    return parts.netloc, parts.path.removeprefix("/")


def list_objects(bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Keys and sizes in bytes."""
    return ((key, size) for key, size, _ in list_versions(bucket, prefix))


def list_versions(bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
    """Keys, sizes in bytes and entity tags. What ends in a slash stands for a folder, and is none of them."""
    from assetpipe.delivery.faults import explaining

    with explaining(f"s3://{bucket}/{prefix}"):
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                if not each["Key"].endswith("/"):
                    yield each["Key"], each["Size"], each["ETag"]


def fetch_source(url: str, folder: Path, limit: int) -> Path:
    """Bring a source here and return its path. Of a format that names other files, all that lies in its folder comes
    along. `limit` in bytes, of everything together."""
    bucket, key = split_url(url)
    above = key[: len(key) - len(PurePosixPath(key).name)]
    alone = key.lower().endswith(ALONE)
    found = list_objects(bucket, key if alone else above)
    wanted = {name: size for name, size in found if name == key or not alone}
    if key not in wanted:
        raise MissingFile("E_SOURCE_MISSING", f"{url}: no such object", hint="check the URL")
    if sum(wanted.values()) > limit:
        fault = f"{url}: {sum(wanted.values()):,} bytes with what lies beside it, limit {limit:,}"
        raise LimitExceeded("E_LIMIT_SOURCE", fault, hint="raise limits.source_bytes in the config")
    paths = {name: _inside(folder, name.removeprefix(above), url) for name in wanted}
    client = _client()
    for name, path in paths.items():
        _fetch(client, bucket, name, path)
    return paths[key]


def _fetch(client: S3Client, bucket: str, key: str, path: Path) -> None:
    """A body that ends early is an error of botocore's, and may be asked for again."""
    from assetpipe.delivery.faults import explaining

    path.parent.mkdir(parents=True, exist_ok=True)
    with explaining(f"s3://{bucket}/{key}"), path.open("wb") as file:
        shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], file, PIECE)


def _inside(folder: Path, name: str, url: str) -> Path:
    """Keys are names that strangers chose: `../` in one stays a fault."""
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        fault = f"{url}: beside it lies the key {name!r}, which is no file name"
        raise SourceError("E_KEY", fault, hint="rename it")
    return folder / name


def _client() -> S3Client:
    from assetpipe.delivery.client import s3_client

    return s3_client(load_config().publish)
