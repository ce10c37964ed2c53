"""Where jobs run: Spot machines of many kinds that scale to none, a queue for each kind, what a job is made of."""

from __future__ import annotations

from typing import Any

from assetpipe.batch.aws import RETRY_STRATEGY, SHORTEST
from assetpipe.batch.stack.names import INCOMING, Json, Wishes, att, named, policy, ref, resource, sub, trust
from assetpipe.batch.stack.rights import planner, worker
from assetpipe.stages.open_shelf import OFF, VARIABLE

CPU = ["c6i", "c7i", "m6i", "m7i", "r6i", "r7i"]
GPU = ["g4dn", "g5", "g6", "g6e"]
"""Families, not sizes: Batch takes the size that jobs ask for, and the more kinds there are, the less often Spot takes
one away. The image has kernels for these GPUs."""
DISK_GB = 200
"""For the image, and for sources and bundles of all jobs of a machine."""
STUCK = ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
"""Reasons for which a job would wait for ever."""
NIGHT = (
    'printf %s "$ASSETPIPE_TOML" > /tmp/shop.toml && '
    "exec assetpipe batch nightly {uploads} --to {to} --config /tmp/shop.toml"
)


def compute(wishes: Wishes, config: Json) -> Json:
    """`config`: the shop's TOML, as CloudFormation writes it."""
    # To join ECS, fetch images and write logs.
    machine = [sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role")]
    gpu = {"Condition": "Gpus"}
    return {
        "Logs": resource("Logs::LogGroup", {"RetentionInDays": ref("LogDays")}),
        "MachineRole": resource("IAM::Role", {"AssumeRolePolicyDocument": trust("ec2"), "ManagedPolicyArns": machine}),
        "Machine": resource("IAM::InstanceProfile", {"Roles": [ref("MachineRole")]}),
        "MachineTemplate": resource("EC2::LaunchTemplate", {"LaunchTemplateData": _machine()}),
        "CpuMachines": resource("Batch::ComputeEnvironment", _machines(CPU, "MaxVcpus", "ECS_AL2023")),
        "CpuQueue": resource("Batch::JobQueue", _queue("cpu", "CpuMachines")),
        "GpuMachines": resource("Batch::ComputeEnvironment", _machines(GPU, "MaxGpuVcpus", "ECS_AL2023_NVIDIA"), **gpu),
        "GpuQueue": resource("Batch::JobQueue", _queue("gpu", "GpuMachines"), **gpu),
        "WorkRole": _role(worker(wishes)),
        "Work": resource("Batch::JobDefinition", _work(wishes)),
        "NightRole": _role(planner(wishes)),
        "Night": resource("Batch::JobDefinition", _night(wishes, config)),
    }


def _machine() -> Json:
    """Version 2 of the instance metadata alone; a container in bridge mode is one hop further away."""
    return {
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": DISK_GB, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
            }
        ],
    }


def _machines(families: list[str], most: str, image: str) -> Json:
    """Left to itself Batch takes the cheapest Spot machines, which are those that go first."""
    return {
        "Type": "MANAGED",
        "ReplaceComputeEnvironment": False,
        "ComputeResources": {
            "Type": "SPOT",
            "AllocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED",
            "MinvCpus": 0,
            "MaxvCpus": ref(most),
            "InstanceTypes": families,
            "Ec2Configuration": [{"ImageType": image}],
            "InstanceRole": att("Machine"),
            "LaunchTemplate": {
                "LaunchTemplateId": ref("MachineTemplate"),
                "Version": att("MachineTemplate", "LatestVersionNumber"),
            },
            "Subnets": ref("Subnets"),
            "SecurityGroupIds": ref("SecurityGroups"),
            "UpdateToLatestImageVersion": True,
            "Tags": {"app": "assetpipe"},
        },
    }


def _queue(name: str, machines: str) -> Json:
    return {
        "JobQueueName": named(name),
        "Priority": 10,
        "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": ref(machines)}],
        "JobStateTimeLimitActions": [
            {"Action": "CANCEL", "State": "RUNNABLE", "MaxTimeSeconds": 3_600, "Reason": reason} for reason in STUCK
        ],
    }


def _role(statements: list[Json]) -> Json:
    return resource(
        "IAM::Role",
        {
            "AssumeRolePolicyDocument": trust("ecs-tasks"),
            "Policies": [{"PolicyName": "code", "PolicyDocument": policy(*statements)}],
        },
    )


def _job(name: str, role: str, cores: int, memory_mb: int) -> Json:
    """What `submit` says of command, memory, GPU and time comes over this."""
    needs = {"VCPU": cores, "MEMORY": memory_mb}
    log = {"awslogs-group": ref("Logs"), "awslogs-stream-prefix": name}
    return {
        "JobDefinitionName": named(name),
        "Type": "container",
        "PropagateTags": True,
        "RetryStrategy": {"Attempts": 5, **_capitals(RETRY_STRATEGY)},
        "Timeout": {"AttemptDurationSeconds": SHORTEST},
        "ContainerProperties": {
            "Image": ref("Image"),
            "Command": ["assetpipe", "--help"],
            "JobRoleArn": att(role),
            "User": "10001:10001",
            "ResourceRequirements": [{"Type": kind, "Value": str(value)} for kind, value in needs.items()],
            # On machines of one's own ECS does not say where they are.
            "Environment": [{"Name": "AWS_DEFAULT_REGION", "Value": ref("AWS::Region")}],
            "LogConfiguration": {"LogDriver": "awslogs", "Options": log},
        },
        "Tags": {"app": "assetpipe"},
    }


def _work(wishes: Wishes) -> Json:
    """Results of stages are shared by all workers where they are kept at all."""
    job = _job("work", "WorkRole", 4, 8_000)
    container = job["ContainerProperties"]
    cache = {"Name": VARIABLE, "Value": {"Fn::If": ["Cached", wishes.to, OFF]}}
    return {**job, "ContainerProperties": {**container, "Environment": [*container["Environment"], cache]}}


def _night(wishes: Wishes, config: Json) -> Json:
    """Its config comes with it, and goes on to the workers beside the plan."""
    job = _job("night", "NightRole", 1, 2_000)
    container = job["ContainerProperties"]
    night = NIGHT.format(uploads=f"s3://{wishes.sources}/{INCOMING}", to=wishes.to)
    environment = [*container["Environment"], {"Name": "ASSETPIPE_TOML", "Value": config}]
    container = {**container, "Command": ["sh", "-c", night], "Environment": environment}
    return {**job, "ContainerProperties": container}


def _capitals(value: Any) -> Any:
    """API's names -> CloudFormation's."""
    if isinstance(value, dict):
        return {f"{key[0].upper()}{key[1:]}": _capitals(inner) for key, inner in value.items()}
    return [_capitals(inner) for inner in value] if isinstance(value, list) else value
