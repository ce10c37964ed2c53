"""CloudFront as moto and MiniStack play it over HTTP: what is accepted, repeated, waited for, refused."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from assetpipe.delivery.cdn import Batch
from assetpipe.delivery.cloudfront import PAUSES, CloudFront
from assetpipe.errors import ConfigError, NotPermitted, ServiceUnavailable, TryAgain
from tests.delivery.refusing import Refusing
from tests.delivery.servers import Server

BATCH = Batch("assetpipe-1", ("/lamps/manifest/ida.json", "/lamps/manifest/index.json"))


@pytest.fixture(params=["moto", "ministack"])
def server(request: pytest.FixtureRequest) -> str:
    served: Server = request.getfixturevalue(request.param)
    return served.url


def distribution(url: str, name: str, path: str = "") -> str:
    """Of which nothing is invalidated yet; it serves what is under `path` in bucket `b`."""
    bucket = {"Id": "o", "DomainName": "b.s3.eu-west-1.amazonaws.com", "OriginPath": path}
    origin = bucket | {"S3OriginConfig": {"OriginAccessIdentity": ""}}
    policy = "658327ea-f89d-4fab-a63d-7e88639e58f6"  # CachingOptimized
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "CachePolicyId": policy}
    config = {
        "CallerReference": name,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behaviour,
    }
    return str(client(url).create_distribution(DistributionConfig=config)["Distribution"]["Id"])


def client(url: str, tries: int = 3) -> Any:
    config = Config(retries={"mode": "standard", "max_attempts": tries})
    return boto3.session.Session().client("cloudfront", endpoint_url=url, region_name="us-east-1", config=config)


def invalidations(url: str, distribution: str) -> list[Any]:
    listed = client(url).list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    asked = client(url)
    return [asked.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"] for one in listed]


def never(_seconds: float) -> None:
    raise AssertionError("there was nothing to wait for")


def test_a_batch_arrives_as_it_was_planned(server: str) -> None:
    """The paths and the reference are CloudFront's, and tags pass like paths."""
    where = distribution(server, "arrives")
    made = CloudFront(client(server), where, never).invalidate(BATCH)
    CloudFront(client(server), where).invalidate(Batch("assetpipe-2", ("#pointers:lamps",)))
    seen = {one["InvalidationBatch"]["CallerReference"]: one for one in invalidations(server, where)}
    assert seen["assetpipe-1"]["Id"] == made.id
    assert seen["assetpipe-1"]["InvalidationBatch"]["Paths"]["Items"] == list(BATCH.paths)
    assert seen["assetpipe-2"]["InvalidationBatch"]["Paths"]["Items"] == ["#pointers:lamps"]


def test_waiting_ends_whichever_way_the_status_is_spelt(server: str) -> None:
    """moto says COMPLETED where AWS says Completed; boto3's own waiter never ends on it."""
    where = distribution(server, "waits")
    slept: list[float] = []
    told = CloudFront(client(server), where, slept.append)
    made = told.invalidate(BATCH)
    assert told.wait(replace(made, done=False)).done
    assert len(slept) == 1
    assert told.wait(made) is made or not made.done


def test_a_distribution_that_is_not_there_is_a_fault_of_the_config(server: str) -> None:
    """Exit code 78, with the key to mend."""
    with pytest.raises(ConfigError, match="CloudFront distribution ENOTHERE") as raised:
        CloudFront(client(server), "ENOTHERE").invalidate(BATCH)
    assert (raised.value.code, "[publish] distribution" in raised.value.hint) == ("E_CDN_DISTRIBUTION", True)


@pytest.mark.parametrize(
    ("path", "prefix", "root"),
    [
        ("", "", "/"),
        ("", "shop/models/", "/shop/models/"),
        ("/shop", "shop/models/", "/models/"),
        ("/shop/models", "shop/models/", "/"),
        ("/sho", "shop/", "/shop/"),
    ],
)
def test_viewers_see_a_store_under_its_prefix_less_the_path_of_its_origin(
    server: str, path: str, prefix: str, root: str
) -> None:
    """Paths that nobody asks for would be told in vain."""
    where = distribution(server, f"root-{path}-{prefix}", path)
    assert CloudFront(client(server), where).root("b", prefix) == root


def test_who_may_not_look_at_the_distribution_tells_whole_paths(server: str) -> None:
    """The right to invalidate is enough."""
    with Refusing(server, "AccessDenied", times=9, status=403) as front:
        assert CloudFront(client(front.url), "E1").root("b", "shop/") == "/shop/"


@pytest.mark.parametrize("times", [0, 1, 3])
def test_too_many_in_progress_is_waited_out(server: str, times: int) -> None:
    """Refused some times, the batch is told once, after pauses that grow."""
    where, slept = distribution(server, f"busy-{times}"), list[float]()
    with Refusing(server, "TooManyInvalidationsInProgress", times=times) as front:
        CloudFront(client(front.url), where, slept.append).invalidate(BATCH)
        assert len(front.requests) == times + 1
    assert slept == list(PAUSES[:times])
    assert len(invalidations(server, where)) == 1


def test_too_many_in_progress_for_too_long_is_to_be_tried_again(server: str) -> None:
    """Exit code 75 after two minutes, and the hint says that what is published stays."""
    where, slept = distribution(server, "full"), list[float]()
    with Refusing(server, "TooManyInvalidationsInProgress", times=99) as front:
        told = CloudFront(client(front.url), where, slept.append)
        with pytest.raises(TryAgain, match="too many invalidations") as raised:
            told.invalidate(BATCH)
    assert "stays published" in raised.value.hint
    assert slept == list(PAUSES)


def test_a_role_that_may_not_invalidate_is_told_which_action_it_lacks(server: str) -> None:
    """Exit code 77 and the IAM action by name."""
    with (
        Refusing(server, "AccessDenied", times=9, status=403) as front,
        pytest.raises(NotPermitted, match="CreateInvalidation") as raised,
    ):
        CloudFront(client(front.url), "E1").invalidate(BATCH)
    assert "cloudfront:CreateInvalidation" in raised.value.hint


def test_nobody_answering_is_a_service_that_is_unavailable() -> None:
    """Exit code 69, not a traceback of botocore."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceUnavailable, match="CloudFront distribution E1"):
            CloudFront(client(f"http://127.0.0.1:{nobody.getsockname()[1]}", tries=1), "E1").invalidate(BATCH)


def test_no_credentials_are_said(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 77, and how people log in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(NotPermitted, match="no AWS credentials") as raised:
        CloudFront(client(server), "E1").invalidate(BATCH)
    assert "aws sso login" in raised.value.hint
