"""What a doctor says of a store in S3: each thing tried, and for what is refused the right that is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assetpipe.config import Publish, load_config
from assetpipe.delivery.examine import Finding, examine_store
from assetpipe.delivery.surroundings import BLOCKS
from tests.delivery.servers import Server

EVERYTHING = {
    "write",
    "written once",
    "compare and swap",
    "read",
    "list",
    "class",
    "parts",
    "resume and sweep",
    "delete",
}


def examined(server: Server, bucket: str, **other: Any) -> dict[str, Finding]:
    settings: Publish = load_config().publish.model_copy(update={"endpoint_url": server.url, **other})
    return {finding.name: finding for finding in examine_store(f"s3://{bucket}/models", settings)}


@pytest.fixture(params=["moto", "ministack", pytest.param("ceph", marks=pytest.mark.real_s3)])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def user(server: Server, monkeypatch: pytest.MonkeyPatch, bucket: str, *actions: str) -> None:
    """From now on we are somebody who may do this much."""
    iam, name = server.client("iam", "test", "test"), f"user-of-{bucket}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    whole, objects = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"
    statement = [{"Effect": "Allow", "Action": list(actions), "Resource": [whole, objects]}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])


def guarded_bucket(server: Server, name: str, region: str = "") -> str:
    where: Any = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}
    server.client("s3", "test", "test").create_bucket(Bucket=name, **where)
    return name


def test_a_store_that_can_be_published_to_is_well(server: Server) -> None:
    """All that a publish does was done, and nothing is left of it."""
    bucket = server.bucket()
    found = examined(server, bucket)
    assert {name for name, finding in found.items() if finding.state == "ok"} >= EVERYTHING
    assert not [finding for finding in found.values() if finding.state == "missing"]
    client = server.client()
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_bucket_that_is_not_there_is_all_there_is_to_say(server: Server) -> None:
    """What follows from it is not told as well."""
    found = examined(server, "nobody-made-this")
    assert list(found) == ["bucket"]
    assert found["bucket"].state == "missing"
    assert "no such bucket" in found["bucket"].detail


RIGHTS = {
    "s3:PutObject": "write",
    "s3:GetObject": "write",
    "s3:ListBucket": "list",
    "s3:DeleteObject": "delete",
    "s3:ListBucketMultipartUploads": "resume and sweep",
    "s3:AbortMultipartUpload": "parts",
    "s3:GetBucketCORS": "cors",
    "s3:GetBucketPublicAccessBlock": "public access",
    "s3:GetLifecycleConfiguration": "lifecycle",
}


@pytest.mark.parametrize("lacking", RIGHTS)
def test_the_right_that_is_missing_is_named(
    ministack_auth: Server, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """Whoever grants rights reads its name as IAM has it, beside what it is needed for."""
    bucket = guarded_bucket(ministack_auth, f"lacks-{lacking[3:].lower()}")
    rights = {*RIGHTS, "s3:ListMultipartUploadParts", "s3:PutObjectTagging"} - {lacking}
    user(ministack_auth, monkeypatch, bucket, *rights)
    finding = examined(ministack_auth, bucket)[RIGHTS[lacking]]
    assert finding.state != "ok"
    assert lacking in finding.cure


def test_all_rights_are_enough(ministack_auth: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rights that are named are all that is needed."""
    bucket = guarded_bucket(ministack_auth, "all-rights")
    user(ministack_auth, monkeypatch, bucket, *RIGHTS, "s3:ListMultipartUploadParts", "s3:PutObjectTagging")
    found = examined(ministack_auth, bucket)
    assert {name for name, finding in found.items() if finding.state == "ok"} >= EVERYTHING


def test_how_the_bucket_is_set_up_is_told(ministack: Server) -> None:
    """Public access blocked, GET from the shop, an end to uploads that broke off: ok once they are there."""
    bucket, client = ministack.bucket(), ministack.client()
    before = examined(ministack, bucket)
    blocks = dict.fromkeys(BLOCKS, True)
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://shop.example"]}
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    ends = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}}
    ends["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": 3}  # type: ignore[assignment]
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [ends]})
    after = examined(ministack, bucket)
    for name in ("public access", "cors", "lifecycle"):
        assert (before[name].state, after[name].state) == ("absent", "ok")
    assert "https://shop.example" in after["cors"].detail
    assert "3 days" in after["lifecycle"].detail


def distribution(server: Server, bucket: str, *, path: str = "", signs: bool = True) -> str:
    client = server.client("cloudfront")
    config = {
        "Name": bucket,
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    access = client.create_origin_access_control(OriginAccessControlConfig=config)["OriginAccessControl"]["Id"]
    origin = {
        "Id": "s3",
        "DomainName": f"{bucket}.s3.us-east-1.amazonaws.com",
        "OriginPath": path,
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        **({"OriginAccessControlId": access} if signs else {}),
    }
    behavior = {"TargetOriginId": "s3", "ViewerProtocolPolicy": "redirect-to-https"}
    behavior["CachePolicyId"] = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    made = client.create_distribution(
        DistributionConfig={
            "CallerReference": bucket,
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behavior,
        }
    )
    return str(made["Distribution"]["Id"])


@pytest.fixture
def cdn(ministack: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", ministack.url)
    return ministack


def let_in(server: Server, bucket: str, distribution: str) -> None:
    arn = f"arn:aws:cloudfront::000000000000:distribution/{distribution}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    server.client().put_bucket_policy(Bucket=bucket, Policy=policy)


def test_a_distribution_that_serves_the_store_is_well(cdn: Server) -> None:
    """It has the bucket as origin, signs, is let in, and can be told what changed."""
    bucket = cdn.bucket()
    site = distribution(cdn, bucket, path="/models")
    closed = examined(cdn, bucket, distribution=site)
    let_in(cdn, bucket, site)
    found = examined(cdn, bucket, distribution=site)
    assert closed["origin access"].state == "missing"
    assert "AWS:SourceArn" in closed["origin access"].cure
    assert [found[name].state for name in ("distribution", "origin access", "invalidation")] == ["ok", "ok", "ok"]
    assert cdn.client("cloudfront").list_invalidations(DistributionId=site)["InvalidationList"]["Quantity"] == 1


def test_a_distribution_of_something_else_is_found_out(cdn: Server) -> None:
    """No such distribution, one of another bucket, one below another path, one that does not sign."""
    bucket, other = cdn.bucket(), cdn.bucket()
    nowhere = examined(cdn, bucket, distribution="E0NOBODYMADEIT")["distribution"]
    elsewhere = examined(cdn, bucket, distribution=distribution(cdn, other))["distribution"]
    beside = examined(cdn, bucket, distribution=distribution(cdn, bucket, path="/videos"))["distribution"]
    unsigned = distribution(cdn, cdn_bucket := cdn.bucket(), signs=False)
    assert "NoSuchDistribution" in nowhere.detail
    assert f"no origin in {bucket}" in elsewhere.detail
    assert "serves /videos, the store is /models" in beside.detail
    assert "no access control" in examined(cdn, cdn_bucket, distribution=unsigned)["origin access"].detail


def test_tags_need_a_distribution_that_reads_them(cdn: Server) -> None:
    """`invalidate = "tags"` with one that does not would invalidate nothing, silently."""
    bucket = cdn.bucket()
    found = examined(cdn, bucket, distribution=distribution(cdn, bucket), invalidate="tags")
    assert found["cache tags"].state == "missing"
    assert "x-amz-meta-cache-tag" in found["cache tags"].cure
