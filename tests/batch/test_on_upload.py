"""A file appears in a bucket -> one job, however often and in whatever order it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from moto import mock_aws

from assetpipe.api import slug
from assetpipe.batch import aws, on_upload
from assetpipe.batch.aws import read_submission
from assetpipe.batch.cloud import config_at, read_bytes
from assetpipe.batch.slices import read_slice
from assetpipe.batch.status import Sources, status_of
from assetpipe.config import INDEX, load_config
from assetpipe.delivery.open_store import open_store
from tests.batch import standin
from tests.batch.emf import parse

GLB = b"glTF\x02\x00\x00\x00" + bytes(100)


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`inbox` and `shop`, in moto, in this process."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "STORE": "s3://shop/models",
        "QUEUE": "night",
        "JOB_DEFINITION": "assetpipe",
        "MAX_BYTES": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"batch": {"use_docker": False}}):
        for bucket in ("inbox", "shop"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        yield


@pytest.fixture
def cloud(buckets: None) -> Any:
    """moto's Batch with a queue `night`."""
    role = boto3.client("iam").create_role(RoleName="machines", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    batch = boto3.client("batch")
    batch.create_compute_environment(computeEnvironmentName="machines", type="UNMANAGED", serviceRole=role)
    order = [{"order": 1, "computeEnvironment": "machines"}]
    batch.create_job_queue(jobQueueName="night", state="ENABLED", priority=1, computeEnvironmentOrder=order)
    needs = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "2048"}]
    container = {"image": "assetpipe", "resourceRequirements": needs}
    batch.register_job_definition(jobDefinitionName="assetpipe", type="container", containerProperties=container)
    return batch


def upload(key: str, body: bytes = GLB) -> None:
    boto3.client("s3").put_object(Bucket="inbox", Key=key, Body=body)


def told(*keys: str, sequencer: str = "0055", event: str = "ObjectCreated:Put") -> dict[str, Any]:
    """An SQS batch of one message per key, as S3 writes them: the key as in a form, size and tag as they come."""
    records = [
        {
            "messageId": f"message-{number}",
            "body": json.dumps(
                {
                    "Records": [
                        {
                            "eventName": event,
                            "s3": {
                                "bucket": {"name": "inbox"},
                                "object": {"key": quote_plus(key), "size": 1, "sequencer": sequencer},
                            },
                        }
                    ]
                }
            ),
        }
        for number, key in enumerate(keys)
    ]
    return {"Records": records}


def jobs(batch: Any) -> list[dict[str, Any]]:
    """With a stranger's view: what Batch was asked for."""
    found = [batch.list_jobs(jobQueue="night", jobStatus=state)["jobSummaryList"] for state in ("SUCCEEDED", "FAILED")]
    ids = [job["jobId"] for state in found for job in state]
    return list(batch.describe_jobs(jobs=ids)["jobs"]) if ids else []


def test_an_upload_becomes_a_job_whose_plan_names_it(cloud: Any) -> None:
    """Spaces, signs and capitals are what S3 encodes in its events; the asset is named as the CLI would."""
    upload("incoming/furniture/Oak Chair (v2) + arms.glb")
    assert on_upload.handler(told("incoming/furniture/Oak Chair (v2) + arms.glb"), None) == {"batchItemFailures": []}
    (job,) = jobs(cloud)
    command = job["container"]["command"]
    assert command[:3] == ["assetpipe", "batch", "work"]
    part = command[command.index("--plan") + 1]
    found = boto3.client("s3").get_object(Bucket="shop", Key=part.removeprefix("s3://shop/"))["Body"].read()
    (item,) = read_slice(found, None, part)
    assert item.source == "s3://inbox/incoming/furniture/Oak Chair (v2) + arms.glb"
    assert (item.asset, item.category, item.bytes) == ("oak-chair-v2-arms", "furniture", len(GLB))


