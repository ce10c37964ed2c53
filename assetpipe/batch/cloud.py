"""URL or path -> bytes; and the clients of Batch and its logs, of which only a few calls are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from assetpipe.batch.remote import split_url
from assetpipe.config import Config, Publish, load_config
from assetpipe.delivery.client import region_here, s3_client
from assetpipe.delivery.faults import explaining
from assetpipe.errors import LimitExceeded, MissingFile
from assetpipe.scratch import scratch

MOST = 256_000_000
"""Bytes of a plan or a config."""
Answer = Mapping[str, Any]


class BatchClient(Protocol):
    """What we ask of AWS Batch."""

    def submit_job(self, **request: Any) -> Answer: ...
    def describe_jobs(self, *, jobs: list[str]) -> Answer: ...


class LogsClient(Protocol):
    """What we ask of CloudWatch Logs."""

    def get_log_events(self, **request: Any) -> Answer: ...


def batch_client(settings: Publish) -> BatchClient:
    """AWS_ENDPOINT_URL_BATCH overrides where it is."""
    return cast("BatchClient", _client("batch", settings))


def logs_client(settings: Publish) -> LogsClient:
    return cast("LogsClient", _client("logs", settings))


def read_bytes(place: str, settings: Publish) -> bytes:
    """Of a local path or an s3:// URL."""
    if not place.startswith("s3://"):
        return _read_file(Path(place))
    bucket, key = split_url(place)
    client = s3_client(settings)
    with explaining(place):
        try:
            answer = client.get_object(Bucket=bucket, Key=key)
        except client.exceptions.NoSuchKey:
            raise MissingFile("E_URL_MISSING", f"{place}: no such object", hint="check the URL") from None
        if answer["ContentLength"] > MOST:
            raise _too_large(place, answer["ContentLength"])
        return answer["Body"].read()


def config_at(place: Path | str | None) -> Config:
    """Of a local TOML file, an s3:// URL of one, or the defaults."""
    if place is None or not str(place).startswith("s3://"):
        return load_config(Path(place) if place else None)
    with scratch("config") as folder:
        path = folder / str(place).rpartition("/")[2]
        path.write_bytes(read_bytes(str(place), load_config().publish))
        return load_config(path)


def etag(url: str, settings: Publish) -> str:
    """Changes whenever the object does."""
    bucket, key = split_url(url)
    with explaining(url):
        return s3_client(settings).head_object(Bucket=bucket, Key=key)["ETag"]


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST:
            raise _too_large(str(path), path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise MissingFile(
            "E_FILE_MISSING", f"{path}: {(error.strerror or str(error)).lower()}", hint="check the path"
        ) from None


def _too_large(place: str, size: int) -> LimitExceeded:
    return LimitExceeded("E_PLAN_SIZE", f"{place}: {size:,} bytes, at most {MOST:,}", hint="give the plan in shards")


def _client(service: str, settings: Publish) -> object:
    import boto3
    from botocore.config import Config

    patience = Config(connect_timeout=5, read_timeout=30, retries={"mode": "adaptive", "total_max_attempts": 8})
    with explaining(f"AWS {service}"):
        return boto3.session.Session().client(service, region_name=settings.region or region_here(), config=patience)
