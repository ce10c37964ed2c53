"""Each role has the rights that its code uses, and no other: the code runs as a user of that role, on a server that
holds every request against the user's policy, and every call is written down."""

from __future__ import annotations

import json
import os
import re
import runpy
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from assetpipe.batch.stack.names import Wishes
from assetpipe.batch.stack.rights import ROLES
from assetpipe.delivery.dynamodb import create_table
from assetpipe.delivery.faults import ACTIONS
from tests.batch.lives import LIVES, LOGS, RECORDING, ROOT, Shop
from tests.batch.stacks import ACCOUNT, REGION, STACK, actions, allows
from tests.delivery.servers import Server, ministack_auth, of_nobody  # noqa: F401  fixtures

WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
"""IAM asks for the right to each write of a transaction, and knows no right to transactions."""
NAMES = {"sns": {"PublishBatch": "Publish"}}
UNUSED = {
    "s3:AbortMultipartUpload": "an upload that fails is ended; tests/delivery/test_s3_faults.py has that",
    "s3:ListBucket": "without it S3 answers 403 for what is not there; no call of the function's own",
    "s3:ListBucketMultipartUploads": "of large files, which the publisher above sends by the same code",
    "s3:ListMultipartUploadParts": "as well",
    "s3:DeleteObject": "of results of stages that are damaged; tests/stages has that",
    "kms:Decrypt": "of what the function wrote when the same upload was told before",
    "batch:TagResource": "the service may ask for it where jobs are tagged; no emulator does",
}
MAY_BE_UNUSED = {
    "publisher": ("s3:AbortMultipartUpload",),
    "worker": (
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
    ),
    "submitter": ("batch:TagResource",),
    "planner": ("batch:TagResource",),
    "function": ("batch:TagResource", "kms:Decrypt", "s3:ListBucket"),
    "keeper": (),
}


@pytest.fixture(scope="module", autouse=True)
def recorder() -> Iterator[None]:
    """The calls of this process are written down as those of its children are."""
    plain = BaseClient._make_api_call
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECORDED", os.devnull)
        runpy.run_path(str(RECORDING / "sitecustomize.py"))
        yield
    BaseClient._make_api_call = plain


@pytest.fixture(scope="module")
def shop(ministack_auth: Server, tmp_path_factory: pytest.TempPathFactory) -> Shop:  # noqa: F811
    folder = tmp_path_factory.mktemp("shop")
    root = partial(ministack_auth.client, key="test", secret="test")
    names = [f"{name}-{uuid.uuid4().hex[:8]}" for name in ("models", "sources")]
    for name in names:
        root("s3").create_bucket(Bucket=name)
    wishes = Wishes(f"s3://{names[0]}/eu", names[1])
    site = signed_site(root("cloudfront"), names[0])
    topic = root("sns").create_topic(Name=f"events-{uuid.uuid4().hex[:8]}")["TopicArn"]
    create_table(root("dynamodb"), wishes.table)
    key = root("kms").create_key()["KeyMetadata"]["Arn"]
    west = {"LocationConstraint": "us-west-2"}
    root("s3").create_bucket(Bucket=f"{names[0]}-there", CreateBucketConfiguration=west)
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    for name in (names[0], f"{names[0]}-there"):
        root("s3").put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_key}]},
        )
    (folder / "shop.toml").write_text(
        f'[publish]\nregion = "{REGION}"\ndistribution = "{site}"\nevents = "{topic}"\n'
        f'kms_key = "{key}"\nreplica = "s3://{names[0]}-there/eu"\nreplica_region = "us-west-2"\n'
        "part_mb = 5\nindex_seconds = 0.5\n\n"
        f'[batch]\nqueue = "{STACK}-cpu"\njob_definition = "{STACK}-work"\n'
    )
    second = {"ReplicaBucket": f"{names[0]}-there", "ReplicaRegion": "us-west-2", "ReplicaKmsKey": key}
    return Shop(
        ministack_auth, wishes, folder, {"Site": site, "Events": topic, "Logs": "logs", "KmsKey": key, **second}
    )


