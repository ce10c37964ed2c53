"""The Python API of batches: one call for each command."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from assetpipe.errors import UsageError
from assetpipe.log import Report, silent

if TYPE_CHECKING:
    from assetpipe.batch.aws import Submission
    from assetpipe.batch.nightly import Night
    from assetpipe.batch.plan import Item
    from assetpipe.batch.planning import Plan
    from assetpipe.batch.run import Summary
    from assetpipe.batch.spot import Drain
    from assetpipe.batch.status import Status
    from assetpipe.batch.work import Worked
    from assetpipe.config import Config
    from assetpipe.stages.shelf import Shelf

Device = Literal["auto", "cpu", "cuda"]
OUT = Path("assetpipe-batch")


def plan_batch(
    sources: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    category: str | None = None,
    config: Path | str | None = None,
    to: str | None = None,
    shard: tuple[int, int] = (1, 1),
    report: Report = silent,
) -> Plan:
    """What there is to do, one Item an asset; written to `out` too. Whatever is published in `to` as it would come out
    is left out. `shard`: share i of n, from 1."""
    from assetpipe.batch.found import is_remote
    from assetpipe.batch.plan import write_plan
    from assetpipe.batch.planning import Wanted, plan_sources
    from assetpipe.batch.publishing import published_in

    settings = str(config if config is None or is_remote(str(config)) else Path(config).absolute()) if config else None
    wanted = Wanted(category, settings, published_in(to, config) if to else None, shard, report)
    plan = plan_sources([str(source) for source in sources], wanted)
    if out is not None:
        write_plan(Path(out), plan.items)
    return plan


def run_batch(
    sources: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    to: str | None = None,
    category: str | None = None,
    config: Path | str | None = None,
    workers: int | None = None,
    deadline: float = 3600.0,
    memory_mb: int | None = None,
    retries: int = 3,
    force: bool = False,
    device: Device = "auto",
    cache: Path | str | Shelf | None = None,
    metrics: Path | str | None = None,
    report: Report = silent,
) -> Summary:
    """Each asset in a process of its own: built into `out`, and published when `to` is given. `sources` are one plan,
    or what `plan_batch` takes. Started again with the same `out` it goes on where it was stopped. Ended early by
    SIGTERM or SIGINT it raises TryAgain. `cache`: as `build` takes it. `metrics`: a file that gets lines of each asset,
    for CloudWatch."""
    from assetpipe.batch.gauge import gauged
    from assetpipe.batch.publishing import check_store
    from assetpipe.batch.run import carry_out
    from assetpipe.batch.tasks import Batch, Rules
    from assetpipe.config import load_config
    from assetpipe.stages.open_shelf import open_shelf

    if out is None and to is None:
        raise UsageError("E_USAGE", "neither --out nor --to says where the bundles go", hint="give one of them")
    items, left_out = _items(sources, category, config, to, report)
    if to is not None:
        check_store(to, items)
    rules = Rules(workers, deadline, memory_mb, retries, device=device, force=force)
    shelf = open_shelf(cache, load_config(Path(config) if config else None).publish)
    batch = Batch(items, Path(out or OUT), to, keep=out is not None, rules=rules, shelf=shelf, report=report)
    with gauged(batch, Path(metrics) if metrics else None) as batch:
        summary = replace(carry_out(batch), left_out=left_out)
    if to is not None:
        from assetpipe.batch.news import tell_local
        from assetpipe.batch.publishing import settle

        settle(to, items, report)
        tell_local(batch, summary)
    return summary


def submit_batch(
    plan: Path | str,
    *,
    to: str,
    run: str = "",
    config: Path | str | None = None,
    queue: str | None = None,
    gpu_queue: str | None = None,
    job_definition: str | None = None,
    cache: str | None = None,
    cache_gb: float | None = None,
    dry_run: bool = False,
) -> Submission:
    """Hand a plan (a path or an s3:// URL) to AWS Batch; the same plan again is the same run. Queues and job definition
    are the config's where none is given. `cache`, `cache_gb`: as the workers are to take them; None: as their job
    definition says. `dry_run`: which jobs there would be; nothing is written, nobody asked."""
    from assetpipe.batch import aws
    from assetpipe.batch.cloud import batch_client, config_at, read_bytes
    from assetpipe.batch.plan import parse_plan
    from assetpipe.batch.working import run_name
    from assetpipe.delivery.open_store import open_store

    settings = with_batch(config_at(config), queue=queue, gpu_queue=gpu_queue, job_definition=job_definition)
    items = parse_plan(read_bytes(str(plan), settings.publish), str(plan))
    run, words = run and run_name(run), aws.cache_words(cache, cache_gb)
    if dry_run:
        return aws.plan_jobs(items, settings, run)
    given = read_bytes(str(config), settings.publish) if config else b""
    ask = aws.Ask(batch_client(settings.publish), open_store(to, settings.publish), run, given, words)
    return aws.submit(items, settings, ask)


def nightly_batch(
    uploads: str,
    *,
    to: str,
    run: str = "nightly",
    config: Path | None = None,
    queue: str | None = None,
    gpu_queue: str | None = None,
    job_definition: str | None = None,
    cache: str | None = None,
    cache_gb: float | None = None,
    again: bool = False,
    dry_run: bool = False,
) -> Night:
    """What is new in `uploads` (s3://bucket/folder/<category>/...) since the last night of this name, or would come out
    otherwise now, goes to AWS Batch; `again`: what has failed goes again, too. `cache`, `cache_gb`: as for
    `submit_batch`."""
    from assetpipe.batch import aws
    from assetpipe.batch.cloud import batch_client, config_at
    from assetpipe.batch.nightly import Wishes, submit_night
    from assetpipe.batch.working import run_name
    from assetpipe.delivery.open_store import open_store

    settings = with_batch(config_at(config), queue=queue, gpu_queue=gpu_queue, job_definition=job_definition)
    store, client = open_store(to, settings.publish), batch_client(settings.publish)
    words = aws.cache_words(cache, cache_gb)
    ask = aws.Ask(client, store, run_name(run), config.read_bytes() if config else b"", words)
    return submit_night(uploads, settings, ask, Wishes(config, again, dry_run))


def batch_status(run: str, *, to: str, config: Path | str | None = None, lines: int = 10) -> Status:
    """How far a run on AWS Batch is: jobs and assets by state, what failed and why, the cost so far. `lines`: of the
    log of each failed job."""
    return next(follow_batch(run, to=to, config=config, lines=lines))


def follow_batch(
    run: str, *, to: str, config: Path | str | None = None, lines: int = 10, seconds: float = 15.0
) -> Iterator[Status]:
    """The same again and again, until all jobs have ended."""
    from assetpipe.batch.cloud import batch_client, config_at, logs_client
    from assetpipe.batch.status import Sources, follow
    from assetpipe.batch.working import run_name
    from assetpipe.delivery.open_store import open_store

    settings = config_at(config)
    logs = logs_client(settings.publish) if lines else None
    store = open_store(to, settings.publish)
    every = settings.publish.index_seconds
    sources = Sources(store, batch_client(settings.publish), logs, settings.batch, lines, every)
    yield from follow(run_name(run), sources, seconds)


def work_batch(
    plan: Path | str,
    *,
    to: str,
    run: str | None = None,
    index: int | None = None,
    config: Path | str | None = None,
    device: Device = "auto",
    deadline: float = 3600.0,
    lease: float = 60.0,
    cache: Path | str | None = None,
    cache_gb: float | None = None,
    drain: Drain | None = None,
    metrics: TextIO | None = None,
    report: Report = silent,
) -> Worked:
    """Build and publish a slice of a plan, as jobs do: group `index` of it, or all. What is done is skipped. `drain`:
    whoever starts it has the work broken off; what is `left` is done by the same call again. `cache`: where results
    of stages are kept, nowhere where neither it nor $ASSETPIPE_STAGES says; a folder holds `cache_gb` (20). `metrics`
    gets lines of each asset, for CloudWatch."""
    from assetpipe.batch.cloud import config_at
    from assetpipe.batch.metrics import Metrics
    from assetpipe.batch.news import end_of
    from assetpipe.batch.spot import Drain
    from assetpipe.batch.work import Work, do_work
    from assetpipe.batch.working import here, slice_of
    from assetpipe.publishing import open_run
    from assetpipe.scratch import scratch
    from assetpipe.stages.open_shelf import MOST_GB, OFF, VARIABLE, open_shelf

    settings = config_at(config).publish
    shelf = open_shelf(cache or os.environ.get(VARIABLE, OFF), settings, cache_gb or MOST_GB)
    chosen = slice_of(str(plan), run, index, settings)
    with (
        scratch("work") as folder,
        open_run(to, settings, report=report) as shop,
    ):
        shop.name = chosen.run
        order = Work(chosen.items, chosen.run, here(), folder, device, deadline, lease, shelf, report)
        if metrics:
            order = replace(order, tell=Metrics(metrics, {"run": chosen.run}).tell)
        worked = do_work(order, shop, drain or Drain())
        if settings.events and not worked.left and (end := end_of(chosen.run, shop.store, worked, order.holder.job)):
            shop.say(end)
    return worked


def with_batch(config: Config, **wishes: str | None) -> Config:
    """The config, but for what is wished."""
    given = {key: value for key, value in wishes.items() if value is not None}
    return config.model_copy(update={"batch": config.batch.model_copy(update=given)})


def _items(
    sources: Sequence[Path | str], category: str | None, config: Path | str | None, to: str | None, report: Report
) -> tuple[tuple[Item, ...], int]:
    from assetpipe.batch.plan import is_plan, read_plan

    if len(sources) == 1 and is_plan(Path(sources[0])):
        if category or config:
            fault = f"{sources[0]}: is a plan: its lines have categories and configs of their own"
            raise UsageError("E_USAGE", fault, hint="give --category and --config to `batch plan`")
        return tuple(read_plan(Path(sources[0]))), 0
    plan = plan_batch(sources, category=category, config=config, to=to, report=report)
    return plan.items, len(plan.left_out)
