"""What a batch says at a terminal: a bar for the whole, one for each asset under way, prose above."""

from __future__ import annotations

import threading
from types import TracebackType

from assetpipe.log import Event, Report, Rows

LOUD = {"warning": "[yellow]warning:[/] ", "failed": "[red]failed:[/] "}


class Board:
    """As `log.Bars`, with the whole on top; repairs and the like stay in the reports. `verbose` tells them too."""

    def __init__(self, *, verbose: bool = False) -> None:
        self.rows = Rows()
        self.rows.advance(Event("step", "", ""), "batch")
        self._verbose = verbose
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.kind == "step":
                self.rows.advance(event)
                return
            if event.asset and event.kind in ("done", "failed"):
                self.rows.remove(event.asset)
            if event.kind in ("done", "failed") or self._verbose or not event.asset:
                self.rows.say(event.asset, LOUD.get(event.kind, ""), event.message)

    def __enter__(self) -> Report:
        self.rows.progress.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.rows.progress.stop()
