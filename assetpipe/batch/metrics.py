"""What became of an asset -> CloudWatch metrics in the Embedded Metric Format: one JSON object a line, on stdout in a
batch, in a file elsewhere. CloudWatch Logs makes metrics of such lines without being asked and without any permission.

Every set of dimensions is a metric that is paid for, so dimensions are category, level and stage, and nothing else;
what has many values (asset, run, source) is a plain property, which Logs Insights can search and nobody pays for.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO

from assetpipe.bundle import disk_faults
from assetpipe.manifest import Manifest

NAMESPACE = "assetpipe"
Unit = Literal["Count", "Seconds", "Bytes", "Megabytes"]
Values = Mapping[str, tuple[float, Unit]]


@dataclass(frozen=True)
class Measured:
    """One asset that was built and published, or failed."""

    asset: str
    category: str
    seconds: float
    bytes_in: int
    bytes_out: int = 0
    """sent to the store; what was there already is not sent"""
    memory_mb: int = 0
    """at the peak; 0 where it is not known"""
    stages: Mapping[str, float] = field(default_factory=dict)
    """stage -> seconds"""
    manifest: Manifest | None = None
    code: str = ""
    """of the error; "" where there was none"""


class Metrics:
    """Writes lines as they come; `run` and whatever else is in `about` stands on each."""

    def __init__(self, stream: TextIO, about: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._stream, self._about, self._clock = stream, dict(about), clock

    def tell(self, measured: Measured) -> None:
        for dimensions, values, properties in _sets(measured):
            line = self._line(dimensions, values, properties)
            print(json.dumps(line, ensure_ascii=True), file=self._stream, flush=True)

    def _line(
        self, dimensions: Mapping[str, str], values: Values, properties: Mapping[str, object]
    ) -> dict[str, object]:
        metrics = [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()]
        directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
        return {
            "_aws": {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]},
            **self._about,
            **properties,
            **dimensions,
            **{name: value for name, (value, _) in values.items()},
        }


def open_metrics(path: Path) -> TextIO:
    """To go on with what is there."""
    with disk_faults(path, "--metrics"):
        return path.open("a", encoding="ascii")


def _sets(measured: Measured) -> Iterator[tuple[Mapping[str, str], Values, Mapping[str, object]]]:
    """Of each line: dimensions, metrics, properties."""
    asset = {"asset": measured.asset}
    yield {"category": measured.category}, _whole(measured), asset | ({"code": measured.code} if measured.code else {})
    for stage, seconds in measured.stages.items():
        yield {"stage": stage}, {"StageSeconds": (round(seconds, 3), "Seconds")}, asset
    for level in measured.manifest.levels if measured.manifest else ():
        values: Values = {"LevelBytes": (level.bytes, "Bytes"), "LevelTriangles": (level.triangles, "Count")}
        yield {"category": measured.category, "level": level.name}, values, asset


def _whole(measured: Measured) -> Values:
    failed = bool(measured.code)
    values: dict[str, tuple[float, Unit]] = {
        "Assets": (int(not failed), "Count"),
        "Failures": (int(failed), "Count"),
        "Seconds": (round(measured.seconds, 3), "Seconds"),
        "BytesIn": (measured.bytes_in, "Bytes"),
        "BytesOut": (measured.bytes_out, "Bytes"),
    }
    if measured.memory_mb:
        values["PeakMemory"] = (measured.memory_mb, "Megabytes")
    if failed:  # codes are few, and a metric that never happens costs nothing
        values[f"Failures.{measured.code}"] = (1, "Count")
    return values


STAGES = (
    (r"looking for hidden", "hidden"),
    (r"looking", "look"),
    (r"fetching", "fetch"),
    (r"reading", "read"),
    (r"preparing", "prepare"),
    (r"merging", "atlas"),
    (r"decimating", "decimate"),
    (r"baking", "bake"),
    (r".+: textures and encoding", "encode"),
    (r"poster", "poster"),
    (r"checking", "check"),
    (r"sending", "publish"),
)
"""What a build says when a step begins -> the stage's name. Anything else belongs to the stage before."""


def stage_of(message: str) -> str | None:
    return next((stage for said, stage in STAGES if re.match(said, message)), None)


class Stopwatch:
    """Steps as they are said -> seconds of each stage."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._stage, self._since = clock, "", clock()
        self._seconds: dict[str, float] = {}

    def say(self, message: str) -> None:
        stage = stage_of(message)
        if stage and stage != self._stage:
            self._end()
            self._stage = stage

    def seconds(self) -> dict[str, float]:
        self._end()
        return dict(self._seconds)

    def _end(self) -> None:
        now = self._clock()
        if self._stage:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now
