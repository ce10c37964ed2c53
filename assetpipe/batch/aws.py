"""Plan -> Submission: the jobs that AWS Batch is asked for, and what is remembered of them beside the store's assets.

    assetpipe.runs/<run>/plan-<hash>.jsonl    a part of the plan, one job's
    assetpipe.runs/<run>/config-<hash>.toml   configs that the plan or the caller named on this machine
    assetpipe.runs/<run>/submission.json      which jobs were asked for

Parts are written before a job may need them, and each job is noted as soon as it has an id: whoever is killed between
two of them submits again, and gets no job twice that is still on its way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from assetpipe.batch.cloud import Answer, BatchClient, read_bytes
from assetpipe.batch.lease import FOLDER
from assetpipe.batch.plan import Item, plan_bytes
from assetpipe.batch.remote import split_url
from assetpipe.batch.slices import Part, part_bytes, part_name, parts_of
from assetpipe.config import Batch, Config, Publish
from assetpipe.delivery.faults import explaining
from assetpipe.delivery.store import Item as StoreItem
from assetpipe.delivery.store import Store
from assetpipe.errors import ConfigError, ServiceUnavailable, UsageError
from assetpipe.stages.open_shelf import OFF
from assetpipe.version import __version__

ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
RETRY_STRATEGY: dict[str, Any] = {
    "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},  # the machine was taken away
        {"onExitCode": "75", "action": "RETRY"},  # the worker says that the same command may succeed later
        {"onExitCode": "137", "action": "RETRY"},  # killed: by the machine's end, or for memory; leases count those
        {"onExitCode": "143", "action": "RETRY"},  # told to go before it could listen
        {"onReason": "*", "action": "EXIT"},  # without this line Batch retries whatever matches none
    ]
}
TIMES, SHORTEST = 6.0, 3_600
"""A job is stopped after so many times what is expected, and not before so many seconds, nor before its assets' own
deadlines."""


@dataclass(frozen=True)
class Job:
    """One that Batch was asked for; `id` is empty until it has answered."""

    name: str
    queue: str
    plan: str
    """key of its part"""
    size: int
    """children; 1 is a plain job"""
    assets: int
    seconds: float
    """expected of the longest child, on one core"""
    gpu: bool
    memory_mb: int
    id: str = ""
    deadline: float = 0.0
    """seconds that the plan itself allows to one child's assets"""


@dataclass(frozen=True)
class Submission:
    run: str
    to: str
    jobs: tuple[Job, ...]

    @property
    def assets(self) -> int:
        return sum(job.assets for job in self.jobs)


@dataclass(frozen=True)
class Ask:
    """Whom to ask, and about which run. `run` "" is one that the plan, its configs and our version name."""

    client: BatchClient
    store: Store
    run: str = ""
    config: bytes = b""
    """of a TOML file that the workers are given too"""
    words: tuple[str, ...] = ()
    """more that each worker is told, as `cache_words` puts it"""


def submit(items: Sequence[Item], config: Config, ask: Ask) -> Submission:
    """The same plan again is the same run: jobs that are still on their way are left alone, the others begin anew,
    and their workers skip what is done."""
    _check(items, config.batch, ask.store)
    run = ask.run or _name(items, config)
    if not items:  # a night without news
        return Submission(run, ask.store.url, ())
    items = _with_remote_configs(items, run, ask.store, config.publish)
    given = _given(ask, run)
    parts = parts_of(items, config.batch)
    jobs = [_job(part, number, run, config.batch) for number, part in enumerate(parts)]
    for part in parts:
        _put(ask.store, run, part_name(part_bytes(part)), part_bytes(part))
    submission = _remembered(Submission(run, ask.store.url, tuple(jobs)), ask)
    for number, job in enumerate(submission.jobs):
        if not job.id:
            request = _request(job, submission, config.batch, (*given, *ask.words))
            answer = _asked(ask.client, request)
            asked = [*submission.jobs]
            asked[number] = replace(job, id=str(answer["jobId"]))
            submission = replace(submission, jobs=tuple(asked))
            write_submission(ask.store, submission)
    return submission


def cache_words(place: str | None, gb: float | None) -> tuple[str, ...]:
    """What `batch work` is told of its cache; nothing: what the job definition's environment says holds."""
    if place and place != OFF and not place.startswith("/"):
        if not place.startswith("s3://"):
            cure = "s3://BUCKET/PREFIX, or the whole path of a folder that is mounted in the container"
            raise UsageError("E_CACHE", f"{place}: where jobs run is no such folder", hint=cure)
        split_url(place)
    words = ("--no-cache",) if place == OFF else ("--cache", place) if place else ()
    return (*words, "--cache-gb", f"{gb:g}") if gb and place != OFF else words


def plan_jobs(items: Sequence[Item], config: Config, run: str = "") -> Submission:
    """What `submit` would ask for; nothing is written, nobody asked."""
    named = run or _name(items, config)
    parts = enumerate(parts_of(items, config.batch))
    return Submission(named, "", tuple(_job(part, number, named, config.batch) for number, part in parts))


def _asked(client: BatchClient, request: Answer) -> Answer:
    try:
        with explaining("AWS Batch"):
            return client.submit_job(**request)
    except ServiceUnavailable as error:
        if error.code != "E_STORE_REFUSED":
            raise
        cure = "are queue and job definition there, and of this region? ([batch], --queue, --job-definition)"
        raise ConfigError("E_BATCH_REFUSED", error.message, hint=cure) from error


