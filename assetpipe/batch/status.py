"""Submission -> Status: what Batch says of each job, what the store says of each asset, what failed first and why."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from assetpipe.batch.aws import ALIVE, Submission, describe, read_submission
from assetpipe.batch.cloud import BatchClient, LogsClient
from assetpipe.batch.lease import FOLDER, Progress, read_progress
from assetpipe.config import Batch
from assetpipe.delivery.faults import explaining
from assetpipe.delivery.rounds import Rounds
from assetpipe.delivery.store import Store
from assetpipe.errors import AssetpipeError, MissingFile

STATES = ("FAILED", "RUNNING", "STARTING", "RUNNABLE", "PENDING", "SUBMITTED", "SUCCEEDED")
"""As Batch names them, in the order that people want to know."""
LOG_GROUP = "/aws/batch/job"
"""Where Batch writes when a job definition says nothing else."""
GONE = "FORGOTTEN"
"""Batch forgets a job a week after its end; what became of its assets is still known."""
READERS = 32
SHOWN = 20
"""Failures that are told in full."""


@dataclass(frozen=True)
class Sources:
    """Whom to ask, and what an hour costs."""

    store: Store
    client: BatchClient
    logs: LogsClient | None = None
    """None: no log lines"""
    prices: Batch | None = None
    lines: int = 10
    index_seconds: float = 60.0
    """`[publish] index_seconds`: how often indexes and caches are seen to"""


@dataclass(frozen=True)
class FailedJob:
    id: str
    reason: str
    exit_code: int | None
    attempts: int
    log: tuple[str, ...] = ()
    """the last lines"""


@dataclass(frozen=True)
class Spent:
    """Hours of all attempts so far. `cost` is None where no price is set."""

    vcpu_hours: float = 0.0
    gpu_hours: float = 0.0
    cost: float | None = None


@dataclass(frozen=True)
class Status:
    run: str
    to: str
    jobs: Mapping[str, int]
    """state -> how many; the children of an array count each"""
    assets: Mapping[str, int]
    """done, failed, held, waiting -> how many"""
    failed_jobs: tuple[FailedJob, ...]
    failed_assets: tuple[Mapping[str, str], ...]
    """asset, code, message, hint"""
    spent: Spent
    retried: int = 0
    """jobs that have begun more than once"""
    unfinished: tuple[str, ...] = ()
    """categories of the store whose index and caches a publisher began to see to, and was stopped"""

    @property
    def ended(self) -> bool:
        return not any(self.jobs.get(state) for state in ALIVE)

    @property
    def failed(self) -> bool:
        return bool(self.jobs.get("FAILED") or self.assets.get("failed"))


def status_of(run: str, sources: Sources) -> Status:
    submission = read_submission(sources.store, run)
    if submission is None:
        place = f"{sources.store.url}/{FOLDER}"
        raise MissingFile("E_RUN_MISSING", f"{place}: no run {run}", hint="`assetpipe batch submit` names the run")
    jobs, forgotten = _children(submission, sources.client)
    counts = Counter(str(job["status"]) for job in jobs) + Counter({GONE: forgotten})
    progress = _progress(sources.store, run)
    states = Counter(each.state if each.state != "free" else "waiting" for each in progress)
    states["waiting"] += max(0, submission.assets - len(progress))
    failed = [each for each in progress if each.state == "failed"]
    return Status(
        run,
        submission.to,
        {state: counts[state] for state in (*STATES, GONE) if counts[state]},
        {state: count for state, count in sorted(states.items()) if count},
        tuple(_failed_job(job, sources, told=at < SHOWN) for at, job in enumerate(_of(jobs, "FAILED"))),
        tuple({"asset": each.asset, **each.error} for each in failed),
        _spent(jobs, sources.prices),
        sum(len(job.get("attempts", ())) > 1 for job in jobs),
        tuple(Rounds(sources.store, sources.index_seconds).unfinished()),
    )


def follow(run: str, sources: Sources, seconds: float) -> Iterator[Status]:
    """Again and again, until all jobs have ended."""
    while True:
        status = status_of(run, sources)
        yield status
        if status.ended:
            return
        time.sleep(seconds)


def _children(submission: Submission, client: BatchClient) -> tuple[list[Mapping[str, Any]], int]:
    """All jobs that do work (an array itself does none), and how many Batch has forgotten."""
    asked = [job for job in submission.jobs if job.id]
    known = describe(client, [job.id for job in asked])
    forgotten = sum(job.size for job in asked if job.id not in known)
    plain = [known[job.id] for job in asked if job.id in known and job.size == 1]
    arrays = [job for job in asked if job.id in known and job.size > 1]
    ids = [f"{job.id}:{index}" for job in arrays for index in range(job.size)]
    children = describe(client, ids)
    waiting = [{"jobId": name, "status": "PENDING"} for name in ids if name not in children]
    return [*plain, *children.values(), *waiting], forgotten


def _progress(store: Store, run: str) -> list[Progress]:
    folder = f"{FOLDER}/{run}/assets/"
    names = [stat.key.removeprefix(folder).removesuffix(".json") for stat in store.list(folder)]
    with ThreadPoolExecutor(READERS) as pool:
        read = pool.map(lambda asset: read_progress(store, run, asset)[1], names)
        return [each for each in read if each]


def _of(jobs: Sequence[Mapping[str, Any]], state: str) -> list[Mapping[str, Any]]:
    return [job for job in jobs if job["status"] == state]


def _failed_job(job: Mapping[str, Any], sources: Sources, *, told: bool) -> FailedJob:
    container = _last_container(job)
    reason = container.get("reason") or job.get("statusReason") or "no reason given"
    log = _tail(container, sources) if told else ()
    return FailedJob(str(job["jobId"]), str(reason), container.get("exitCode"), len(job.get("attempts", ())), log)


def _last_container(job: Mapping[str, Any]) -> Mapping[str, Any]:
    attempts = job.get("attempts") or [{}]
    last: Mapping[str, Any] = {**job.get("container", {}), **attempts[-1].get("container", {})}
    return last


def _tail(container: Mapping[str, Any], sources: Sources) -> tuple[str, ...]:
    """The end of a job's log; a log that cannot be read is no reason to say nothing of the rest."""
    stream = container.get("logStreamName")
    if not stream or sources.logs is None or not sources.lines:
        return ()
    options = container.get("logConfiguration", {}).get("options", {})
    group = options.get("awslogs-group", LOG_GROUP)
    try:
        with explaining(f"CloudWatch Logs {group}"):
            answer = sources.logs.get_log_events(
                logGroupName=group, logStreamName=stream, limit=sources.lines, startFromHead=False
            )
    except AssetpipeError as error:
        return (f"(no log: {error.message})",)
    return tuple(str(event["message"]) for event in answer["events"])


