"""s3:// URL -> what is there, and onto this disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assetpipe.errors import AssetpipeError, LimitExceeded, MissingFile, NotPermitted, ServiceUnavailable, UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ALONE = (".glb", ".stl")
"""Formats whose files need no others."""
TIMES = {"connect_timeout": 10, "read_timeout": 60, "retries": {"mode": "standard", "total_max_attempts": 5}}


def split_url(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise UsageError("E_URL", f"{url}: not an s3:// URL", hint="s3://BUCKET/KEY")
    return parts.netloc, parts.path.removeprefix("/")


def list_objects(bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Keys and sizes in bytes."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                yield each["Key"], each["Size"]
    except (ClientError, BotoCoreError) as error:
        raise _explained(f"s3://{bucket}/{prefix}", error) from error


def fetch_source(url: str, folder: Path, limit: int) -> Path:
    """Bring a source here and return its path. Of a format that names other files, all that lies in its folder comes
    along. `limit` in bytes, of everything together."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = split_url(url)
    above = key[: len(key) - len(PurePosixPath(key).name)]
    wanted = dict(list_objects(bucket, key if key.lower().endswith(ALONE) else above))
    wanted = {name: size for name, size in wanted.items() if name == key or not key.lower().endswith(ALONE)}
    if key not in wanted:
        raise MissingFile("E_SOURCE_MISSING", f"{url}: no such object", hint="check the URL")
    if sum(wanted.values()) > limit:
        fault = f"{url}: {sum(wanted.values()):,} bytes with what lies beside it, limit {limit:,}"
        raise LimitExceeded("E_LIMIT_SOURCE", fault, hint="raise limits.source_bytes in the config")
    client = _client()
    for name in wanted:
        path = _inside(folder, name.removeprefix(above), url)
        try:
            client.download_file(bucket, name, str(path))
        except (ClientError, BotoCoreError) as error:
            raise _explained(f"s3://{bucket}/{name}", error) from error
    return folder / key.removeprefix(above)


def _inside(folder: Path, name: str, url: str) -> Path:
    """Keys are names that strangers chose: `../` in one stays a fault."""
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise MissingFile("E_KEY", f"{url}: beside it lies the key {name!r}, which is no file name", hint="rename it")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _client() -> S3Client:
    import boto3
    from botocore.config import Config

    client: S3Client = boto3.client("s3", config=Config(**TIMES))  # type: ignore[arg-type]
    return client


def _explained(place: str, error: Exception) -> AssetpipeError:
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    if code in ("NoSuchBucket", "NoSuchKey", "404"):
        return MissingFile("E_SOURCE_MISSING", f"{place}: {code}", hint="check the URL")
    if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"):
        return NotPermitted("E_S3_ACCESS", f"{place}: {code}", hint="grant s3:ListBucket and s3:GetObject")
    return ServiceUnavailable("E_S3", f"{place}: {error}", hint="check network, region and credentials")
