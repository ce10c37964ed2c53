"""A plan on AWS: built by real workers from S3 into S3, followed."""

# ruff: noqa: F811  # fixtures are imported and asked for by the same name

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from assetpipe.batch import aws
from assetpipe.batch.aws import Ask, submit
from assetpipe.batch.plan import plan_bytes
from assetpipe.batch.status import Sources, status_of
from assetpipe.delivery.catalog import entries_of
from assetpipe.delivery.open_store import open_store
from tests import shapes
from tests.batch import standin
from tests.batch.mock_aws import REAL, Checked, bucket, cloud, items, moto, queue, read, with_batch  # noqa: F401  fixtures
from tests.commands import run
from tests.gltf_files import document, write_glb


def test_real_workers_build_from_s3_into_s3(bucket: str, queue: str, tmp_path: Path) -> None:
    """Two children, each its own process: the second object has changed since it was planned and is refused by name,
    the first is published whole, what its stages made is where `submit` was told to keep it, and it is not built again
    the next night, when nobody knows its hash before."""
    s3 = boto3.client("s3")
    planned = []
    for number in range(2):
        path = write_glb(tmp_path / f"ball-{number}.glb", *document(shapes.sphere(10 + number)))
        s3.upload_file(str(path), bucket, f"in/{path.name}")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        planned.append(items(bucket, 2)[number].model_copy(update={"sha256": sha256, "bytes": path.stat().st_size}))
    s3.put_object(Bucket=bucket, Key="in/ball-1.glb", Body=b"something else")
    assert run("catalog", "init", "--store", f"s3://{bucket}/models").code == 0
    cloud = standin.Standin(tmp_path, REAL, {"PYTHONPATH": str(Path(__file__).parents[2])})
    config = with_batch({"queue": queue, "job_definition": queue, "price_per_vcpu_hour": 0.04})
    store = open_store(f"s3://{bucket}/models", config.publish)
    words = aws.cache_words(f"s3://{bucket}/cache", None)
    submission = submit(planned, config, Ask(cloud, store, words=words))
    cloud.run()
    logs = {
        child.id: [log.read_text() for log in tmp_path.glob(f"{child.id.replace(':', '-')}-*.log")]
        for child in cloud.children.values()
    }
    assert cloud.statuses() == ["FAILED", "SUCCEEDED"], logs
    kept = s3.list_objects_v2(Bucket=bucket, Prefix="cache/assetpipe.stages/")["Contents"]
    assert {each["Key"].rpartition("/")[2].split("-")[0] for each in kept} >= {
        "prepare",
        "decimate",
        "encode",
        "poster",
    }
    (entry,) = entries_of(store)
    assert (entry.asset, len(entry.files)) == ("ball-0", 4)
    for file in entry.files:
        assert hashlib.sha256(read(f"s3://{bucket}/models/{file.key}")).hexdigest() == file.sha256
    status = status_of(submission.run, Sources(store, cloud, prices=config.batch))
    assert status.assets == {"done": 1, "failed": 1}
    assert [each["code"] for each in status.failed_assets] == ["E_SOURCE_CHANGED"]
    again = standin.Standin(tmp_path, REAL, cloud.environment)
    night = submit([planned[0].model_copy(update={"sha256": None})], config, Ask(again, store, run="next-night"))
    again.run()
    assert "is published as it is" in (tmp_path / "job-0-1.log").read_text()
    assert status_of(night.run, Sources(store, again)).assets == {"done": 1}
    assert status.spent.vcpu_hours > 0
    assert status.spent.cost == pytest.approx(status.spent.vcpu_hours * 0.04, abs=1e-4)


def test_status_shows_failures_first_with_the_end_of_their_logs(
    bucket: str, queue: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the command line, over moto's Batch and Logs; exit 3 when something failed."""
    plan = tmp_path / "plan.jsonl"
    plan.write_bytes(plan_bytes(items(bucket, 2)))
    to = ("--to", f"s3://{bucket}")
    wish = ("--queue", queue, "--job-definition", queue)
    rehearsed = run("batch", "submit", plan, *to, *wish, "--dry-run")
    assert "array of 2, 2 assets" in rehearsed.out
    said = run("batch", "submit", plan, *to, *wish, "--json")
    assert said.code == 0, said.err
    submission = json.loads(said.out)
    logs = boto3.client("logs")
    group, stream = f"/aws/batch/{bucket}", "worker/default/1"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(time.time() * 1000) + at, "message": f"line {at}"} for at in range(5)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    monkeypatch.setattr("assetpipe.batch.cloud.batch_client", lambda _settings: Failing(group, stream))
    seen = run("batch", "status", submission["run"], *to, "--lines", 2)
    assert seen.code == 3
    lines = seen.out.splitlines()
    assert lines[0].startswith(f"failed: job {submission['jobs'][0]['id']}:")
    assert lines[1:3] == ["  | line 3", "  | line 4"]
    assert lines[-3:-1] == ["jobs: 1 failed, 1 succeeded", "assets: 2 waiting"]
    assert lines[-1].startswith("so far: 0.50 vCPU hours")


class Failing(Checked):
    """moto's answers, but that the first child has failed after half an hour on one vCPU, as Batch would say it."""

    def __init__(self, group: str, stream: str) -> None:
        super().__init__()
        self.group, self.stream = group, stream

    def describe_jobs(self, *, jobs: list[str]) -> Mapping[str, Any]:
        answered = [dict(job) for job in self.client.describe_jobs(jobs=jobs)["jobs"]]
        for job in answered:
            job.pop("startedAt", None)
            job.pop("stoppedAt", None)
            job["attempts"] = []
            if job["jobId"].endswith(":0"):
                log = {"logDriver": "awslogs", "options": {"awslogs-group": self.group}}
                last = {"exitCode": 1, "logStreamName": self.stream}
                span = {"startedAt": 1_790_000_000_000, "stoppedAt": 1_790_001_800_000}
                needs = [{"type": "VCPU", "value": "1"}]
                job.update(status="FAILED", statusReason="Essential container in task exited", **span)
                job["attempts"] = [{"container": last, **span}]
                job["container"] = {"logConfiguration": log, "resourceRequirements": needs}
        return {"jobs": answered}
