"""Submission, Status -> text for people, on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from assetpipe.log import printable

if TYPE_CHECKING:
    from assetpipe.batch.aws import Job, Submission
    from assetpipe.batch.nightly import Night
    from assetpipe.batch.status import FailedJob, Spent, Status

FAILURES = 20
"""Shown in full; `--json` has all."""
WHY = {
    "category": "lies in no folder that can be a category",
    "name": "is named as the index of a category is",
    "twin": "{} has the same name",
}


def show_submission(submission: Submission) -> None:
    if not submission.jobs:
        click.echo("the plan has no assets: nothing is submitted")
        return
    for job in submission.jobs:
        click.echo(_job(job))
    click.echo(f"run {submission.run}: {submission.assets:,} assets in {len(submission.jobs)} jobs")


def show_night(night: Night) -> None:
    for each in night.passed:
        if each.reason not in ("done", "failed"):
            _say(f"left out: {each.source}: {WHY[each.reason].format(each.other)}")
    if night.busy:
        click.echo(f"{night.busy:,} jobs of the night before are still at work: nothing is submitted")
        return
    click.echo(
        f"{night.count('done'):,} are as they were, {night.count('failed'):,} failed before and are as they were"
    )
    if night.submission:
        show_submission(night.submission)
    else:
        click.echo("nothing is new")


def show_status(status: Status) -> None:
    for asset in status.failed_assets[:FAILURES]:
        _say(f"failed: {asset['asset']}: {asset.get('code', '')}: {asset.get('message', '')}")
        if asset.get("hint"):
            _say(f"  hint: {asset['hint']}")
    _more(len(status.failed_assets), "assets")
    for job in status.failed_jobs[:FAILURES]:
        _show_failed(job)
    _more(len(status.failed_jobs), "jobs")
    if status.unfinished:
        names, cure = ", ".join(status.unfinished), f"assetpipe catalog finish --store {status.to}"
        _say(f"behind: a publisher was stopped over index and caches of {names}: the next one does, or {cure}")
    retried = f" ({status.retried:,} begun again)" if status.retried else ""
    click.echo(f"jobs: {_counts(status.jobs)}{retried}")
    click.echo(f"assets: {_counts(status.assets)}")
    click.echo(f"so far: {_spent(status.spent)}")


def _job(job: Job) -> str:
    what = f"array of {job.size:,}" if job.size > 1 else "1 job"
    gpu = " with a GPU" if job.gpu else ""
    minutes = f"up to {job.seconds / 60:.0f} min each on one core"
    where = f"queue {job.queue or '(none)'}, {job.memory_mb:,} MB{gpu}"
    return f"{job.name}: {what}, {job.assets:,} assets, {minutes}, {where}{f', {job.id}' if job.id else ''}"


def _show_failed(job: FailedJob) -> None:
    code = "" if job.exit_code is None else f", exit {job.exit_code}"
    attempts = f"{job.attempts} attempt{'s'[: job.attempts != 1]}"
    _say(f"failed: job {job.id} after {attempts}{code}: {job.reason}")
    for line in job.log:
        _say(f"  | {line}")


def _spent(spent: Spent) -> str:
    hours = f"{spent.vcpu_hours:,.2f} vCPU hours"
    if spent.gpu_hours:
        hours += f", {spent.gpu_hours:,.2f} GPU hours"
    return hours if spent.cost is None else f"{hours}, cost {spent.cost:,.2f}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state.lower()}" for state, count in counts.items()) or "none"


def _more(count: int, what: str) -> None:
    if count > FAILURES:
        click.echo(f"... and {count - FAILURES:,} more failed {what} (--json has all)")


def _say(text: str) -> None:
    """Messages name files that strangers made, logs say anything."""
    click.echo(printable(text))
