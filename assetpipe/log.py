"""What a build says while it works: one event at a time, to whoever listens.

Stages know nothing of terminals: the pipeline emits events, and `cli.py` picks a reporter: bars and prose at a
terminal, plain lines elsewhere, JSON lines in a batch. All of them write to stderr; stdout is for data.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Literal, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Kind = Literal["step", "note", "warning", "done", "failed"]


@dataclass(frozen=True)
class Event:
    """`step` says what begins now; `fraction` is how much of the asset lies behind it."""

    kind: Kind
    asset: str
    message: str
    fraction: float = 0.0


Report = Callable[[Event], None]


def silent(_event: Event) -> None:
    """For the Python API, when nobody listens."""


class JsonLines:
    """One JSON object a line, for machines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def __call__(self, event: Event) -> None:
        print(json.dumps(asdict(event), ensure_ascii=True), file=self._stream, flush=True)

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lines:
    """Prose, one line an event, for logs; steps only when `verbose`, nothing but warnings and failures when `quiet`."""

    def __init__(self, stream: TextIO | None = None, *, verbose: bool = False, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        hidden: set[Kind] = set() if verbose else {"step"}
        self._hidden = hidden | {"note", "done"} if quiet else hidden

    def __call__(self, event: Event) -> None:
        if event.kind not in self._hidden:
            mark = "warning: " if event.kind == "warning" else ""
            print(printable(f"{event.asset}: {mark}{event.message}"), file=self._stream, flush=True)

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Rows:
    """Bars at a terminal, one for each asset, with lines that scroll above. What strangers have named is no markup."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.fields[asset]:<24.24}", markup=False),
            BarColumn(30),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.progress = Progress(*columns, console=console, transient=True)
        self._rows: dict[str, TaskID] = {}

    def advance(self, event: Event, name: str = "") -> None:
        """`name`: where it is not the asset's."""
        if event.asset not in self._rows:
            self._rows[event.asset] = self.progress.add_task("", total=1.0, asset=printable(name or event.asset))
        row, text = self._rows[event.asset], printable(event.message)
        self.progress.update(row, completed=event.fraction, description=text)

    def remove(self, asset: str) -> None:
        if asset in self._rows:
            self.progress.remove_task(self._rows.pop(asset))

    def say(self, name: str, mark: str, text: str) -> None:
        """`mark` alone is markup."""
        self.progress.console.print(f"[bold]{escape(printable(name))}[/] {mark}{escape(printable(text))}")


class Bars:
    """A bar per asset under way, with prose scrolling above, at a terminal."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.kind == "step":
                self._rows.advance(event)
                return
            if event.kind in ("done", "failed"):
                self._rows.remove(event.asset)
            if event.kind != "failed":
                mark = "[yellow]warning:[/] " if event.kind == "warning" else ""
                self._rows.say(f"{event.asset}:", mark, event.message)

    def __enter__(self) -> Report:
        self._rows.progress.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._rows.progress.stop()


def printable(text: str) -> str:
    """Names come from untrusted files: no control characters and no bidi marks reach a terminal or a log."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
