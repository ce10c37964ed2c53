"""Wishes -> the names of things, as CloudFormation says them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assetpipe.batch.lease import FOLDER
from assetpipe.config import load_config
from assetpipe.delivery.open_catalog import table_of
from assetpipe.delivery.s3 import parse_url
from assetpipe.errors import UsageError
from assetpipe.stages import remote

Json = dict[str, Any]
RUNS, STAGES = FOLDER, remote.FOLDER
HIDDEN = "assetpipe.*"
"""Of a store: what is ours alone. No category has a dot in its name."""
REPLICA = "${ReplicaBucket}"
"""A stack stands in one region, so the bucket of the second is made elsewhere, and named."""
INCOMING = "incoming/"
"""Folder of the sources' bucket that uploads go to; below it one folder for each category."""


@dataclass(frozen=True)
class Wishes:
    """`toml`: what else stands in the shop's config (levels, textures), without [publish] and [batch]."""

    to: str
    sources: str
    """bucket, without s3://"""
    toml: str = ""

    @property
    def bucket(self) -> str:
        return parse_url(self.to)[0]

    @property
    def prefix(self) -> str:
        """`eu/`, or nothing."""
        return parse_url(self.to)[1]

    @property
    def table(self) -> str:
        return table_of(self.to)


def wishes_of(to: str, sources: str, config: Path | None) -> Wishes:
    """A config that is wrong is said now, not by every job."""
    bucket, prefix = parse_url(sources)
    if prefix or bucket == parse_url(to)[0]:
        fault = f"{sources}: sources have a bucket of their own, and all of it"
        raise UsageError("E_USAGE", fault, hint="--sources s3://BUCKET, another than the store's")
    load_config(config)
    return Wishes(to.rstrip("/"), bucket, config.read_text(encoding="utf-8") if config else "")


def ref(name: str) -> Json:
    return {"Ref": name}


def att(name: str, attribute: str = "Arn") -> Json:
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> Json:
    """`${Name}` is the resource's or the parameter's."""
    return {"Fn::Sub": text}


def named(name: str) -> Json:
    """Of this stack: two stacks may stand side by side."""
    return sub(f"${{AWS::StackName}}-{name}")


def arn(service: str, rest: str) -> Json:
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")


def s3_arn(rest: str) -> Json:
    return sub(f"arn:${{AWS::Partition}}:s3:::{rest}")


def where(condition: str, *each: Json) -> list[Json]:
    """Items of a list, each there only where the condition holds."""
    return [{"Fn::If": [condition, one, ref("AWS::NoValue")]} for one in each]


def resource(kind: str, properties: Json, **more: Any) -> Json:
    return {"Type": f"AWS::{kind}", **more, "Properties": properties}


def trust(service: str, source: Json | None = None) -> Json:
    """Who may take a role; `source`: and on whose behalf alone."""
    statement: Json = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    condition = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    if source:
        condition["ArnLike"] = {"aws:SourceArn": source}
    if service not in ("ec2", "lambda"):  # which do not say for whom they ask
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}


def policy(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: list[str], *resources: Json | str, **more: Any) -> Json:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources), **more}
