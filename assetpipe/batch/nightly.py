"""A folder of uploads -> what is new in it since the last night, submitted to AWS Batch: what a schedule starts.

    s3://in/incoming/<category>/...   as `on_upload` takes them, in all formats that can be read

Every night is the same run, so `assetpipe.runs/<run>/assets/` says what was made of which object (its entity
tag), config and version: what is as it was is not even fetched. What one artist does wrong (no category, two sources of
one name) leaves out those sources, not the night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from assetpipe.api import slug
from assetpipe.batch.aws import ALIVE, Ask, Submission, describe, plan_jobs, read_submission, submit
from assetpipe.batch.found import Found, suffixes
from assetpipe.batch.lease import read_progress
from assetpipe.batch.plan import Item
from assetpipe.batch.planning import Wanted, plan_item
from assetpipe.batch.remote import list_versions, split_url
from assetpipe.batch.units import unit_with
from assetpipe.config import INDEX, SLUG, Config
from assetpipe.errors import UsageError

READERS = 32
Reason = Literal["category", "name", "twin", "done", "failed"]


@dataclass(frozen=True)
class Passed:
    """A source that is left out. `other`: the source that has the same name, or the code of what failed."""

    source: str
    reason: Reason
    other: str = ""


@dataclass(frozen=True)
class Night:
    """What a night has to do. `submission` is None where there is nothing, or where `busy` jobs of the night before are
    still at it."""

    submission: Submission | None
    passed: tuple[Passed, ...] = ()
    busy: int = 0

    def count(self, *reasons: Reason) -> int:
        return sum(each.reason in reasons for each in self.passed)


@dataclass(frozen=True)
class Upload:
    found: Found
    etag: str


@dataclass(frozen=True)
class Wishes:
    """`again`: what has failed, too, and is as it was."""

    config: Path | None = None
    """what the assets are built by"""
    again: bool = False
    dry_run: bool = False


def submit_night(prefix: str, settings: Config, ask: Ask, wishes: Wishes) -> Night:
    """`ask.run` names all nights. One that is not over is left to its jobs; the next night sees what they left."""
    before = read_submission(ask.store, ask.run)
    ids = [job.id for job in before.jobs if job.id] if before else []
    busy = sum(job["status"] in ALIVE for job in describe(ask.client, ids).values())
    if busy:
        return Night(None, busy=busy)
    wanted = Wanted(config=str(wishes.config.absolute()) if wishes.config else None)
    uploads, passed = _sorted_out(_uploads(prefix))
    planned = [(plan_item(each.found, wanted), each.etag) for each in uploads]
    fresh, known = _new(planned, ask, wishes)
    everything = tuple(sorted([*passed, *known], key=lambda each: each.source))
    if not fresh:
        return Night(None, everything)
    made = plan_jobs(fresh, settings, ask.run) if wishes.dry_run else submit(fresh, settings, ask)
    return Night(made, everything)


def _uploads(prefix: str) -> Iterator[Upload]:
    """Of known formats; the first folder is the category."""
    bucket, folder = split_url(prefix)
    if folder and not folder.endswith("/"):
        raise UsageError("E_URL", f"{prefix}: is no folder", hint=f"{prefix}/")
    for key, size, etag in list_versions(bucket, folder):
        category, _, name = key.removeprefix(folder).partition("/")
        if key.lower().endswith(suffixes()):
            yield Upload(Found(f"s3://{bucket}/{key}", size, category=category if name else ""), etag)


def _sorted_out(uploads: Iterator[Upload]) -> tuple[list[Upload], list[Passed]]:
    named: dict[str, list[Upload]] = defaultdict(list)
    passed: list[Passed] = []
    for upload in uploads:
        asset = slug(PurePosixPath(upload.found.source).stem)
        if INDEX.fullmatch(asset):
            passed.append(Passed(upload.found.source, "name"))
        elif SLUG.fullmatch(upload.found.category or ""):
            named[asset].append(upload)
        else:
            passed.append(Passed(upload.found.source, "category"))
    for twins in named.values():
        if len(twins) > 1:
            passed += [Passed(each.found.source, "twin", twins[at - 1].found.source) for at, each in enumerate(twins)]
    return [each for (each, *more) in named.values() if not more], passed


def _new(planned: Sequence[tuple[Item, str]], ask: Ask, wishes: Wishes) -> tuple[list[Item], list[Passed]]:
    with ThreadPoolExecutor(READERS) as pool:
        seen = list(pool.map(lambda pair: read_progress(ask.store, ask.run, pair[0].asset)[1], planned))
    fresh: list[Item] = []
    passed: list[Passed] = []
    for (item, etag), progress in zip(planned, seen, strict=True):
        same = progress is not None and progress.unit == unit_with(item, etag)
        if same and progress and progress.state == "done":
            passed.append(Passed(item.source, "done"))
        elif same and progress and progress.state == "failed" and not wishes.again:
            passed.append(Passed(item.source, "failed", progress.error.get("code", "")))
        else:
            fresh.append(item)
    return fresh, passed
