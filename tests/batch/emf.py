"""A reader of CloudWatch's Embedded Metric Format that refuses what CloudWatch would drop without a word.

After the specification in the CloudWatch guide: the object's root has `_aws` with `Timestamp` (ms) and
`CloudWatchMetrics`; each directive has `Namespace`, `Dimensions` (sets of names) and `Metrics`; names refer to members
of the root, of which those of dimensions are strings and those of metrics numbers, or up to 100 of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

UNITS = {
    *("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "None"),
    *(f"{size}{what}" for size in ("", "Kilo", "Mega", "Giga", "Tera") for what in ("bytes", "bits")),
    *("Bytes", "Bits", "Bytes/Second", "Count/Second"),
}
MOST_METRICS, MOST_DIMENSIONS, MOST_BYTES, MOST_VALUES = 100, 30, 256 * 1024, 100


class Refused(ValueError):
    """CloudWatch would make no metric of this line."""


@dataclass(frozen=True)
class Metric:
    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]
    timestamp: int


def parse(line: str) -> list[Metric]:
    """All metrics of one line of a log; none for a line that is not EMF (prose, another JSON)."""
    if len(line.encode()) > MOST_BYTES:
        raise Refused(f"{len(line.encode())} bytes in one event")
    try:
        root = json.loads(line, parse_constant=_no_number)
    except ValueError:
        if "_aws" in line:
            raise Refused("something stands before or after the object") from None
        return []
    if not isinstance(root, dict) or "_aws" not in root:
        return []
    aws = root["_aws"]
    timestamp = aws.get("Timestamp")
    need(type(timestamp) is int and 1_000_000_000_000 <= timestamp < 10_000_000_000_000, "Timestamp is not in ms")
    need(isinstance(aws.get("CloudWatchMetrics"), list) and aws["CloudWatchMetrics"], "no directives")
    return [metric for directive in aws["CloudWatchMetrics"] for metric in _directive(root, directive, timestamp)]


def need(true: bool, fault: str) -> None:
    if not true:
        raise Refused(fault)


def _directive(root: dict[str, Any], directive: dict[str, Any], timestamp: int) -> list[Metric]:
    namespace = directive.get("Namespace")
    need(isinstance(namespace, str) and 1 <= len(namespace) <= 1024 and not namespace.startswith("AWS/"), "Namespace")
    need(len(directive.get("Metrics", [])) in range(1, MOST_METRICS + 1), "Metrics")
    sets = directive.get("Dimensions")
    need(isinstance(sets, list) and sets and all(isinstance(names, list) for names in sets), "Dimensions")
    names = [definition["Name"] for definition in directive["Metrics"]]
    need(len(names) == len(set(names)), "a metric twice")
    return [
        Metric(namespace, definition["Name"], value, _unit(definition), _dimensions(root, dimensions), timestamp)
        for dimensions in sets
        for definition in directive["Metrics"]
        for value in _values(root, definition["Name"])
    ]


def _dimensions(root: dict[str, Any], names: list[str]) -> dict[str, str]:
    need(len(names) <= MOST_DIMENSIONS and len(names) == len(set(names)), "names of dimensions")
    for name in names:
        need(isinstance(name, str) and 1 <= len(name) <= 250 and name.isascii() and not name.startswith(":"), name)
        value = root.get(name)
        need(isinstance(value, str) and 1 <= len(value) <= 1024 and bool(value.strip()), f"{name} = {value!r}")
    return {name: root[name] for name in names}


def _values(root: dict[str, Any], name: str) -> list[float]:
    need(isinstance(name, str) and 1 <= len(name) <= 1024 and name.isascii(), name)
    value = root.get(name)
    values = value if isinstance(value, list) else [value]
    need(1 <= len(values) <= MOST_VALUES, name)
    for each in values:
        need(type(each) in (int, float) and math.isfinite(each) and abs(each) < 2.0**360, f"{name} = {each!r}")
    return values


def _unit(definition: dict[str, Any]) -> str:
    need(set(definition) <= {"Name", "Unit", "StorageResolution"}, f"{definition}")
    unit = definition.get("Unit", "None")
    need(unit in UNITS, f"unit {unit}")
    return str(unit)


def _no_number(name: str) -> float:
    raise Refused(f"{name} is no JSON")
