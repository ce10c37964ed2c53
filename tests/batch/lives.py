"""What whoever has a role does with it: the program's own commands, on a server that holds every request against the
role's policy, and writes nothing down but what is asked as that role."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from assetpipe.batch import on_upload
from assetpipe.batch.plan import Item, write_plan
from assetpipe.batch.stack.names import Wishes
from assetpipe.batch.stack.rights import ROLES
from assetpipe.batch.stack.whole import whole
from assetpipe.bundle import read_bundle, write_bundle
from assetpipe.delivery.release import release_of
from tests.batch.stacks import STACK, Resolver, actions
from tests.batch.test_on_upload import told
from tests.commands import run
from tests.delivery.bundles import bundle, manifest
from tests.delivery.servers import Server

ROOT = Path(__file__).parents[2]
RECORDING = Path(__file__).with_name("recording")
QUICK = Path(__file__).with_name("quick_cli.py")
LOGS = "logs:GetLogEvents"


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
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember who we were
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