def _spent(jobs: Sequence[Mapping[str, Any]], prices: Batch | None) -> Spent:
    vcpu = gpu = 0.0
    for job in jobs:
        hours = _hours(job)
        vcpu += hours * _needs(job, "VCPU", float(job.get("container", {}).get("vcpus") or 0))
        gpu += hours * _needs(job, "GPU", 0.0)
    known = prices and (prices.price_per_vcpu_hour or prices.price_per_gpu_hour)
    cost = vcpu * prices.price_per_vcpu_hour + gpu * prices.price_per_gpu_hour if prices and known else None
    return Spent(round(vcpu, 4), round(gpu, 4), None if cost is None else round(cost, 4))


def _hours(job: Mapping[str, Any]) -> float:
    """Of all attempts that have ended, and of the one that runs. Batch says milliseconds since 1970."""
    spans = [(each.get("startedAt"), each.get("stoppedAt")) for each in job.get("attempts", ())]
    if (job.get("startedAt"), job.get("stoppedAt")) not in spans:
        spans.append((job.get("startedAt"), job.get("stoppedAt")))
    now = time.time() * 1000
    ended = job["status"] not in ALIVE
    worked = [float(end or (begin if ended else now)) - begin for begin, end in spans if begin]
    return float(sum(max(0.0, each) for each in worked)) / 3_600_000


def _needs(job: Mapping[str, Any], kind: str, otherwise: float) -> float:
    needs = job.get("container", {}).get("resourceRequirements", ())
    return next((float(need["value"]) for need in needs if need.get("type") == kind), otherwise)
