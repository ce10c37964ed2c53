"""What a batch says at a terminal: a bar for the whole, one for each asset under way, prose above."""

from __future__ import annotations

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from assetpipe.log import Event, Report, printable

LOUD = {"warning": "[yellow]warning:[/] ", "failed": "[red]failed:[/] "}


class Board:
    """As `log.Bars`, with the whole on top; repairs and the like stay in the reports. `verbose` tells them too."""

    def __init__(self, *, verbose: bool = False) -> None:
        columns = (
            TextColumn("{task.fields[asset]:<24.24}"),
            BarColumn(30),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(
            *columns, console=Console(stderr=True, highlight=False, soft_wrap=True), transient=True
        )
        self._whole = self._progress.add_task("", total=1.0, asset="batch")
        self._tasks: dict[str, TaskID] = {}
        self._verbose = verbose
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.kind == "step":
                self._advance(event)
                return
            if event.kind in ("done", "failed") and event.asset in self._tasks:
                self._progress.remove_task(self._tasks.pop(event.asset))
            if event.kind in ("done", "failed") or self._verbose or not event.asset:
                text = printable(event.message).replace("[", r"\[")
                self._progress.console.print(f"[bold]{printable(event.asset)}[/] {LOUD.get(event.kind, '')}{text}")

    def _advance(self, event: Event) -> None:
        text = printable(event.message).replace("[", r"\[")
        if not event.asset:
            self._progress.update(self._whole, completed=event.fraction, description=text)
            return
        if event.asset not in self._tasks:
            self._tasks[event.asset] = self._progress.add_task("", total=1.0, asset=event.asset)
        self._progress.update(self._tasks[event.asset], completed=event.fraction, description=text)

    def __enter__(self) -> Report:
        self._progress.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._progress.stop()
