"""GLB -> Khronos' verdict, by Khronos' own validator under node.

Necessary, not sufficient: it does not look inside Draco or KTX2 and takes any `extensionsRequired` on trust, so a file
is validated in its decoded form too, and audited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from assetpipe.asset import Json
from assetpipe.errors import LimitExceeded
from assetpipe.node import run_node
from assetpipe.quality.false_alarms import false_alarms

Severity = Literal["error", "warning", "info", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info", "hint")
# A mesh full of NaN has a message per vertex; so many are enough to know what is wrong with a file.
MAX_ISSUES = 2_000
# 0.8 s for 68 MB was measured: this is for hostile files.
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class ValidatorMessage:
    code: str
    severity: Severity
    message: str
    place: str
    """JSON pointer, or "byte 12" in the container."""

    def __str__(self) -> str:
        return f"{self.code} at {self.place}: {self.message}" if self.place else f"{self.code}: {self.message}"


UNSEEN = ValidatorMessage("TOO_MANY_MESSAGES", "error", "an error may hide behind the messages that were cut off", "")


@dataclass(frozen=True)
class ValidatorReport:
    name: str
    validator: str
    """Version of Khronos' validator."""
    messages: tuple[ValidatorMessage, ...]
    """Without known false alarms, errors first."""
    truncated: bool
    """There is more to say than `messages` holds."""
    info: Json = field(default_factory=dict)
    """The validator's own counts: totalTriangleCount, totalVertexCount, drawCallCount, materialCount, resources, ..."""

    @property
    def errors(self) -> int:
        return self._count("error")

    @property
    def warnings(self) -> int:
        return self._count("warning")

    @property
    def infos(self) -> int:
        return self._count("info")

    @property
    def valid(self) -> bool:
        return not self.errors

    def as_json(self) -> Json:
        return {
            **asdict(self),
            "errors": self.errors,
            "warnings": self.warnings,
            "infos": self.infos,
            "valid": self.valid,
        }

    def _count(self, severity: Severity) -> int:
        return sum(message.severity == severity for message in self.messages)


def validate_glb(data: bytes | memoryview, name: str) -> ValidatorReport:
    return validate_glbs({name: data})[0]


def validate_glbs(files: Mapping[str, bytes | memoryview]) -> list[ValidatorReport]:
    """One report per file, in order, from one node process: its start costs more than a small file."""
    try:
        return _run(files)
    except LimitExceeded as error:
        if len(files) > 1:
            return [validate_glb(data, name) for name, data in files.items()]
        raise _blame(next(iter(files)), error) from None


def _run(files: Mapping[str, bytes | memoryview]) -> list[ValidatorReport]:
    if not files:
        return []
    options = {"lengths": [len(data) for data in files.values()], "maxIssues": MAX_ISSUES}
    answer = json.loads(run_node("validate", b"".join(files.values()), options=options, timeout=TIMEOUT_SECONDS))
    return [_report(name, data, report) for (name, data), report in zip(files.items(), answer, strict=True)]


def _report(name: str, data: bytes | memoryview, report: Json) -> ValidatorReport:
    issues = report["issues"]
    is_false = false_alarms(data, issues["messages"])
    messages = _messages(issues["messages"], is_false)
    if issues["truncated"] and not issues["numErrors"]:
        messages = [UNSEEN, *messages]
    return ValidatorReport(
        name=name,
        validator=report["validatorVersion"],
        messages=tuple(messages),
        truncated=bool(issues["truncated"]),
        info=report.get("info") or {},
    )


def _messages(issues: list[Json], is_false: Callable[[Json], bool]) -> list[ValidatorMessage]:
    return [
        ValidatorMessage(
            code=issue["code"],
            severity=SEVERITIES[issue["severity"]],
            message=issue["message"],
            place=issue.get("pointer") or (f"byte {issue['offset']}" if "offset" in issue else ""),
        )
        for issue in sorted(issues, key=lambda issue: int(issue["severity"]))
        if not is_false(issue)
    ]


def _blame(name: str, error: LimitExceeded) -> LimitExceeded:
    return LimitExceeded(
        error.code,
        f"{name}: Khronos' validator gave up: {error.message}",
        hint="the file is nested too deeply or far too large for the validator, and so for most viewers",
    )
