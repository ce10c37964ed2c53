"""What a batch leaves on disk for an asset: its line in the journal, and no half-made files."""

from __future__ import annotations

import shutil
from contextlib import suppress

from assetpipe.batch.journal import Entry, State
from assetpipe.batch.settle import merged
from assetpipe.batch.tasks import Batch, Task, repro
from assetpipe.batch.worker import Verdict
from assetpipe.bundle import locked
from assetpipe.errors import AssetpipeError
from assetpipe.manifest import NAME

SHOWN = ("poster.webp", "report.html")


def entry(task: Task, state: State, verdict: Verdict, batch: Batch) -> Entry:
    return Entry(
        task.item.asset,
        task.item.source,
        task.identity,
        state,
        task.attempts + 1,
        round(task.seconds, 3),
        round(task.peak / 1e6),
        merged(task, verdict.outcome),
        repro(task, batch) if state == "quarantined" else "",
        verdict.log if state == "quarantined" else "",
    )


def tidy(task: Task, batch: Batch) -> None:
    """After success. What is published need not lie here too; a folder without a manifest is no bundle."""
    shutil.rmtree(batch.state / "sources" / task.item.asset, ignore_errors=True)
    if batch.to and not batch.keep:
        folder = batch.out / task.item.asset
        (folder / NAME).unlink(missing_ok=True)
        for path in folder.iterdir():
            if path.name not in SHOWN:
                path.unlink()


def sweep(task: Task, batch: Batch) -> None:
    """After a failure: a child that was killed has left what it wrote. Whoever holds its lock takes that away."""
    shutil.rmtree(batch.state / "sources" / task.item.asset, ignore_errors=True)
    with suppress(AssetpipeError), locked(batch.out / task.item.asset):
        pass
