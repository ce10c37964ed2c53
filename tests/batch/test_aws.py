"""A plan on AWS: submitted to Batch, built by real workers from S3 into S3, followed.

moto stands for S3, DynamoDB, Batch and CloudWatch Logs; what it gets wrong of Batch is put right here, not in the code:
a job is SUCCEEDED inside of SubmitJob; retry strategies are not kept; children say nothing of their array; wrong array
sizes are accepted (`standin.check` holds requests against the service's rules).
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from assetpipe.batch import aws
from assetpipe.batch.aws import Ask, read_submission, submit
from assetpipe.batch.plan import Item, parse_plan, plan_bytes
from assetpipe.batch.status import Sources, status_of
from assetpipe.config import Config, load_config
from assetpipe.delivery.catalog import entries_of
from assetpipe.delivery.open_store import open_store
from assetpipe.errors import ConfigError, MissingFile, UsageError
from tests import shapes
from tests.batch import standin
from tests.commands import run
from tests.delivery.servers import Server, running
from tests.gltf_files import document, write_glb

REAL = [sys.executable, "-m", "assetpipe"]


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]
    with running("moto", command, {}, tmp_path_factory.mktemp("moto")) as server:
        simple = json.dumps({"batch": {"use_docker": False}}).encode()
        urllib.request.urlopen(f"{server.url}/moto-api/config", data=simple, timeout=120).close()
        yield server


@pytest.fixture
def cloud(moto: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """All of AWS is moto, for this process and those that it starts."""
    for name, value in environment(moto, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return moto


def environment(moto: Server, folder: Path) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": moto.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def bucket(cloud: Server) -> str:
    name = f"shop-{uuid.uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


@pytest.fixture(scope="module")
def queue(moto: Server) -> str:
    """A queue and a job definition of the same name."""
    name, region = f"night-{uuid.uuid4().hex[:8]}", "eu-central-1"

    def client(service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=moto.url, region_name=region, **keys)  # type: ignore[call-overload]

    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    batch = client("batch")
    batch.create_compute_environment(computeEnvironmentName=name, type="UNMANAGED", serviceRole=role)
    order = [{"order": 1, "computeEnvironment": name}]
    batch.create_job_queue(jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    needs = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "2048"}]
    container = {"image": "assetpipe", "resourceRequirements": needs, "command": ["assetpipe", "--help"]}
    batch.register_job_definition(jobDefinitionName=name, type="container", containerProperties=container)
    return name


@pytest.fixture
def config(queue: str) -> Config:
    return with_batch({"queue": queue, "job_definition": queue, "price_per_vcpu_hour": 0.04})


def with_batch(wishes: Mapping[str, Any]) -> Config:
    plain = load_config()
    return plain.model_copy(update={"batch": plain.batch.model_copy(update=dict(wishes))})


class Checked:
    """moto's Batch, with requests held against the service's rules, and without what moto makes up."""

    def __init__(self) -> None:
        self.client = boto3.client("batch")
        self.asked: list[dict[str, Any]] = []

    def submit_job(self, **request: Any) -> Mapping[str, Any]:
        standin.check(request)
        self.asked.append(request)
        return dict(self.client.submit_job(**request))

    def describe_jobs(self, *, jobs: list[str]) -> Mapping[str, Any]:
        return dict(self.client.describe_jobs(jobs=jobs))


def items(bucket: str, count: int, seconds: float = 400) -> list[Item]:
    return [
        Item(
            source=f"s3://{bucket}/in/ball-{number}.glb",
            asset=f"ball-{number}",
            category="furniture",
            bytes=100,
            seconds=seconds,
            memory_mb=1_000,
        )
        for number in range(count)
    ]


def test_a_plan_becomes_an_array_with_a_group_for_each_child(bucket: str, config: Config) -> None:
    """Size, command, memory, retries, timeout, tags; the part in the store is what the command names."""
    client = Checked()
    store = open_store(f"s3://{bucket}/models", config.publish)
    submission = submit(items(bucket, 3), config, Ask(client, store))
    (request,) = client.asked
    assert request["arrayProperties"] == {"size": 3}
    assert request["timeout"] == {"attemptDurationSeconds": 3600}
    assert request["retryStrategy"]["attempts"] == config.batch.attempts
    assert request["tags"] == {"app": "assetpipe", "run": submission.run}
    assert request["containerOverrides"]["resourceRequirements"] == [{"type": "MEMORY", "value": "1908"}]
    command = request["containerOverrides"]["command"]
    assert command[:4] == ["assetpipe", "batch", "work", "--plan"]
    assert command[5:] == ["--to", f"s3://{bucket}/models"]
    found = boto3.client("s3").get_object(Bucket=bucket, Key=command[4].removeprefix(f"s3://{bucket}/"))
    assert [each.asset for each in parse_plan(found["Body"].read(), "part")] == ["ball-0", "ball-1", "ball-2"]
    answered = boto3.client("batch").describe_jobs(jobs=[submission.jobs[0].id])["jobs"][0]
    assert answered["arrayProperties"]["size"] == 3
    assert read_submission(store, submission.run) == submission


def test_one_group_is_a_plain_job(bucket: str, config: Config) -> None:
    """Arrays have two children at least."""
    client = Checked()
    submit(items(bucket, 1), config, Ask(client, open_store(f"s3://{bucket}", config.publish)))
    assert "arrayProperties" not in client.asked[0]


def test_what_needs_a_gpu_asks_for_one_on_its_own_queue(bucket: str, queue: str) -> None:
    """Beside the memory that the job definition would give it."""
    client = Checked()
    config = with_batch({"queue": "cpu", "gpu_queue": queue, "job_definition": queue, "gpu_seconds": 60})
    submit(items(bucket, 1), config, Ask(client, open_store(f"s3://{bucket}", config.publish)))
    assert client.asked[0]["jobQueue"] == queue
    assert {"type": "GPU", "value": "1"} in client.asked[0]["containerOverrides"]["resourceRequirements"]


def test_submitting_again_leaves_jobs_alone_that_are_on_their_way(bucket: str, config: Config, tmp_path: Path) -> None:
    """The same plan is the same run; a job that has ended is asked for anew, under the same run."""
    cloud = standin.Standin(tmp_path, REAL)
    ask = Ask(cloud, open_store(f"s3://{bucket}", config.publish))
    first = submit(items(bucket, 2), config, ask)
    assert submit(items(bucket, 2), config, ask) == first
    assert len(cloud.asked) == 1
    for child in cloud.children.values():
        child.status = "FAILED"
    again = submit(items(bucket, 2), config, ask)
    assert (again.run, len(cloud.asked)) == (first.run, 2)
    assert again.jobs[0].id != first.jobs[0].id


def test_whoever_is_killed_while_submitting_asks_only_for_the_rest(bucket: str, config: Config, tmp_path: Path) -> None:
    """Each job is noted as soon as it has an id."""

    class Dying(standin.Standin):
        def submit_job(self, **request: Any) -> dict[str, Any]:
            if len(self.asked) == 1:
                raise KeyboardInterrupt
            return super().submit_job(**request)

    small, large = items(bucket, 1)[0], items(bucket, 2)[1].model_copy(update={"memory_mb": 9_000})
    cloud = Dying(tmp_path, REAL)
    ask = Ask(cloud, open_store(f"s3://{bucket}", config.publish))
    with pytest.raises(KeyboardInterrupt):
        submit([small, large], config, ask)
    cloud.__class__ = standin.Standin
    submission = submit([small, large], config, ask)
    assert [request["jobName"][-2:] for request in cloud.asked] == ["-0", "-1"]
    assert [job.id for job in submission.jobs] == ["job-0", "job-1"]


def test_configs_of_this_machine_go_with_the_plan(bucket: str, config: Config, tmp_path: Path) -> None:
    """No job sees our disk: both the assets' and the caller's are in the store, and named there."""
    shop, worker = tmp_path / "shop.toml", tmp_path / "worker.toml"
    shop.write_text("[levels.preview]\nmax_triangles = 500\n")
    worker.write_text("[publish]\nthreads = 2\n")
    client = Checked()
    planned = [each.model_copy(update={"config": str(shop)}) for each in items(bucket, 1)]
    submit(planned, config, Ask(client, open_store(f"s3://{bucket}", config.publish), config=worker.read_bytes()))
    command = client.asked[0]["containerOverrides"]["command"]
    assert read(command[command.index("--config") + 1]) == worker.read_bytes()
    (item,) = parse_plan(read(command[4]), "part")
    assert item.config
    assert read(item.config) == shop.read_bytes()


def read(url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bytes(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_what_cannot_work_is_refused_before_anything_is_written(bucket: str, config: Config) -> None:
    """No queue, sources on this machine; what Batch does not know is said with where to look. A plan without assets is
    no fault: nobody is asked for anything."""
    store = open_store(f"s3://{bucket}", config.publish)
    client = Checked()
    with pytest.raises(ConfigError, match="queue: is not set"):
        submit(items(bucket, 1), load_config(), Ask(client, store))
    assert (submit([], config, Ask(client, store)).jobs, client.asked) == ((), [])
    local = items(bucket, 1)[0].model_copy(update={"source": "/models/ball.glb"})
    with pytest.raises(UsageError, match=r"/models/ball\.glb: lies on this machine"):
        submit([local], config, Ask(client, store))
    assert list(store.list("")) == []
    with pytest.raises(ConfigError, match="Job definition nothing does not exist") as refused:
        submit(items(bucket, 1), with_batch({"queue": "nothing", "job_definition": "nothing"}), Ask(client, store))
    assert (refused.value.code, "--queue" in refused.value.hint) == ("E_BATCH_REFUSED", True)
    with pytest.raises(MissingFile, match="no run nowhere"):
        status_of("nowhere", Sources(store, client))


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


def test_the_retry_strategy_tries_again_what_may_pass_and_nothing_else() -> None:
    """Machines that went, workers that say so; a failed asset or a bug costs one attempt. Without the last rule Batch
    would try everything again."""
    rules = aws.RETRY_STRATEGY["evaluateOnExit"]
    exited = "Essential container in task exited"
    assert standin.action(rules, "Host EC2 (instance i-0) terminated.", "", None) == "RETRY"
    assert [standin.action(rules, exited, "", code) for code in (75, 137, 143)] == ["RETRY"] * 3
    assert [standin.action(rules, exited, "", code) for code in (1, 2, 3, 65, 77, 78, 139)] == ["EXIT"] * 7
    assert standin.action(rules, exited, "OutOfMemoryError: Container killed", 1) == "EXIT"
    assert standin.action(rules[:-1], exited, "", 1) == "RETRY"
