"""What is S3's own: classes, headers, keys, and what cannot be. The promises are in test_conformance."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from assetpipe.batch.cloud import batch_client, logs_client
from assetpipe.delivery.client import PATIENCE, Patience, dynamodb_client
from assetpipe.delivery.s3 import TIERED, S3Store, parse_url
from assetpipe.errors import ConfigError, MissingFile, NotPermitted, ServiceUnavailable, UsageError
from tests.delivery.buckets import KEY, PART, noise, opened, settings
from tests.delivery.conformance import item
from tests.delivery.servers import Server, free_port

KMS = "arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012"


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


def test_the_region_comes_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION as much as AWS_DEFAULT_REGION, which alone botocore knows; the config goes before both."""
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for lost in (batch_client, dynamodb_client):
        with pytest.raises(ConfigError, match="region") as said:
            lost(settings())
        assert said.value.hint == "set AWS_REGION, or [publish] region"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    clients = (S3Store.open("s3://bucket", settings()).client, dynamodb_client(settings()), logs_client(settings()))
    assert [client.meta.region_name for client in clients] == ["eu-west-3"] * 3
    assert S3Store.open("s3://bucket", settings(region="eu-west-1")).client.meta.region_name == "eu-west-1"


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