def signed_site(cloudfront: Any, bucket: str) -> str:
    """As the template's: the store's bucket behind an origin access control."""
    control = {"Name": bucket, "OriginAccessControlOriginType": "s3", "SigningBehavior": "always"}
    made = cloudfront.create_origin_access_control(OriginAccessControlConfig={**control, "SigningProtocol": "sigv4"})
    origin = {
        "Id": "store",
        "DomainName": f"{bucket}.s3.{REGION}.amazonaws.com",
        "OriginPath": "/eu",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": made["OriginAccessControl"]["Id"],
    }
    config = {
        "CallerReference": bucket,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "store", "ViewerProtocolPolicy": "https-only"},
    }
    return str(cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"])


@pytest.fixture(autouse=True)
def account(shop: Shop, monkeypatch: pytest.MonkeyPatch, of_nobody: None) -> None:  # noqa: F811
    monkeypatch.setenv("AWS_ENDPOINT_URL", shop.server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.mark.parametrize("role", LIVES)
def test_a_role_may_what_its_code_does_and_nothing_else(shop: Shop, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it works as a user of that role; what was called is what is granted, but for a list with reasons."""
    record = shop.as_user(role, monkeypatch)
    LIVES[role](shop)
    used = {action for line in record.read_text().splitlines() for action in needed(*json.loads(line))}
    granted = actions(shop.statements(role))
    assert used - granted == set()
    assert granted - used == set(MAY_BE_UNUSED[role]), UNUSED


def test_the_docs_show_the_rights_of_each_role(shop: Shop) -> None:
    """Row by row, all actions and no other."""
    text = (ROOT / "docs" / "aws-batch.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| [^|]+ \| ((?:`[a-z0-9]+:\w+` ?)+) \|$", text, re.MULTILINE))
    shown = {role: set(re.findall(r"`([^`]+)`", said)) for role, said in rows.items()}
    assert shown == {role: actions(shop.statements(role)) for role in ROLES}


def test_jobs_go_to_our_queues_alone(shop: Shop) -> None:
    """By name and by revision; other queues, other definitions and the night's own are not for whoever submits."""
    here = f"arn:aws:batch:{REGION}:{ACCOUNT}"
    for role in ("submitter", "planner", "function"):
        said = shop.statements(role)
        for good in ("job-queue/assetpipe-cpu", "job-definition/assetpipe-work", "job-definition/assetpipe-work:7"):
            assert allows(said, "batch:SubmitJob", f"{here}:{good}")
        for bad in ("job-queue/other", "job-definition/assetpipe-night:1", "job-definition/other"):
            assert not allows(said, "batch:SubmitJob", f"{here}:{bad}")
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
    assert allows(shop.statements("submitter"), LOGS, f"{group}:logs:log-stream:work/default/1")
    assert not allows(shop.statements("submitter"), LOGS, f"{group}:others:log-stream:work/default/1")


def test_nobody_may_what_is_not_his(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried on the server: a worker deletes nothing and writes no source, a submitter writes nothing that viewers see,
    the function reads no other upload, a keeper touches nothing beside the store."""
    models, sources = shop.wishes.bucket, shop.wishes.sources
    shop.put(sources, "secret/plan.glb", b"x")
    tries: list[tuple[str, str, dict[str, Any]]] = [
        ("worker", "delete_object", {"Bucket": models, "Key": "eu/x"}),
        ("worker", "put_object", {"Bucket": sources, "Key": "incoming/x"}),
        ("worker", "put_object", {"Bucket": models, "Key": "other/x"}),
        ("submitter", "put_object", {"Bucket": models, "Key": "eu/furniture/manifest/chair.json"}),
        ("planner", "get_object", {"Bucket": sources, "Key": "secret/plan.glb"}),
        ("function", "get_object", {"Bucket": sources, "Key": "secret/plan.glb"}),
        ("keeper", "delete_object", {"Bucket": models, "Key": "other/x"}),
    ]
    for role, call, words in tries:
        with monkeypatch.context() as patch:
            shop.as_user(role, patch)
            client = shop.server.client("s3", os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
            with pytest.raises(ClientError, match="AccessDenied"):
                getattr(client, call)(**words)


OPENING = {"CompleteMultipartUpload", "GetObject", "UploadPart"}
"""What S3 has to open again with the key of KMS, and whoever asks needs the right to that."""


def needed(service: str, operation: str, tagged: str, encrypted: str) -> set[str]:
    """The rights to a call."""
    if encrypted and operation != "HeadObject":
        opens = operation in OPENING
        return {"kms:Decrypt" if opens else "kms:GenerateDataKey", *needed(service, operation, tagged, "")}
    if operation == "TransactWriteItems":
        return WRITES
    if service in ("s3", "cloudfront"):
        return {ACTIONS[operation], *(["s3:PutObjectTagging"] if tagged else [])}
    return {f"{service}:{NAMES.get(service, {}).get(operation, operation)}"}