def test_a_config_in_words_goes_along_with_the_job(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put beside the plan, given to the worker, and what the asset is built by."""
    monkeypatch.setenv("CONFIG", "[publish]\nthreads = 3\n")
    upload("incoming/fashion/shoe.glb")
    on_upload.handler(told("incoming/fashion/shoe.glb"), None)
    (job,) = jobs(cloud)
    command = job["container"]["command"]
    place, plan = (command[command.index(option) + 1] for option in ("--config", "--plan"))
    assert config_at(place).publish.threads == 3
    (item,) = read_slice(read_bytes(plan, load_config().publish), None, plan)
    assert item.config == place


def test_events_that_come_again_ask_for_nothing_new(cloud: Any) -> None:
    """At least once: three times in one batch, and again later. The same name uploaded anew is another upload."""
    upload("incoming/fashion/shoe.glb")
    for _ in range(2):
        on_upload.handler(told(*["incoming/fashion/shoe.glb"] * 3), None)
    assert len(jobs(cloud)) == 1
    on_upload.handler(told("incoming/fashion/shoe.glb", sequencer="0056"), None)
    assert len(jobs(cloud)) == 2


def test_the_run_can_be_followed_as_any_other(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`batch status` reads what the function wrote."""
    upload("incoming/fashion/shoe.glb")
    on_upload.handler(told("incoming/fashion/shoe.glb"), None)
    said = json.loads(capsys.readouterr().out)
    store = open_store("s3://shop/models", load_config().publish)
    submission = read_submission(store, said["run"])
    assert submission
    assert submission.assets == 1
    assert status_of(said["run"], Sources(store, cloud)).jobs == {"SUCCEEDED": 1}


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("elsewhere/fashion/shoe.glb", GLB, "is not incoming/<category>/<name>"),
        ("incoming/shoe.glb", GLB, "is not incoming/<category>/<name>"),
        ("incoming/Fashion/shoe.glb", GLB, "is not incoming/<category>/<name>"),
        ("incoming/fashion/deep/shoe.glb", GLB, "is not incoming/<category>/<name>"),
        ("incoming/fashion/", b"", "is not incoming/<category>/<name>"),
        ("incoming/fashion/shoe.gltf", b"{}", "is no .glb, .ply, .stl file"),
        ("incoming/fashion/shoe", GLB, "is no .glb, .ply, .stl file"),
        ("incoming/fashion/shoe.glb", b"", "is empty"),
        ("incoming/fashion/shoe.glb", b"<html>", "does not begin as a .glb file does"),
        ("incoming/fashion/shoe.glb", b"glTF\x01\x00\x00\x00", "does not begin as a .glb file does"),
        ("incoming/fashion/shoe.glb", GLB * 10, "has 1,080 bytes, at most 1,000 are taken"),
        ("incoming/fashion/Index 2.glb", GLB, "is named as the index of its category is"),
        ("incoming/fashion/gone.glb", None, "is there no more"),
    ],
)
def test_what_is_no_model_is_refused_by_name_and_costs_no_job(
    buckets: None, capsys: pytest.CaptureFixture[str], key: str, body: bytes | None, reason: str
) -> None:
    """The event's own size is not believed. A refusal is not a failure: nothing would change by trying again."""
    if body is not None:
        upload(key, body)
    assert on_upload.handler(told(key), None) == {"batchItemFailures": []}
    line = capsys.readouterr().out
    assert json.loads(line)["reason"] == reason
    assert [(metric.name, metric.value) for metric in parse(line)] == [("Uploads.refused", 1)]
    assert boto3.client("s3").list_objects_v2(Bucket="shop")["KeyCount"] == 0


def test_one_message_that_fails_goes_back_alone(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its batch are done, and are not delivered again."""
    upload("incoming/fashion/shoe.glb")
    event = told("incoming/fashion/shoe.glb", "incoming/fashion/shoe.glb")
    event["Records"][0]["body"] = "no JSON"
    assert on_upload.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert len(jobs(cloud)) == 1


def test_a_service_that_is_away_sends_the_message_back(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is noted before Batch has answered: the next delivery asks again."""
    upload("incoming/fashion/shoe.glb")
    monkeypatch.setenv("QUEUE", "missing")
    assert on_upload.handler(told("incoming/fashion/shoe.glb"), None)["batchItemFailures"]
    monkeypatch.setenv("QUEUE", "night")
    assert on_upload.handler(told("incoming/fashion/shoe.glb"), None) == {"batchItemFailures": []}
    assert len(jobs(cloud)) == 1


def test_a_test_event_and_deletions_are_passed_over(buckets: None) -> None:
    """S3 sends the one when notifications are set up."""
    test = {"Records": [{"messageId": "1", "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})}]}
    assert on_upload.handler(test, None) == {"batchItemFailures": []}
    assert on_upload.handler(told("incoming/a/b.glb", event="ObjectRemoved:Delete"), None) == {"batchItemFailures": []}
    assert boto3.client("s3").list_objects_v2(Bucket="shop")["KeyCount"] == 0


def test_the_function_says_what_the_package_says(buckets: None) -> None:
    """It is deployed alone, so it repeats three things: names, retries, where runs lie."""
    for stem in ("Oak Chair (v2)", "ÄÖÜ-déjà", "a" * 100, "__x__", "1.5 m", "Größe Æ", "椅子 v2", "椅" * 99, "🛋"):
        assert on_upload.slug(stem) == slug(stem)
    assert on_upload.INDEX == INDEX
    assert aws.RETRY_STRATEGY["evaluateOnExit"] == on_upload.RETRIES
    assert aws.FOLDER == on_upload.RUNS
    standin.check(on_upload._request("upload-0", "s3://b/p", 2_000, ""))
