"""What a run says and settles -> metrics of each asset, as `batch work` writes them in the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from assetpipe.batch.journal import Entry
from assetpipe.batch.metrics import Measured, Metrics, Stopwatch, open_metrics
from assetpipe.batch.tasks import Batch, Task
from assetpipe.bundle import read_bundle
from assetpipe.config import load_config
from assetpipe.errors import AssetpipeError
from assetpipe.log import Event, Report
from assetpipe.manifest import Manifest


@contextmanager
def gauged(batch: Batch, path: Path | None) -> Iterator[Batch]:
    """The batch, with one line of metrics for each asset that is settled; None: as it is."""
    if path is None:
        yield batch
        return
    with open_metrics(path) as stream:
        gauge = Gauge(batch.out, batch.report, Metrics(stream, {}))
        yield replace(batch, report=gauge.hear, settled=gauge.settled)


class Gauge:
    def __init__(self, out: Path, report: Report, metrics: Metrics) -> None:
        self._out, self._report, self._metrics = out, report, metrics
        self._watches: dict[str, Stopwatch] = {}

    def hear(self, event: Event) -> None:
        if event.asset and event.kind == "step":
            self._watches.setdefault(event.asset, Stopwatch()).say(event.message)
        self._report(event)

    def settled(self, task: Task, entry: Entry) -> None:
        item = task.item
        config = load_config(Path(item.config) if item.config else None, category=item.category)
        watch = self._watches.pop(item.asset, None)
        measured = Measured(
            item.asset,
            config.category,
            entry.seconds,
            item.bytes,
            entry.outcome.sent_bytes,
            entry.peak_mb,
            watch.seconds() if watch else {},
            None if entry.outcome.code else self._manifest(item.asset),
            entry.outcome.code,
        )
        self._metrics.tell(measured)

    def _manifest(self, asset: str) -> Manifest | None:
        try:
            return read_bundle(self._out / asset).manifest
        except AssetpipeError:
            return None
