"""batch submit, status, work: a plan on AWS Batch. `commands/batch.py` has the group and what runs on one machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from assetpipe.commands import options as opt
from assetpipe.commands.batch import batch
from assetpipe.commands.batch_tables import show_night, show_status, show_submission
from assetpipe.commands.talk import print_json, reporter
from assetpipe.errors import SomeFailed, TryAgain
from assetpipe.log import Event, Report
from assetpipe.stages.open_shelf import OFF

if TYPE_CHECKING:
    from assetpipe.batch.spot import Drain

__all__ = ["batch"]

LAST_RESORT = 13.0
"""Seconds after a drain began until we leave, whatever is still going on: with the time until a notice is seen, below
20. Every step of a publish may be cut off."""
to = click.option("--to", required=True, metavar="STORE", help="A folder or s3://bucket/prefix.")
publish_to = click.option("--to", required=True, metavar="STORE", help="Where workers publish: s3://bucket/prefix.")
queue = click.option("--queue", metavar="Q", help="Job queue, instead of the config's.")
gpu_queue = click.option("--gpu-queue", metavar="Q", help="Job queue of what gains from a GPU.")
gigabytes = click.option(
    "--cache-gb",
    type=opt.Number(min=0, min_open=True),
    metavar="N",
    help="What a cache's folder may hold.  [default: 20]",
)
worker_cache = click.option(
    "--cache",
    metavar="PLACE",
    help="Where jobs keep results of stages: s3://BUCKET/PREFIX, or a folder that is mounted in their container.  "
    "[default: as the job definition's ASSETPIPE_STAGES says]",
)
job_definition = click.option("--job-definition", metavar="D", help="Job definition, instead of the config's.")


@batch.command(epilog=opt.EXIT_CODES)
@click.option("--plan", required=True, metavar="PLAN", help="A plan, or a part of one that `batch submit` wrote.")
@to
@click.option("--run", metavar="RUN", help="Name of the run. [default: that of the plan's folder, or the plan's hash]")
@click.option(
    "--index",
    type=click.IntRange(min=0),
    envvar="AWS_BATCH_JOB_ARRAY_INDEX",
    show_envvar=True,
    metavar="N",
    help="Which group of the plan, counted from 0; without it all.",
)
@click.option("--config", "config_file", metavar="F", help="A TOML file, or s3:// URL of one, for [publish].")
@opt.device
@opt.deadline
@click.option(
    "--lease",
    type=opt.Number(1),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds that a worker may be silent.",
)
@click.option(
    "--cache", metavar="PLACE", help="Where results of stages are kept.  [env: ASSETPIPE_STAGES; default: off]"
)
@opt.no_cache
@gigabytes
@click.option("--metrics", metavar="FILE", help="CloudWatch metrics as JSON lines. [default in AWS Batch: stdout]")
@opt.talk
def work(plan: str, to: str, run: str | None, **options: Any) -> None:
    """Build and publish a slice of a plan: what runs in the container.

    What is done is skipped, whoever did it; each asset is published as it is finished. On SIGTERM, Ctrl-C or a
    Spot notice nothing new begins, and the exit code is 75: the same command goes on from there.

    \b
    Example:
      assetpipe batch work --plan s3://shop-models/assetpipe.runs/night/plan-0123456789abcdef.jsonl --to s3://shop-models
    """
    from assetpipe.batch import calls
    from assetpipe.batch.spot import draining

    options["cache"] = _cache(options)
    talk = {key: options.pop(key) for key in ("log", "verbose", "quiet")}
    with (
        reporter(**_in_batch(talk)) as report,
        _metrics(options.pop("metrics")) as metrics,
        draining(lambda said: report(Event("warning", "worker", said))) as drain,
        _last_resort(drain, report),
    ):
        config = options.pop("config_file")
        worked = calls.work_batch(
            plan, to=to, run=run, config=config, drain=drain, metrics=metrics, report=report, **options
        )
    _conclude(worked, drain.reason)


def _cache(options: dict[str, Any]) -> str | None:
    none, place = options.pop("no_cache"), options.pop("cache")
    if none and place:
        raise click.UsageError("--no-cache keeps nothing, --cache says where: give one of them")
    return OFF if none else place


def _conclude(worked: Any, reason: str) -> None:
    counts = {name: len(getattr(worked, name)) for name in ("done", "skipped", "failed", "left")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
    click.echo(said, err=True)
    if worked.left:
        why = f"broken off ({reason})" if reason else "some could not be done now"
        raise TryAgain("E_DRAINED" if reason else "E_LEFT", f"{why}: {said}", hint="the same command goes on from here")
    if worked.failed:
        raise SomeFailed("E_SOME_FAILED", said)


def _in_batch(talk: dict[str, Any]) -> dict[str, Any]:
    """Logs of a batch are read by machines."""
    return {**talk, "log": "json"} if talk["log"] == "auto" and "AWS_BATCH_JOB_ID" in os.environ else talk


@contextmanager
def _metrics(file: str | None) -> Iterator[TextIO | None]:
    if file == "-" or (file is None and "AWS_BATCH_JOB_ID" in os.environ):
        yield sys.stdout
    elif file:
        from assetpipe.batch.metrics import open_metrics

        with open_metrics(Path(file)) as stream:
            yield stream
    else:
        yield None


@contextmanager
def _last_resort(drain: Drain, report: Report) -> Iterator[None]:
    over = threading.Event()

    def leave() -> None:
        drain.event.wait()
        if not over.is_set():
            report(Event("warning", "worker", f"{drain.reason}: nothing more is begun"))
        if not over.wait(LAST_RESORT):
            report(Event("warning", "worker", f"leaves after {LAST_RESORT:.0f} s, in the middle of something"))
            sys.stdout.flush()
            os._exit(TryAgain.exit_code)

    threading.Thread(target=leave, name="last resort", daemon=True).start()
    try:
        yield
    finally:
        over.set()


@batch.command(epilog=opt.EXIT_CODES, short_help="Hand a plan to AWS Batch, as array jobs.")
@click.argument("plan", metavar="PLAN")
@publish_to
@click.option("--run", metavar="RUN", default="", help="Name of the run. [default: made of plan, config and version]")
@opt.config_file
@queue
@gpu_queue
@job_definition
@worker_cache
@opt.no_cache
@gigabytes
@click.option("--dry-run", is_flag=True, help="Say which jobs there would be; write nothing, ask nobody.")
@opt.as_json
def submit(plan: str, to: str, run: str, config_file: Path | None, **options: Any) -> None:
    """Hand a plan to AWS Batch: array jobs of a few minutes each, on Spot machines.

    The same plan again is the same run: what is done stays done, jobs still on their way are left alone.

    \b
    Example:
      assetpipe batch plan s3://shop-sources/night/ --category furniture --out plan.jsonl
      assetpipe batch submit plan.jsonl --to s3://shop-models --queue night --job-definition assetpipe
      assetpipe batch status RUN --to s3://shop-models --watch
    """
    from assetpipe.batch.calls import submit_batch

    options["cache"] = _cache(options)
    as_json = options.pop("as_json")
    submission = submit_batch(plan, to=to, run=run, config=config_file, **options)
    print_json(asdict(submission)) if as_json else show_submission(submission)


@batch.command(epilog=opt.EXIT_CODES, short_help="Submit what is new in a folder of uploads.")
@click.argument("uploads", metavar="UPLOADS")
@publish_to
@click.option("--run", metavar="RUN", default="nightly", show_default=True, help="Name of all nights.")
@opt.config_file
@queue
@gpu_queue
@job_definition
@worker_cache
@opt.no_cache
@gigabytes
@click.option("--again", is_flag=True, help="What has failed, too, although nothing about it has changed.")
@click.option("--dry-run", is_flag=True, help="Say which jobs there would be; write nothing, submit nothing.")
@opt.as_json
def nightly(uploads: str, to: str, run: str, config_file: Path | None, as_json: bool, **options: Any) -> None:
    """Submit what is new in a folder of uploads: what a schedule starts.

    UPLOADS is s3://bucket/folder/; the first folder below it is the category, as for uploads that are built at once.
    What was made of the same object by the same config and version is known from the nights before and left out; so is
    what has failed. While jobs of the night before are at work nothing is submitted.

    \b
    Example:
      assetpipe batch nightly s3://shop-sources/incoming/ --to s3://shop-models --config shop.toml
    """
    from assetpipe.batch.calls import nightly_batch

    options["cache"] = _cache(options)
    night = nightly_batch(uploads, to=to, run=run, config=config_file, **options)
    print_json(asdict(night)) if as_json else show_night(night)


@batch.command(epilog=opt.EXIT_CODES)
@publish_to
@click.option("--sources", required=True, metavar="BUCKET", help="Where artists upload to: s3://bucket.")
@opt.config_file
def template(to: str, sources: str, config_file: Path | None) -> None:
    """Print a CloudFormation template of all that a shop needs in AWS.

    Buckets, catalog, CloudFront, queues of Spot machines, the function for uploads, the schedule of the night, topics,
    and roles with the rights that each uses. The stack's output `Config` is the shop's config.

    \b
    Example:
      assetpipe batch template --to s3://shop-models --sources s3://shop-sources --config shop.toml > stack.json
      aws cloudformation deploy --template-file stack.json --stack-name assetpipe ... (docs/aws-batch.md)
    """
    from assetpipe.batch.stack.names import wishes_of
    from assetpipe.batch.stack.whole import template as written

    click.echo(written(wishes_of(to, sources, config_file)))


@batch.command(epilog=opt.EXIT_CODES, short_help="Show how far a run on AWS Batch is, failures first.")
@click.argument("run", metavar="RUN")
@click.option("--to", required=True, metavar="STORE", help="As it was given to submit.")
@opt.config_file
@click.option("--watch", is_flag=True, help="Until all jobs have ended.")
@click.option(
    "--every", type=opt.Number(1), default=15, show_default=True, metavar="S", help="Seconds between two looks."
)
@click.option(
    "--lines",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    metavar="N",
    help="Log lines of each failure.",
)
@opt.as_json
def status(run: str, to: str, config_file: Path | None, **options: Any) -> None:
    """Show how far a run on AWS Batch is: failures first, then jobs and assets by state, and the cost so far.

    \b
    Example:
      assetpipe batch status 3f0c9a1b2d4e --to s3://shop-models --watch
      assetpipe batch status 3f0c9a1b2d4e --to s3://shop-models --json | jq .failed_assets
    """
    from assetpipe.batch.calls import follow_batch

    looks = follow_batch(run, to=to, config=config_file, lines=options["lines"], seconds=options["every"])
    if not options["watch"]:
        looks = islice(looks, 1)
    for seen in looks:
        print_json({**asdict(seen), "ended": seen.ended}) if options["as_json"] else show_status(seen)
    if seen.failed:
        raise SomeFailed("E_SOME_FAILED", "some failed")
