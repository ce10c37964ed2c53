"""The template: what a linter says of it, and what comes of its parts on servers that make them.

moto makes the Batch parts, MiniStack the buckets, the site and the rest; neither makes everything, and what moto's
CloudFormation skips without a word (policies of buckets, CloudFront, the Scheduler) is not looked for there.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import cfnlint
import pytest

from assetpipe.batch.aws import RETRY_STRATEGY
from assetpipe.batch.cloud import read_bytes
from assetpipe.batch.plan import Item, parse_plan, plan_bytes
from assetpipe.batch.stack.whole import BODY
from assetpipe.config import load_config
from assetpipe.delivery.dynamodb import create_table
from tests.batch.mock_aws import cloud, moto  # noqa: F401  fixtures
from tests.batch.stacks import Resolver, part, printed
from tests.commands import run
from tests.delivery.bundles import bundle
from tests.delivery.servers import Server, ministack, of_nobody  # noqa: F401  fixtures

REGION = "eu-central-1"


def lint(text: str) -> list[str]:
    found = cfnlint.lint(text, regions=[REGION])
    return [f"{match.rule.id} {match.message}" for match in found]


def test_a_linter_finds_no_fault_and_would_find_one() -> None:
    """Against CloudFormation's own schemas; with a property misspelt and a reference broken it says so."""
    text = printed()
    assert len(text) < BODY
    assert lint(text) == []
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicie": {}, "QueueName": {"Ref": "Nobody"}}}
    assert {fault[:5] for fault in lint(json.dumps({"Resources": {"Queue": queue}}))} == {"E3002", "E1020"}


