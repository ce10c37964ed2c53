"""GLB -> findings: what an independent reader counts in it, against what a level, a shop or a platform allows.

Verdicts are those of Khronos' asset auditor (pass, fail, not tested), and "warn" where a limit is only advice. That
auditor reads no Draco; this one does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from assetpipe.config import Level
from assetpipe.quality.budgets import Budget, Limit, level_budget, profile_budget
from assetpipe.quality.checks import CHECKS, SOUNDNESS, Subject
from assetpipe.quality.reading import ReadingError, read_glb

Verdict = Literal["pass", "fail", "warn", "not tested"]
DANGLING = (IndexError, KeyError, TypeError, ValueError, AttributeError)
"""What following a bad reference raises; the validator names the place."""


@dataclass(frozen=True)
class Finding:
    """One answer. `check` is for machines, `message` has the value, its unit and the limit."""

    check: str
    verdict: Verdict
    message: str
    budget: str = ""
    """Whose limit: "the level", a profile's name, or nothing for the file's own soundness."""


def audit_glb(data: bytes | memoryview, *, level: Level | None, name: str, profile: str | None = None) -> list[Finding]:
    """The soundness of the file first, then the checks of each budget in the order of its table."""
    budgets = [profile_budget(profile)] if profile else []
    budgets = [level_budget(level), *budgets] if level else budgets
    try:
        subject = Subject(read_glb(bytes(data)))
    except ReadingError as error:
        return [Finding("readable", "fail", f"{name}: {error}")]
    findings = [_sound(subject, name, check) for check in SOUNDNESS]
    return findings + [_judge(subject, name, check, budget) for budget in budgets for check in budget.limits]


def _sound(subject: Subject, name: str, check: str) -> Finding:
    try:
        return Finding(check, "pass", f"{name}: {SOUNDNESS[check](subject)}")
    except ReadingError as error:
        return Finding(check, "fail", f"{name}: {error}")
    except DANGLING as error:
        return Finding(check, "fail", f"{name}: a reference leads nowhere: {error!r}")


def _judge(subject: Subject, name: str, check: str, budget: Budget) -> Finding:
    measure, unit = CHECKS[check]
    try:
        value = measure(subject)
    except ReadingError as error:
        return Finding(check, "not tested", f"{name}: {check} not tested: {error}", budget.name)
    except DANGLING as error:
        return Finding(check, "not tested", f"{name}: {check} not tested: {error!r}", budget.name)
    if value is None:
        return Finding(check, "pass", f"{name}: {check}: there is nothing to test", budget.name)
    verdict, rule = _compare(value, budget.limits[check])
    return Finding(check, verdict, f"{name}: {check} {_say(value)}{unit}; {budget.name} {rule}{unit}", budget.name)


def _compare(value: float, limit: Limit) -> tuple[Verdict, str]:
    if limit.most is not None and value > limit.most:
        return "fail", f"allows at most {_say(limit.most)}"
    if limit.least is not None and value < limit.least:
        return "fail", f"asks for at least {_say(limit.least)}"
    if limit.advised is not None and value > limit.advised:
        return "warn", f"advises at most {_say(limit.advised)}"
    if limit.least is not None:
        return "pass", f"asks for at least {_say(limit.least)}"
    bound = limit.most if limit.most is not None else limit.advised
    return "pass", f"allows {_say(bound or 0)}"


def _say(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{round(value):,}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
