"""Stores in buckets of their own on every kind of S3 server, and what is put into them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from assetpipe.config import Publish, load_config
from assetpipe.delivery.s3 import S3Store
from tests.delivery.loopback import Proxy
from tests.delivery.servers import Server

KEY = "furniture/high/chair.0123456789abcdef.glb"
PART = 5 * 1024 * 1024


def settings(endpoint_url: str = "", **other: Any) -> Publish:
    return load_config().publish.model_copy(update={"endpoint_url": endpoint_url, "part_mb": 5, "threads": 4, **other})


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def key_of(body: bytes) -> str:
    return f"furniture/high/chair.{hashlib.sha256(body).hexdigest()[:16]}.glb"


@pytest.fixture(params=["moto", "ministack", pytest.param("ceph", marks=pytest.mark.real_s3)])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["ministack", pytest.param("ceph", marks=pytest.mark.real_s3)])
def strict(request: pytest.FixtureRequest) -> Server:
    """Servers that look at checksums."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def proxy(strict: Server) -> Iterator[Proxy]:
    with Proxy(strict.url) as proxy:
        yield proxy


def opened(server: Server, url: str = "", **other: Any) -> S3Store:
    return S3Store.open(f"s3://{server.bucket()}/models", settings(url or server.url, **other))


def uploads(server: Server, store: S3Store) -> int:
    return len(server.client().list_multipart_uploads(Bucket=store.bucket).get("Uploads", []))
