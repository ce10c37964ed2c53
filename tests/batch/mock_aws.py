"""AWS for tests of what runs on it: moto stands for S3, DynamoDB, Batch and CloudWatch Logs.

What it gets wrong of Batch is put right here, not in the code: a job is SUCCEEDED inside of SubmitJob; retry strategies
are not kept; children say nothing of their array; wrong array sizes are accepted (`standin.check` holds requests
against the service's rules).
"""

from __future__ import annotations

import json
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from assetpipe.batch.plan import Item
from assetpipe.config import Config, load_config
from tests.batch import standin
from tests.delivery.servers import Server, running

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


def read(url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bytes(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
