"""What `submit` and `nightly` are told of caches reaches the workers. Against moto; test_aws has workers that keep."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from assetpipe.batch import aws
from assetpipe.batch.plan import plan_bytes
from assetpipe.errors import UsageError
from tests.batch.mock_aws import Checked, bucket, cloud, items, moto, queue  # noqa: F401  fixtures
from tests.commands import run

WORDS = {
    (): [],
    ("--cache", "s3://shop-builds/cache"): ["--cache", "s3://shop-builds/cache"],
    ("--cache", "/mnt/cache", "--cache-gb", "500"): ["--cache", "/mnt/cache", "--cache-gb", "500"],
    ("--cache-gb", "2.5"): ["--cache-gb", "2.5"],
    ("--no-cache",): ["--no-cache"],
}


@pytest.fixture
def client(cloud: object, monkeypatch: pytest.MonkeyPatch) -> Checked:  # noqa: F811
    client = Checked()
    monkeypatch.setattr("assetpipe.batch.cloud.batch_client", lambda _settings: client)
    return client


@pytest.mark.parametrize("said", WORDS)
def test_workers_are_told_of_the_cache_as_submit_was(
    said: tuple[str, ...],
    client: Checked,
    bucket: str,  # noqa: F811
    queue: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Word by word, behind what the plan needs; `batch work` takes each of them."""
    (tmp_path / "plan.jsonl").write_bytes(plan_bytes(items(bucket, 1)))
    wish = ("--to", f"s3://{bucket}", "--queue", queue, "--job-definition", queue)
    done = run("batch", "submit", tmp_path / "plan.jsonl", *wish, *said)
    assert done.code == 0, done.err
    command = client.asked[0]["containerOverrides"]["command"]
    assert command[7:] == WORDS[said]
    nobody = ["--plan", tmp_path / "none.jsonl", "--to", tmp_path / "store"]
    assert run(*command[1:3], *nobody, *command[7:]).code == 66  # its words are understood, its plan is not there


def test_a_night_passes_them_on_too(client: Checked, bucket: str, queue: str) -> None:  # noqa: F811
    """As `submit` does."""
    boto3.client("s3").put_object(Bucket=bucket, Key="incoming/furniture/oak.glb", Body=b"good")
    wish = ("--to", f"s3://{bucket}/models", "--queue", queue, "--job-definition", queue)
    done = run("batch", "nightly", f"s3://{bucket}/incoming/", *wish, "--cache", "s3://shop-builds/cache")
    assert done.code == 0, done.err
    assert client.asked[0]["containerOverrides"]["command"][-2:] == ["--cache", "s3://shop-builds/cache"]


@pytest.mark.parametrize("place", ["cache", "./cache", "C:\\cache", "s3:/shop/cache", "S3://shop/cache", "s3://"])
def test_a_place_that_no_job_can_find_is_refused_when_it_is_named(place: str) -> None:
    """A folder of whoever submits is none of the container's; said now, not by a thousand jobs."""
    with pytest.raises(UsageError):
        aws.cache_words(place, None)
