"""Each role has the rights that its code uses, and no other: the code runs as a user of that role, on a server that
holds every request against the user's policy, and every call is written down."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from assetpipe.batch import on_upload
from assetpipe.batch.plan import Item, write_plan
from assetpipe.batch.stack.names import Wishes
from assetpipe.batch.stack.rights import ROLES
from assetpipe.batch.stack.whole import whole
from assetpipe.bundle import read_bundle, write_bundle
from assetpipe.delivery.dynamodb import create_table
from assetpipe.delivery.faults import ACTIONS
from assetpipe.delivery.release import release_of
from tests.batch.stacks import ACCOUNT, REGION, STACK, Resolver, actions, allows
from tests.batch.test_on_upload import told
from tests.commands import run
from tests.delivery.bundles import bundle, manifest
from tests.delivery.servers import Server, ministack_auth, of_nobody  # noqa: F401  fixtures

ROOT = Path(__file__).parents[2]
RECORDING = Path(__file__).with_name("recording")
QUICK = Path(__file__).with_name("quick_cli.py")
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
"""IAM asks for the right to each write of a transaction, and knows no right to transactions."""
LOGS = "logs:GetLogEvents"
NAMES = {"sns": {"PublishBatch": "Publish"}}
UNUSED = {
    "s3:AbortMultipartUpload": "an upload that fails is ended; tests/delivery/test_s3_faults.py has that",
    "s3:ListBucket": "without it S3 answers 403 for what is not there; no call of the function's own",
    "s3:ListBucketMultipartUploads": "of large files, which the publisher above sends by the same code",
    "s3:ListMultipartUploadParts": "as well",
    "batch:TagResource": "the service may ask for it where jobs are tagged; no emulator does",
}
MAY_BE_UNUSED = {
    "publisher": ("s3:AbortMultipartUpload",),
    "worker": ("s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"),
    "submitter": ("batch:TagResource",),
    "planner": ("batch:TagResource",),
    "function": ("batch:TagResource", "s3:ListBucket"),
    "keeper": (),
}


@dataclass(frozen=True)
class Shop:
    server: Server
    wishes: Wishes
    folder: Path
    known: dict[str, str]

    def statements(self, role: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = Resolver(whole(self.wishes), self.known)(ROLES[role](self.wishes))
        return found

    def as_user(self, role: str, patch: pytest.MonkeyPatch) -> Path:
        """From now on we are one who may what the role may; returns where our calls are written down."""
        iam, name = self.server.client("iam", "test", "test"), f"{role}-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        said = json.dumps(
            {"Version": "2012-10-17", "Statement": [*self.statements(role), *bridged(self.statements(role))]}
        )
        iam.put_user_policy(UserName=name, PolicyName="code", PolicyDocument=said)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        record = self.folder / f"{name}.jsonl"
        patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        patch.setenv("RECORDED", str(record))
        return record

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.server.client("s3", "test", "test").put_object(Bucket=bucket, Key=key, Body=body)

    @property
    def to(self) -> list[str]:
        return ["--to", self.wishes.to, "--config", str(self.folder / "shop.toml")]

    @property
    def store(self) -> list[str]:
        return ["--store", self.wishes.to, "--config", str(self.folder / "shop.toml")]


def bridged(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the server gets wrong: it wants a right to PublishBatch, which IAM does not know (sns:Publish is it), and
    holds SubmitJob against `*` instead of queue and definition, GetLogEvents against the group instead of the stream
    (`test_jobs_go_to_our_queues_alone` looks at those)."""
    granted = actions(statements)
    wanted = {"sns:Publish": "sns:PublishBatch", "batch:SubmitJob": "batch:SubmitJob", LOGS: LOGS}
    more = [asked for action, asked in wanted.items() if action in granted]
    return [{"Effect": "Allow", "Action": more, "Resource": ["*"]}] if more else []


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
    (folder / "shop.toml").write_text(
        f'[publish]\nregion = "{REGION}"\ndistribution = "{site}"\nevents = "{topic}"\npart_mb = 5\n\n'
        f'[batch]\nqueue = "{STACK}-cpu"\njob_definition = "{STACK}-work"\n'
    )
    return Shop(ministack_auth, wishes, folder, {"Site": site, "Events": topic, "Logs": "logs"})


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


def published(shop: Shop, *words: object) -> None:
    done = run(*words)
    assert done.code == 0, done.err + done.out
    assert "not told" not in done.err, done.err


def as_publisher(shop: Shop) -> None:
    """Small files and one in parts, of which an upload has broken off."""
    small, large = bundle(shop.folder, "chair").folder, large_bundle(shop.folder)
    release = release_of(read_bundle(large))
    key = next(item.key for item in release.payloads if "/high/" in item.key)
    client = shop.server.client("s3", "test", "test")
    client.create_multipart_upload(Bucket=shop.wishes.bucket, Key=f"{shop.wishes.prefix}{key}")
    published(shop, "publish", small, large, *shop.to)


