"""What became of a batch -> events for the shop: which assets were given up, and that the run has ended.

Nobody sees all of a run on AWS Batch but the store: each job leaves a note of what became of its slice under
`assetpipe.runs/<run>/ended/`, and whoever finds that his was the last note says that the run has ended. Two who find it
at once say the same under one id. A job that dies for good leaves none; Batch itself says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assetpipe.batch.aws import Submission, read_submission
from assetpipe.batch.lease import FOLDER, read_progress
from assetpipe.batch.plan import Item, plan_bytes
from assetpipe.config import Publish, load_config
from assetpipe.delivery.catalog_memory import MemoryCatalog
from assetpipe.delivery.events import AssetFailed, RunEnded, ended, failed
from assetpipe.delivery.store import Item as StoreItem
from assetpipe.delivery.store import Store

if TYPE_CHECKING:
    from assetpipe.batch.run import Summary
    from assetpipe.batch.tasks import Batch
    from assetpipe.batch.work import Worked


def failure_of(item: Item, error: Mapping[str, str], where: tuple[str, str]) -> AssetFailed:
    """`where`: store and run."""
    category = item.category or load_config(Path(item.config) if item.config else None).category
    return failed((category, item.asset), item.source, error, where)


@dataclass(frozen=True)
class Note:
    """What became of a slice."""

    published: int
    failures: tuple[tuple[str, str], ...]
    """asset, code"""


def end_of(run: str, store: Store, worked: Worked, job: str) -> RunEnded | None:
    """After a slice of which nothing is left; None while another job of the run is at work. `job` as Batch names it,
    with a child's number; a slice that nobody submitted is a run of its own."""
    failures = tuple((asset, _code(store, run, asset)) for asset in worked.failed)
    note = Note(len(worked.done) + len(worked.skipped), failures)
    submission = read_submission(store, run)
    wanted = _names(submission) if submission else set()
    if job not in wanted:
        return ended((store.url, run), note.published, failures)
    _leave(store, run, job, note)
    notes = _notes(store, run, wanted)
    if notes is None:
        return None
    everybody = [failure for each in notes for failure in each.failures]
    return ended((store.url, run), sum(each.published for each in notes), everybody)


def tell_local(batch: Batch, summary: Summary) -> None:
    """After a run on this machine that published: whoever is told of publishes hears of what could not be built, and
    of the end."""
    from assetpipe.delivery.messenger import connect
    from assetpipe.delivery.news import News

    lines = [json.loads(line) for line in summary.quarantine.read_text(encoding="utf-8").splitlines()]
    name = hashlib.sha256(plan_bytes(batch.items)).hexdigest()[:12]
    where = (_url(str(batch.to)), name)
    end = ended(where, summary.done + summary.kept, [(line["asset"], line["code"]) for line in lines])
    for target, (settings, items) in _listeners(batch.items).items():
        failures = [failure_of(items[line["asset"]], line, where) for line in lines if line["asset"] in items]
        News(*where, (), (*failures, end)).tell(connect(target, settings), MemoryCatalog(""), batch.report)


def _listeners(items: Sequence[Item]) -> dict[str, tuple[Publish, dict[str, Item]]]:
    """Whom the configs of these assets name, and the assets of each."""
    listeners: dict[str, tuple[Publish, dict[str, Item]]] = {}
    configs = {item.config: load_config(Path(item.config) if item.config else None).publish for item in items}
    for item in items:
        settings = configs[item.config]
        if settings.events:
            listeners.setdefault(settings.events, (settings, {}))[1][item.asset] = item
    return listeners


def _url(to: str) -> str:
    return to.rstrip("/") if to.startswith("s3://") else to


def _names(submission: Submission) -> set[str]:
    """Of all jobs that do work, as Batch calls them; while one has no id yet no set of notes is complete."""
    return {f"{job.id}:{index}" if job.size > 1 else job.id for job in submission.jobs for index in range(job.size)}


def _leave(store: Store, run: str, job: str, note: Note) -> None:
    body = (json.dumps(asdict(note)) + "\n").encode()
    key = _key(run, job)
    stat = store.stat(key)
    item = StoreItem(key, body, hashlib.sha256(body).hexdigest(), "application/json", "no-store", {"run": run})
    store.replace(item, stat.version if stat else None)


def _notes(store: Store, run: str, jobs: set[str]) -> list[Note] | None:
    """None while one is missing. Notes of jobs that were asked for before this submission are passed over."""
    keys = {_key(run, job) for job in jobs}
    there = {stat.key for stat in store.list(_folder(run))}
    found = [store.read(key) for key in sorted(keys)] if keys <= there else []
    return [_note(each.body) for each in found if each] or None


def _note(body: bytes) -> Note:
    said = json.loads(body)
    return Note(said["published"], tuple((asset, code) for asset, code in said["failures"]))


def _code(store: Store, run: str, asset: str) -> str:
    progress = read_progress(store, run, asset)[1]
    return progress.error.get("code", "") if progress else ""


def _folder(run: str) -> str:
    return f"{FOLDER}/{run}/ended/"


def _key(run: str, job: str) -> str:
    return f"{_folder(run)}{job.replace(':', '-')}.json"
