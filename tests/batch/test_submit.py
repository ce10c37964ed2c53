"""A plan -> what AWS Batch is asked for: the right jobs, once, or nothing at all."""

# ruff: noqa: F811  # fixtures are imported and asked for by the same name

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from assetpipe.batch import aws
from assetpipe.batch.aws import Ask, read_submission, submit
from assetpipe.batch.plan import parse_plan
from assetpipe.batch.status import Sources, status_of
from assetpipe.config import Config, load_config
from assetpipe.delivery.open_store import open_store
from assetpipe.errors import ConfigError, MissingFile, UsageError
from tests.batch import standin
from tests.batch.mock_aws import REAL, Checked, bucket, cloud, config, items, moto, queue, read, with_batch  # noqa: F401  fixtures


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
