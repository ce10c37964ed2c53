"""What is S3's own: classes, headers, parts, conditions, checksums on the way. The promises are in test_conformance."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from assetpipe.config import Publish, load_config
from assetpipe.delivery.client import PATIENCE, Patience
from assetpipe.delivery.multipart import MOST_PARTS, part_length
from assetpipe.delivery.s3 import TIERED, S3Store, parse_url
from assetpipe.errors import (
    ConfigError,
    MissingFile,
    NotPermitted,
    ServiceUnavailable,
    SourceError,
    TryAgain,
    UsageError,
)
from tests.delivery.conformance import item, together
from tests.delivery.loopback import Proxy, fine
from tests.delivery.servers import Server, free_port

KEY = "furniture/high/chair.0123456789abcdef.glb"
PART = 5 * 1024 * 1024
KMS = "arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012"


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


# how objects are written


@pytest.mark.parametrize(("size", "tier"), [(TIERED - 1, "STANDARD"), (TIERED, "INTELLIGENT_TIERING")])
def test_what_can_be_tiered_is(server: Server, size: int, tier: str) -> None:
    """Objects of 128 KiB and more are INTELLIGENT_TIERING; smaller ones would cost more there and never move."""
    store = opened(server)
    store.put(item(KEY, noise(size)))
    found = server.client().head_object(Bucket=store.bucket, Key=f"models/{KEY}")
    assert found.get("StorageClass", "STANDARD") == tier


def test_what_caches_and_viewers_need_is_on_the_object(server: Server) -> None:
    """Content type, cache control, metadata with the sha256, and the tags that costs are split by."""
    store = opened(server)
    sent = item(KEY, b"glTF" * 10)
    store.put(sent)
    found = server.client().head_object(Bucket=store.bucket, Key=f"models/{KEY}")
    tags = server.client().get_object_tagging(Bucket=store.bucket, Key=f"models/{KEY}")["TagSet"]
    assert found["ContentType"] == "model/gltf-binary"
    assert found["CacheControl"] == sent.cache_control
    assert found["Metadata"] == {**sent.metadata, "sha256": sent.sha256}
    assert {tag["Key"]: tag["Value"] for tag in tags} == sent.tags


@pytest.mark.parametrize("size", [10, 2 * PART])
def test_a_key_of_kms_encrypts(ministack: Server, size: int) -> None:
    """With `kms_key` every object is encrypted with it, in parts or not."""
    store = opened(ministack, kms_key=KMS)
    store.put(item(KEY, noise(size)))
    found = ministack.client().head_object(Bucket=store.bucket, Key=f"models/{KEY}")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", KMS)


def test_acceleration_goes_to_the_edge() -> None:
    """`accelerate` sends to S3's edge locations, at the bucket's own name."""
    asked: list[str] = []

    def answer(request: Any, **_: object) -> AWSResponse:
        asked.append(request.url)
        return AWSResponse(request.url, 404, {}, HTTPResponse(BytesIO()))

    store = S3Store.open("s3://bucket/models", settings(accelerate=True, region="eu-west-1"))
    store.client.meta.events.register("before-send.s3", answer)
    assert store.stat(KEY) is None
    assert asked == [f"https://bucket.s3-accelerate.amazonaws.com/models/{KEY}"]


def test_acceleration_is_of_aws_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside an endpoint of one's own it is refused before anything is sent."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="accelerate"):
        S3Store.open("s3://bucket", settings(accelerate=True))


def test_the_endpoint_comes_from_the_environment_too(moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS' own tools have it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto.url)
    assert S3Store.open(f"s3://{moto.bucket()}", settings()).put(item(KEY, b"glTF"))


# parts


def test_a_large_body_goes_in_parts(server: Server) -> None:
    """Parts, not one request; the object is whole, tiered and known by our sha256."""
    store, body = opened(server), noise(3 * PART + 17)
    assert store.put(item(KEY, body)) is True
    found = server.client().head_object(Bucket=store.bucket, Key=f"models/{KEY}")
    read = store.read(KEY)
    assert found["ETag"].strip('"').endswith("-4")
    assert found["Metadata"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert found["StorageClass"] == "INTELLIGENT_TIERING"
    assert read is not None
    assert read.body == body
    assert uploads(server, store) == 0


def test_what_is_there_is_not_sent_again(strict: Server, proxy: Proxy) -> None:
    """The second time one question is asked, and no byte of body goes out."""
    store, sent = opened(strict, proxy.url), item(KEY, noise(2 * PART))
    store.put(sent)
    before = len(proxy.requests)
    assert store.put(sent) is False
    assert [(request.method, request.body_bytes) for request in proxy.requests[before:]] == [("HEAD", 0)]


def test_a_file_that_changed_never_appears(server: Server, tmp_path: Path) -> None:
    """What was sent of it is taken back: no object, no upload that costs money."""
    store, body = opened(server), noise(2 * PART + 1)
    file = tmp_path / "chair.glb"
    file.write_bytes(body[:-1] + b"!")
    with pytest.raises(SourceError) as refused:
        store.put(item(KEY, file, sha256=hashlib.sha256(body).hexdigest()))
    assert refused.value.code == "E_STORE_BODY"
    assert store.stat(KEY) is None
    assert uploads(server, store) == 0


def test_an_upload_that_broke_off_is_gone_on_with(strict: Server, proxy: Proxy) -> None:
    """Parts that had arrived are not sent again, and the object is the one that was meant."""
    body = noise(6 * PART)
    sent = item(key_of(body), body)
    store = S3Store.open(f"s3://{strict.bucket()}", settings(proxy.url, threads=1), Patience(30, 30, tries=1))
    proxy.plan = lambda request: "reset" if request.is_part and "partNumber=5" in request.path else None
    with pytest.raises(TryAgain):
        store.put(sent)
    assert uploads(strict, store) == 1
    before, proxy.plan = len(proxy.requests), fine
    assert store.put(sent) is True
    parts = [request.path for request in proxy.requests[before:] if request.is_part]
    assert len(parts) == 2
    read = store.read(sent.key)
    assert read is not None
    assert read.body == body
    assert uploads(strict, store) == 0


def test_parts_of_another_content_are_sent_again(strict: Server) -> None:
    """An unfinished upload of the same key whose parts are not ours is no reason to publish them."""
    store, body = opened(strict), noise(2 * PART)
    client, full = strict.client(), f"models/{key_of(body)}"
    begun = client.create_multipart_upload(Bucket=store.bucket, Key=full, Metadata={"sha256": item("a", body).sha256})
    client.upload_part(
        Bucket=store.bucket, Key=full, UploadId=begun["UploadId"], PartNumber=1, Body=noise(PART, seed=1)
    )
    assert store.put(item(key_of(body), body)) is True
    read = store.read(key_of(body))
    assert read is not None
    assert read.body == body


def test_of_many_who_send_parts_one_is_first(strict: Server) -> None:
    """Four large contents for one key at once: one is kept, whole, and the others are told whose it is. (moto lets all
    four complete.)"""
    stores = [opened(strict)]
    stores += [S3Store.open(stores[0].url, settings(strict.url)) for _ in range(3)]
    bodies = [noise(2 * PART, seed) for seed in range(4)]
    results = together(
        *(lambda s=s, b=b: s.put(item(KEY, b)) for s, b in zip(stores, bodies, strict=True))  # type: ignore[misc]
    )
    assert results.count(True) == 1
    assert {getattr(result, "code", "") for result in results} == {"", "E_STORE_TAKEN"}
    read = stores[0].read(KEY)
    assert read is not None
    assert read.body == bodies[results.index(True)]
    assert uploads(strict, stores[0]) == 0


def test_sweeping_ends_what_the_dead_have_left(server: Server) -> None:
    """Unfinished uploads under the prefix go; those of others stay, and a dry run only counts."""
    store, client = opened(server), server.client()
    client.create_multipart_upload(Bucket=store.bucket, Key=f"models/{KEY}")
    client.create_multipart_upload(Bucket=store.bucket, Key="models-of-others/chair.glb")
    assert store.sweep(-60, dry_run=True) == 1
    assert store.sweep(-60) == 1
    assert store.sweep(-60) == 0
    assert uploads(server, store) == 1


def test_no_object_has_more_parts_than_s3_allows() -> None:
    """Parts grow beyond `part_mb` where there would be more than 10,000."""
    size = 200 * 1024**3
    assert part_length(size, PART) > PART
    assert -(-size // part_length(size, PART)) <= MOST_PARTS
    assert part_length(PART, PART) == PART


# what cannot be


def test_no_bucket_is_said_by_name(server: Server) -> None:
    """With the command that makes one."""
    store = S3Store.open("s3://nobody-made-this/models", settings(server.url))
    with pytest.raises(MissingFile, match="no such bucket") as missing:
        store.put(item(KEY, b"glTF"))
    assert "nobody-made-this" in missing.value.message
    assert "aws s3 mb" in missing.value.hint


def test_no_credentials_is_said_with_the_ways_to_get_some(moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from AWS' standard chain alone, and there are none in it."""
    store_url = f"s3://{moto.bucket()}"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NotPermitted) as refused:
        S3Store.open(store_url, settings(moto.url)).stat(KEY)
    assert refused.value.code == "E_STORE_CREDENTIALS"
    assert "aws sso login" in refused.value.hint


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE is misspelt more often than anything else."""
    monkeypatch.setenv("AWS_PROFILE", "studoi")
    with pytest.raises(ConfigError, match="studoi"):
        S3Store.open("s3://bucket", settings())


def test_nobody_there_is_said_soon() -> None:
    """A refused connection is retried, and then the setting that names it is."""
    store = S3Store.open("s3://bucket", settings(f"http://127.0.0.1:{free_port()}"), Patience(0.2, 0.2, tries=2))
    with pytest.raises(ServiceUnavailable) as gone:
        store.put(item(KEY, b"glTF"))
    assert gone.value.code == "E_STORE_UNREACHABLE"
    assert "endpoint_url" in gone.value.hint


def test_no_silence_lasts_a_minute() -> None:
    """A server that never answers is given up on in less than 60 s."""
    assert PATIENCE.longest < 60


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my.bucket-1/a/B_c/", ("my.bucket-1", "a/B_c/")),
    ],
)
def test_urls(url: str, parsed: tuple[str, str]) -> None:
    """A bucket and a prefix, with or without a slash at the end."""
    assert parse_url(url) == parsed


@pytest.mark.parametrize(
    "url", ["s3://", "s3://B", "s3:///a", "s3://bucket//a", "s3://bucket/../a", "s3://bucket/a?b", "http://a"]
)
def test_urls_that_mean_nothing(url: str) -> None:
    """They are refused before anything is asked of a server."""
    with pytest.raises(UsageError):
        parse_url(url)


def test_a_secret_in_a_url_is_not_repeated() -> None:
    """Somebody will try it."""
    with pytest.raises(UsageError) as refused:
        parse_url("s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI@bucket/models")
    assert "AKIAIOSFODNN7EXAMPLE" not in str(refused.value)
    assert "wJalrXUtnFEMI" not in str(refused.value)
