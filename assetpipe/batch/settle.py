"""Task, Verdict -> the task that comes next, or the state that it ends in. Pure: the clock is an argument."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from assetpipe.batch.order import Outcome, Stage
from assetpipe.batch.tasks import Rules, Task, later
from assetpipe.batch.worker import Verdict

ALONE = 1 << 62
"""Bytes that no machine has beside others: whoever needs them runs when nobody else does."""
PUBLISH_MEMORY = 200_000_000
"""Bytes: a publish reads files in pieces."""


def settle(
    task: Task, verdict: Verdict, rules: Rules, *, to: str | None, now: float
) -> Task | Literal["done", "quarantined"]:
    if verdict.state == "done":
        stage = _next_stage(task.stage, to)
        return _onward(task, stage, verdict.outcome) if stage else "done"
    if verdict.state == "aside":
        return task
    failed = replace(task, attempts=task.attempts + 1)
    if verdict.state == "again" and failed.attempts <= rules.retries:
        return later(failed, rules.backoff, now)
    if verdict.state == "crashed" and not task.crashes:
        memory = ALONE if verdict.outcome.code == "E_KILLED" else task.memory
        return later(replace(failed, crashes=1, memory=memory), rules.backoff, now)
    return "quarantined"


def alone(task: Task) -> Task:
    return replace(task, memory=ALONE)


def merged(task: Task, outcome: Outcome) -> Outcome:
    """What a publish says beside what the build said."""
    if task.stage != "publish":
        return outcome
    said = outcome.model_dump(include={"code", "message", "hint", "revision", "sent_bytes"})
    return task.outcome.model_copy(update=said)


def _next_stage(stage: Stage, to: str | None) -> Stage | None:
    if stage == "fetch":
        return "build"
    return "publish" if stage == "build" and to else None


def _onward(task: Task, stage: Stage, outcome: Outcome) -> Task:
    """Faults of one stage are not held against the next."""
    source = outcome.source if task.stage == "fetch" else task.source
    memory = PUBLISH_MEMORY if stage == "publish" else task.memory
    return replace(task, stage=stage, source=source, memory=memory, attempts=0, crashes=0, outcome=outcome)