def deployed(text: str, kinds: str, known: dict[str, str]) -> dict[str, str]:
    """The outputs of a stack of these kinds alone. moto wants to be told the role of Batch itself, which in an account
    is there without being named."""
    template = part(json.loads(text), kinds, known)
    for said in template["Resources"].values():
        if said["Type"] == "AWS::Batch::ComputeEnvironment":
            said["Properties"]["ServiceRole"] = role()
    ec2 = boto3.client("ec2")
    place = {
        "Image": "registry/assetpipe:1",
        "Subnets": ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        "SecurityGroups": ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
    }
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in place.items()]
    client, stack = boto3.client("cloudformation"), f"shop-{uuid.uuid4().hex[:6]}"
    said = {"TemplateBody": json.dumps(template), "Capabilities": ["CAPABILITY_NAMED_IAM"], "Parameters": given}
    client.create_stack(StackName=stack, **said)
    client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    (made,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {"Stack": stack, **{each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}}


def role() -> str:
    name = f"batch-{uuid.uuid4().hex[:6]}"
    return str(boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"])


BATCH = "Batch|IAM|DynamoDB|SQS|SNS|Logs|EC2"


def test_jobs_can_be_submitted_to_what_the_stack_makes(cloud: Server, tmp_path: Path) -> None:  # noqa: F811
    """Its config alone tells `batch submit` where to; the definition tries again as the code says; nothing is kept
    waiting that no machine could ever take."""
    bucket = f"shop-{uuid.uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    stack = deployed(printed(to=f"s3://{bucket}/eu"), BATCH, {"Site": "E1"})
    (tmp_path / "shop.toml").write_text(stack["Config"])
    settings = load_config(tmp_path / "shop.toml")
    assert settings.publish.events == stack["EventsTopic"]
    batch = boto3.client("batch")
    jobs = {each["jobDefinitionName"]: each for each in batch.describe_job_definitions()["jobDefinitions"]}
    work = jobs[settings.batch.job_definition]
    rules = [{key: value.lower() if key == "action" else value for key, value in rule.items()} for rule in RULES]
    assert work["retryStrategy"] == {"attempts": 5, "evaluateOnExit": rules}
    night = jobs[f"{stack['Stack']}-night"]["containerProperties"]
    assert night["command"][:2] == ["sh", "-c"]
    assert {"name": "ASSETPIPE_TOML", "value": stack["Config"]} in night["environment"]
    (plan := tmp_path / "plan.jsonl").write_bytes(plan_bytes([CHAIR]))
    done = run("batch", "submit", plan, "--to", f"s3://{bucket}/eu", "--config", tmp_path / "shop.toml", "--json")
    assert done.code == 0, done.err
    (job,) = json.loads(done.out)["jobs"]
    assert (job["queue"], bool(job["id"])) == (f"{stack['Stack']}-cpu", True)
    table = boto3.client("dynamodb").describe_table(TableName=f"assetpipe-{bucket}-eu")["Table"]
    create_table(boto3.client("dynamodb"), other := f"other-{uuid.uuid4().hex[:8]}")
    by_hand = boto3.client("dynamodb").describe_table(TableName=other)["Table"]
    for part_of in ("KeySchema", "AttributeDefinitions"):
        assert table[part_of] == by_hand[part_of]
    assert [index["KeySchema"] for index in table["GlobalSecondaryIndexes"]] == [
        index["KeySchema"] for index in by_hand["GlobalSecondaryIndexes"]
    ]


RULES = RETRY_STRATEGY["evaluateOnExit"]
CHAIR = Item(source="s3://in/chair.glb", asset="chair", category="furniture", bytes=9, seconds=60, memory_mb=900)


def test_the_night_asks_batch_for_a_job_as_batch_wants_it(cloud: Server) -> None:  # noqa: F811
    """The schedule is taken by the Scheduler; what it says to Batch are SubmitJob's own words, and Batch takes them."""
    resolve = Resolver(
        json.loads(printed()),
        {"CpuQueue": "queue", "Night": "definition", "DeadLetters.Arn": LETTERS, "ScheduleRole.Arn": role()},
    )
    said = resolve.properties("Nightly")
    boto3.client("scheduler").create_schedule(**said)
    there = boto3.client("scheduler").get_schedule(Name=said["Name"])
    assert (there["ScheduleExpression"], there["ScheduleExpressionTimezone"]) == ("cron(0 1 * * ? *)", "UTC")
    assert there["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:batch:submitJob"
    request = json.loads(there["Target"]["Input"])
    words = {f"{key[0].lower()}{key[1:]}": value for key, value in request.items()}
    model = botocore.session.get_session().get_service_model("batch").operation_model("SubmitJob").input_shape
    assert set(model.required_members) <= words.keys() <= model.members.keys()


LETTERS = f"arn:aws:sqs:{REGION}:000000000000:letters"


def test_the_night_s_command_is_one_that_the_program_has(tmp_path: Path) -> None:
    """The line of shell, by a shell, with the config out of the environment: all but the program itself is real."""
    resolve = Resolver(json.loads(printed()), {"Site": "E1", "Events": "arn:aws:sns:eu-central-1:000000000000:shop"})
    container = resolve.properties("Night")["ContainerProperties"]
    program = tmp_path / "assetpipe"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > said\ncat /tmp/shop.toml > given\n')
    program.chmod(0o755)
    told = {each["Name"]: each["Value"] for each in container["Environment"]}
    subprocess.run(container["Command"], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin", **told}, check=True)
    said = (tmp_path / "said").read_text().splitlines()
    to = ["--to", "s3://shop-models/eu", "--config", "/tmp/shop.toml"]
    assert said == ["batch", "nightly", "s3://shop-sources/incoming/", *to]
    assert load_config(tmp_path / "given").batch.queue == "assetpipe-cpu"
    assert load_config(tmp_path / "given").publish.distribution == "E1"


SHOP = "S3|CloudFront|DynamoDB|SQS|SNS|Lambda|IAM|Logs|CloudWatch"


def test_a_shop_publishes_into_what_the_stack_makes(
    ministack: Server,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The doctor finds everything well, the bucket's CORS and lifecycle aside (CloudFront answers the one, MiniStack
    leaves out the other); of two uploads one is the function's, which runs and asks for a job of it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    names = [f"{name}-{uuid.uuid4().hex[:8]}" for name in ("models", "sources")]
    to = f"s3://{names[0]}/eu"
    text = printed(to=to, sources=f"s3://{names[1]}")
    stack = deployed(text, SHOP, {"CpuQueue": "queue"})
    (tmp_path / "shop.toml").write_text(stack["Config"])
    place = ("--config", tmp_path / "shop.toml")
    done = run("publish", bundle(tmp_path).folder, "--to", to, *place)
    assert done.code == 0, done.err
    health = {
        each["name"]: each["state"] for each in json.loads(run("doctor", "--store", to, *place, "--json").out)["items"]
    }
    assert {name for name, state in health.items() if state != "ok"} <= {"cors", "lifecycle"}, health
    sqs = boto3.client("sqs")
    (queue,) = [url for url in sqs.list_queues()["QueueUrls"] if "Uploads" in url and stack["Stack"] in url]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    notify(names[1], Resolver(json.loads(text), {"Uploads.Arn": arn}).properties("Sources"))
    glb = b"glTF\x02\x00\x00\x00" + bytes(100)
    for key in ("elsewhere/lamp.glb", "incoming/furniture/chair.glb"):
        boto3.client("s3").put_object(Bucket=names[1], Key=key, Body=glb)
    deadline = time.monotonic() + 300
    while not (found := submitted(names[0])) and time.monotonic() < deadline:
        time.sleep(0.2)
    ((job,),) = [each["jobs"] for each in found]
    folder = f"{to}/{job['plan'].rpartition('/')[0]}"
    (item,) = parse_plan(read_bytes(f"{to}/{job['plan']}", load_config().publish), "plan")
    assert (item.source, item.category) == (f"s3://{names[1]}/incoming/furniture/chair.glb", "furniture")
    assert item.config
    assert item.config.startswith(folder)
    assert read_bytes(item.config, load_config().publish).decode() == stack["Config"]


def submitted(bucket: str) -> list[Any]:
    """What the function wrote down of jobs that it asked for."""
    s3 = boto3.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="eu/assetpipe.runs/").get("Contents", [])]
    notes = [key for key in keys if key.endswith("/submission.json")]
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in notes]


def notify(bucket: str, properties: Any) -> None:
    """What MiniStack's CloudFormation leaves out of a bucket, in the words of S3's own API."""
    (said,) = properties["NotificationConfiguration"]["QueueConfigurations"]
    rules = {"Key": {"FilterRules": said["Filter"]["S3Key"]["Rules"]}}
    told = {"QueueArn": said["Queue"], "Events": [said["Event"]], "Filter": rules}
    s3 = boto3.client("s3")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]})
