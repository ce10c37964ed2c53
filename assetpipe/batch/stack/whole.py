"""Wishes -> the template, and from it what people have to know: the shop's config among them."""

from __future__ import annotations

import json
import tomllib

from assetpipe.batch.stack.compute import compute
from assetpipe.batch.stack.names import INCOMING, REPLICA, Json, Wishes, named, policy, ref, resource, sub
from assetpipe.batch.stack.rights import keeper, publisher, submitter
from assetpipe.batch.stack.sites import site
from assetpipe.batch.stack.storage import storage
from assetpipe.batch.stack.triggers import triggers
from assetpipe.errors import LimitExceeded, UsageError
from assetpipe.version import __version__

BODY = 51_200
"""Bytes that CloudFormation takes without a detour over S3."""
TOML = 2_500
"""Bytes of the shop's own settings: a function's environment has 4 KB."""
OURS = ("publish", "batch")
KEY = {"Default": "", "AllowedPattern": "(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+)?"}
PEOPLE = {"Publisher": publisher, "Submitter": submitter, "Keeper": keeper}
CONFIG = """[publish]
region = "${AWS::Region}"
distribution = "${Site}"
events = "${Events}"
kms_key = "${KmsKey}"
replica = "${ReplicaUrl}"
replica_region = "${ReplicaRegion}"

[batch]
queue = "${AWS::StackName}-cpu"
gpu_queue = "${GpuQueueName}"
job_definition = "${AWS::StackName}-work"
"""


def template(wishes: Wishes) -> str:
    """As CloudFormation takes it."""
    text = json.dumps(whole(wishes), separators=(",", ":"))
    if len(text) > BODY:
        fault = f"the template has {len(text):,} bytes, CloudFormation takes {BODY:,}"
        raise LimitExceeded("E_TEMPLATE_SIZE", fault, hint="put less into --config")
    return text


def whole(wishes: Wishes) -> Json:
    config = _config(wishes)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"assetpipe {__version__}: from uploaded models to a shop's CDN",
        "Parameters": _parameters(),
        "Rules": {"Replica": _both("ReplicaBucket", "ReplicaRegion")},
        "Conditions": {
            "Archives": _given("ArchiveDays", 0),
            "Cached": _given("CacheDays", 0),
            "Encrypted": _given("KmsKey", ""),
            "EncryptedThere": _given("ReplicaKmsKey", ""),
            "Gpus": _given("MaxGpuVcpus", 0),
            "Mailed": _given("AlarmEmail", ""),
            "Replicated": _given("ReplicaBucket", ""),
            "Shielded": _given("OriginShieldRegion", ""),
        },
        "Resources": {
            **storage(wishes),
            **site(wishes),
            **compute(wishes, config),
            **triggers(wishes, config),
            **{name: resource("IAM::ManagedPolicy", _policy(name, rights(wishes))) for name, rights in PEOPLE.items()},
        },
        "Outputs": _outputs(wishes, config),
    }


def _config(wishes: Wishes) -> Json:
    """The shop's own settings, then what only the stack knows."""
    if len(wishes.toml.encode()) > TOML:
        fault = f"--config: has {len(wishes.toml.encode()):,} bytes, a function's environment takes {TOML:,}"
        raise LimitExceeded("E_TEMPLATE_SIZE", fault, hint="leave out what is as the defaults are, and comments")
    clash = sorted(tomllib.loads(wishes.toml).keys() & set(OURS))
    if clash:
        fault = f"--config: has [{clash[0]}], which the stack writes itself"
        raise UsageError("E_USAGE", fault, hint="keep levels, textures and the like in it, nothing of a place")
    own = f"{wishes.toml.rstrip()}\n\n".replace("${", "${!") if wishes.toml.strip() else ""
    gpu = {"Fn::If": ["Gpus", named("gpu"), ""]}
    replica = {"Fn::If": ["Replicated", sub(f"s3://{REPLICA}/{wishes.prefix}".rstrip("/")), ""]}
    return {"Fn::Sub": [own + CONFIG, {"GpuQueueName": gpu, "ReplicaUrl": replica}]}


def _given(parameter: str, nothing: str | int) -> Json:
    return {"Fn::Not": [{"Fn::Equals": [ref(parameter), str(nothing)]}]}


def _both(first: str, second: str) -> Json:
    asked = {"Assert": _given(second, ""), "AssertDescription": f"{second} belongs to {first}"}
    return {"RuleCondition": _given(first, ""), "Assertions": [asked]}


def _policy(name: str, statements: list[Json]) -> Json:
    return {"ManagedPolicyName": named(name.lower()), "PolicyDocument": policy(*statements)}


def _parameters() -> Json:
    text = {"Type": "String"}
    number = {"Type": "Number", "MinValue": 0}
    return {
        "Image": {**text, "Description": "The container's image: ACCOUNT.dkr.ecr.REGION.amazonaws.com/assetpipe:TAG"},
        "Subnets": {
            "Type": "List<AWS::EC2::Subnet::Id>",
            "Description": "From where S3, ECR, ECS, Batch, DynamoDB, CloudFront, SNS and CloudWatch Logs are reached",
        },
        "SecurityGroups": {"Type": "List<AWS::EC2::SecurityGroup::Id>", "Description": "Nothing comes in; out to 443"},
        "MaxVcpus": {**number, "Default": 256},
        "MaxGpuVcpus": {**number, "Default": 64, "Description": "0: no GPU queue"},
        "Schedule": {**text, "Default": "cron(0 1 * * ? *)", "Description": "When the night begins"},
        "Timezone": {**text, "Default": "UTC", "Description": "Whose night: Europe/Berlin"},
        "Origins": {"Type": "CommaDelimitedList", "Default": "*", "Description": "https://shop.example,..."},
        "PriceClass": {
            **text,
            "Default": "PriceClass_100",
            "AllowedValues": ["PriceClass_100", "PriceClass_200", "PriceClass_All"],
        },
        "OriginShieldRegion": {**text, "Default": "", "Description": "The store's region, to collapse misses, or none"},
        "ArchiveDays": {
            **number,
            "MaxValue": 730,
            "Default": 0,
            "Description": "90 and more: sources go to the archive",
        },
        "CacheDays": {**number, "Default": 0, "Description": "For results of stages, in the store's bucket; 0: none"},
        "KmsKey": {**text, **KEY, "Description": "The store's key, an ARN; none: S3's own"},
        "ReplicaBucket": {
            **text,
            "Default": "",
            "Description": "Made in another region; the prefix is the same",
        },
        "ReplicaRegion": {**text, "Default": ""},
        "ReplicaKmsKey": {**text, **KEY, "Description": "That bucket's own key, an ARN; none: S3's own"},
        "LogDays": {"Type": "Number", "Default": 30},
        "AlarmEmail": {**text, "Default": ""},
    }


def _outputs(wishes: Wishes, config: Json) -> Json:
    said = {
        "Config": ("The shop's config: for publish, batch submit, batch status, doctor", config),
        "Viewers": ("Where viewers find the store", sub("https://${Site.DomainName}/")),
        "UploadsTo": ("Below it one folder for each category", f"s3://{wishes.sources}/{INCOMING}"),
        "EventsTopic": ("docs/events.md says what comes there", ref("Events")),
        "Policies": (
            "For people: publish; submit and follow; tend the store",
            sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${AWS::StackName}-{publisher,submitter,keeper}"),
        ),
    }
    return {name: {"Description": about, "Value": value} for name, (about, value) in said.items()}
