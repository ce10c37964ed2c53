"""What commands do with results and failures: data to stdout, talk to stderr, on to the next asset."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, SomeFailed
from assetpipe.log import Bars, Event, JsonLines, Lines, Report, printable
from assetpipe.names import is_marked

Item = TypeVar("Item")


def each(items: Sequence[Item], one: Callable[[Item], None]) -> None:
    """Do `one` to each; a single item fails with its own error, one of several fails alone."""
    failed = 0
    for item in items:
        try:
            with _system_faults(item):
                one(item)
        except AssetpipeError as error:
            if len(items) == 1:
                raise
            complain(error)
            failed += 1
    if failed:
        click.echo(f"{failed} of {len(items)} failed", err=True)
        raise SomeFailed("E_SOME_FAILED", f"{failed} of {len(items)} failed")


def print_json(value: dict[str, Any]) -> None:
    utf8 = "utf" in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    click.echo(json.dumps(value, ensure_ascii=not utf8))


def complain(error: AssetpipeError) -> None:
    message, _, hint = str(error).partition("\n\n")
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    click.echo(f"{'error' if plain else click.style('error', fg='red', bold=True)}: {printable(message)}", err=True)
    if hint:
        click.echo(f"\n{printable(hint)}\n", err=True)


def tell_name(source: Path, name: str, report: Report) -> None:
    """Who cannot read a file's name off its asset's is told which it is."""
    if is_marked(source.stem, name):
        report(Event("note", name, f"is {source.name}, named so without its letters; --asset names it otherwise"))


def reporter(log: str, *, verbose: bool, quiet: bool) -> Any:
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet contradict each other")
    if log == "json":
        return JsonLines()
    if log == "auto" and sys.stderr.isatty() and not quiet:
        return Bars()
    return Lines(verbose=verbose, quiet=quiet)


class _system_faults:  # noqa: N801 - read as a verb: with _system_faults(path)
    """What the system refuses in the middle of the work, said as our errors."""

    def __init__(self, place: object) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, MemoryError):
            raise LimitExceeded(
                "E_MEMORY", f"{self._place}: out of memory", hint="build it on a larger machine, or lower [limits]"
            ) from error
        if isinstance(error, PermissionError):
            raise NotPermitted("E_NOT_PERMITTED", f"{self._place}: {error.strerror}: {error.filename}") from error