def as_worker(shop: Shop) -> None:
    """A real worker with a real child that fetches; one of two is bad."""
    for name, body in (("good", b"sleep 0\n"), ("torn", b"bad\n")):
        shop.put(shop.wishes.sources, f"incoming/furniture/{name}.glb", body)
    items = [
        Item(
            source=f"s3://{shop.wishes.sources}/incoming/furniture/{name}.glb",
            asset=name,
            category="furniture",
            bytes=9,
        )
        for name in ("good", "torn")
    ]
    write_plan(shop.folder / "plan.jsonl", items)
    command = [sys.executable, str(QUICK), "batch", "work", "--plan", str(shop.folder / "plan.jsonl"), "--run", "night"]
    told = {**os.environ, "PYTHONPATH": f"{RECORDING}:{ROOT}"}
    done = subprocess.run([*command, *shop.to], env=told, cwd=shop.folder, capture_output=True, text=True)
    assert (done.returncode, "not told" in done.stderr) == (3, False), done.stderr
    assert "1 done, 1 failed" in done.stderr


def as_submitter(shop: Shop) -> None:
    """Submitted, looked at; a job that has failed shows the end of its log."""
    items = [Item(source=f"s3://{shop.wishes.sources}/a.glb", asset="a", bytes=9, seconds=60)]
    write_plan(shop.folder / "submitted.jsonl", items)
    published(shop, "batch", "submit", shop.folder / "submitted.jsonl", "--run", "one", *shop.to)
    logs = shop.server.client("logs", "test", "test")
    logs.create_log_group(logGroupName="logs")
    logs.create_log_stream(logGroupName="logs", logStreamName="work/default/1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assetpipe.batch.status._of", lambda _jobs, _state: [FAILED])
        seen = run("batch", "status", "one", *shop.to)
    assert "failed: job job-1" in seen.out
    assert "no log" not in seen.out, seen.out


FAILED = {
    "jobId": "job-1",
    "status": "FAILED",
    "container": {"logStreamName": "work/default/1", "logConfiguration": {"options": {"awslogs-group": "logs"}}},
}


def as_planner(shop: Shop) -> None:
    shop.put(shop.wishes.sources, "incoming/fashion/bag.glb", b"x")
    for _ in range(2):
        published(shop, "batch", "nightly", f"s3://{shop.wishes.sources}/incoming/", *shop.to)


def as_function(shop: Shop) -> None:
    """Of two uploads one is gone when its event comes."""
    glb = b"glTF\x02\x00\x00\x00" + bytes(100)
    shop.put(shop.wishes.sources, "incoming/fashion/shoe.glb", glb)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("STORE", shop.wishes.to), ("QUEUE", f"{STACK}-cpu"), ("JOB_DEFINITION", f"{STACK}-work")):
            patch.setenv(name, value)
        event = told("incoming/fashion/shoe.glb", "incoming/fashion/gone.glb")
        for record in event["Records"]:
            record["body"] = record["body"].replace('"inbox"', json.dumps(shop.wishes.sources))
        assert on_upload.handler(event, None) == {"batchItemFailures": []}


def as_keeper(shop: Shop) -> None:
    """Listed, verified, rolled back, collected, looked at by the doctor, who tries everything."""
    for content in ("one", "two", "three"):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, "test")
            patch.setenv("RECORDED", os.devnull)
            published(shop, "publish", bundle(shop.folder, "lamp", content=content).folder, *shop.to)
    for words in (["list"], ["show", "lamp"], ["rollback", "lamp", "--wait"]):
        published(shop, "catalog", *words, *shop.store)
    shop.server.client("dynamodb", "test", "test").update_item(
        TableName=shop.wishes.table,
        Key={"PK": {"S": "CATEGORY#furniture"}, "SK": {"S": "PRODUCT#lamp"}},
        UpdateExpression="SET revision = :other",
        ExpressionAttributeValues={":other": {"S": "0" * 16}},
    )
    run("catalog", "verify", "--mend", "--discard", *shop.store)
    published(shop, "catalog", "verify", *shop.store)
    published(shop, "catalog", "gc", "--days", "0", *shop.store)
    published(shop, "catalog", "gc", "--days", "0", *shop.store)
    found = json.loads(run("doctor", *shop.store, "--json").out)["items"]
    assert [item for item in found if re.search(r"allow [a-z0-9]+:[A-Z]", item["cure"])] == []


def large_bundle(folder: Path) -> Path:
    files = {f"{name}.glb": name.encode() * 50 for name in ("preview", "standard")}
    files |= {"high.glb": bytes(11_000_000), "poster.webp": b"poster"}
    return write_bundle(folder / "large", files, manifest("sofa", "furniture", files)).folder


LIVES: dict[str, Callable[[Shop], None]] = {
    "publisher": as_publisher,
    "worker": as_worker,
    "submitter": as_submitter,
    "planner": as_planner,
    "function": as_function,
    "keeper": as_keeper,
}


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


def needed(service: str, operation: str, tagged: str) -> set[str]:
    """The rights to a call."""
    if operation == "TransactWriteItems":
        return WRITES
    if service in ("s3", "cloudfront"):
        return {ACTIONS[operation], *(["s3:PutObjectTagging"] if tagged else [])}
    return {f"{service}:{NAMES.get(service, {}).get(operation, operation)}"}
