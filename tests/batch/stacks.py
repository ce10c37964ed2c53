"""A template as CloudFormation would resolve it, for an account that does not exist; and what IAM makes of a policy."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from tests.commands import run

ACCOUNT, REGION, STACK = "000000000000", "us-east-1", "assetpipe"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
GIVEN = {
    "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/assetpipe:1",
    "Subnets": ["subnet-1"],
    "SecurityGroups": ["sg-1"],
    "AlarmEmail": "",
    "OriginShieldRegion": "",
    "ArchiveDays": "0",
    "CacheDays": "0",
}


def printed(*more: object, to: str = "s3://shop-models/eu", sources: str = "s3://shop-sources") -> str:
    done = run("batch", "template", "--to", to, "--sources", sources, *more)
    assert done.code == 0, done.err
    return done.out


class Resolver:
    """`known`: what resources of the stack are called, `Name` or `Name.Attribute`; others are called by their name."""

    def __init__(self, template: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> None:
        self.template = template
        defaults = {name: said.get("Default") for name, said in template["Parameters"].items()}
        self.known = {**defaults, **GIVEN, **PSEUDO, **(known or {})}

    def properties(self, name: str) -> Any:
        return self(self.template["Resources"][name]["Properties"])

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self, value) if each != "AWS::NoValue"]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref":
                return self.known.get(inner, inner)
            if key == "Fn::GetAtt":
                return self.known.get(".".join(inner), f"{inner[0]}.{inner[1]}")
            if key == "Fn::Sub":
                return self._sub(inner)
            if key == "Fn::If":
                name, yes, no = inner
                return self(yes if self.holds(name) else no)
        found = {key: self(inner) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if inner != "AWS::NoValue"}

    def holds(self, condition: str) -> bool:
        left, right = self.template["Conditions"][condition]["Fn::Not"][0]["Fn::Equals"]
        return str(self(left)) != str(right)

    def _sub(self, said: Any) -> str:
        text, more = (said, {}) if isinstance(said, str) else said
        names = {**self.known, **{key: self(inner) for key, inner in more.items()}}
        filled = re.sub(r"\$\{([^!}]+)\}", lambda found: str(names.get(found[1], found[1])), text)
        return filled.replace("${!", "${")


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in statement["Action"]}


def allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    """As IAM would, for statements without conditions."""
    return any(
        action in statement["Action"] and any(fnmatch.fnmatchcase(resource, each) for each in statement["Resource"])
        for statement in statements
    )


def part(template: Mapping[str, Any], kinds: str, known: Mapping[str, str]) -> dict[str, Any]:
    """Only resources whose type begins with one of `kinds`; what refers to another is told what that is called, its
    name or what `known` says."""
    resources = template["Resources"]
    kept = {name: said for name, said in resources.items() if re.match(rf"AWS::({kinds})", said["Type"])}
    gone = {name: known.get(name, name) for name in resources.keys() - kept.keys()}

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value if not left_out(each)]
        if not isinstance(value, dict):
            return re.sub(r"\$\{(\w+)(\.\w+)?\}", said, value) if isinstance(value, str) and "${" in value else value
        if value.get("Ref") in gone:
            return gone[value["Ref"]]
        if "Fn::GetAtt" in value and value["Fn::GetAtt"][0] in gone:
            return gone[value["Fn::GetAtt"][0]]
        return {key: told(inner) for key, inner in value.items() if not (key == "DependsOn" and inner in gone)}

    def left_out(item: Any) -> bool:
        """moto leaves a hole in a list where CloudFormation leaves out what its condition says."""
        name, _, no = item.get("Fn::If", ("", "", "")) if isinstance(item, dict) else ("", "", "")
        return no == {"Ref": "AWS::NoValue"} and not Resolver(template).holds(name)

    def said(found: re.Match[str]) -> str:
        return gone.get(found[1], found[0])

    return {**template, "Resources": told(kept), "Outputs": told(template["Outputs"])}