def read_submission(store: Store, run: str) -> Submission | None:
    found = store.read(_submission_key(run))
    if found is None:
        return None
    said = json.loads(found.body)
    return Submission(said["run"], said["to"], tuple(Job(**job) for job in said["jobs"]))


def write_submission(store: Store, submission: Submission) -> None:
    key = _submission_key(submission.run)
    body = (json.dumps(asdict(submission), indent=1) + "\n").encode()
    stat = store.stat(key)
    store.replace(_item(key, body, submission.run), stat.version if stat else None)


def describe(client: BatchClient, ids: Sequence[str]) -> dict[str, Any]:
    """id -> what Batch says; it forgets jobs a week after their end."""
    found: dict[str, Any] = {}
    for start in range(0, len(ids), 100):
        with explaining("AWS Batch"):
            answer = client.describe_jobs(jobs=list(ids[start : start + 100]))
        found.update({job["jobId"]: job for job in answer["jobs"]})
    return found


def _check(items: Sequence[Item], settings: Batch, store: Store) -> None:
    for key in ("queue", "job_definition"):
        if not getattr(settings, key):
            cure = f"give --{key.replace('_', '-')}, or set it in the config's [batch]"
            raise ConfigError("E_BATCH_UNSET", f"[batch] {key}: is not set", hint=cure)
    local = next((item.source for item in items if not item.source.startswith("s3://")), None)
    if local and store.url.startswith("s3://"):
        cure = "`aws s3 sync` the sources, and plan their s3:// prefix"
        raise UsageError("E_SOURCE_LOCAL", f"{local}: lies on this machine, where no job sees it", hint=cure)


def _name(items: Sequence[Item], config: Config) -> str:
    said = plan_bytes(items) + json.dumps([config.sha256, __version__]).encode()
    return hashlib.sha256(said).hexdigest()[:12]


def _job(part: Part, number: int, run: str, settings: Batch) -> Job:
    queue = settings.gpu_queue if part.gpu else settings.queue
    key = f"{FOLDER}/{run}/{part_name(part_bytes(part))}"
    size = len(part.groups)
    facts = (size, part.items, part.seconds, part.gpu, part.memory_mb)
    return Job(f"assetpipe-{run}-{number}", queue, key, *facts, deadline=part.deadline)


def _remembered(submission: Submission, ask: Ask) -> Submission:
    """With the ids of jobs that an earlier call has asked for and that are still on their way."""
    before = read_submission(ask.store, submission.run)
    ids = {(job.plan, job.queue): job.id for job in before.jobs if job.id} if before else {}
    known = describe(ask.client, list(ids.values()))
    alive = {key: name for key, name in ids.items() if known.get(name, {}).get("status") in ALIVE}
    jobs = tuple(replace(job, id=alive.get((job.plan, job.queue), "")) for job in submission.jobs)
    return replace(submission, jobs=jobs)


def _given(ask: Ask, run: str) -> tuple[str, ...]:
    """The caller's config lies beside the plan."""
    if not ask.config:
        return ()
    return ("--config", f"{ask.store.url}/{_put(ask.store, run, _config_name(ask.config), ask.config)}")


def _request(job: Job, submission: Submission, settings: Batch, words: Sequence[str]) -> dict[str, Any]:
    """Of SubmitJob. What the job definition says of image, roles and vCPUs stands."""
    at = submission.to
    command = ["assetpipe", "batch", "work", "--plan", f"{at}/{job.plan}", "--to", at]
    needs = [{"type": "MEMORY", "value": str(-(-job.memory_mb * 1_000_000 // 1_048_576))}]
    if job.gpu:
        needs.append({"type": "GPU", "value": "1"})
    request = {
        "jobName": job.name,
        "jobQueue": job.queue,
        "jobDefinition": settings.job_definition,
        "containerOverrides": {
            "command": [*command, *words],
            "resourceRequirements": needs,
        },
        "retryStrategy": {"attempts": settings.attempts, **RETRY_STRATEGY},
        "timeout": {"attemptDurationSeconds": _longest(job)},
        "tags": {"app": "assetpipe", "run": submission.run},
        "propagateTags": True,
    }
    return {**request, "arrayProperties": {"size": job.size}} if job.size > 1 else request


def _longest(job: Job) -> int:
    """Seconds after which Batch ends it."""
    return round(max(SHORTEST, TIMES * job.seconds, job.deadline + SHORTEST if job.deadline else 0.0))


def _with_remote_configs(items: Sequence[Item], run: str, store: Store, settings: Publish) -> list[Item]:
    """A job sees no file of this machine: configs go beside the plan, each once."""
    if not store.url.startswith("s3://"):
        return list(items)
    local = sorted({item.config for item in items if item.config and not item.config.startswith("s3://")})
    moved: dict[str | None, str] = {}
    for name in local:
        data = read_bytes(name, settings)
        moved[name] = f"{store.url}/{_put(store, run, _config_name(data), data)}"
    return [item.model_copy(update={"config": moved.get(item.config, item.config)}) for item in items]


def _config_name(data: bytes) -> str:
    return f"config-{hashlib.sha256(data).hexdigest()[:16]}.toml"


def _put(store: Store, run: str, name: str, data: bytes) -> str:
    key = f"{FOLDER}/{run}/{name}"
    store.put(_item(key, data, run))
    return key


def _item(key: str, data: bytes, run: str) -> StoreItem:
    kind = "application/json" if key.endswith(".json") else "text/plain; charset=utf-8"
    return StoreItem(key, data, hashlib.sha256(data).hexdigest(), kind, "no-store", {"run": run})


def _submission_key(run: str) -> str:
    return f"{FOLDER}/{run}/submission.json"
