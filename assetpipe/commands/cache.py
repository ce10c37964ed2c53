"""cache: what is kept of earlier builds, so that the next does only what has changed."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assetpipe.bundle import disk_faults
from assetpipe.commands import options as opt
from assetpipe.commands.talk import print_json
from assetpipe.config import load_config
from assetpipe.stages.open_shelf import default_place, open_shelf
from assetpipe.stages.upkeep import DAY, Holding, clear, holdings
from assetpipe.tables import columns, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assetpipe.stages.shelf import Shelf

place = click.option(
    "--cache",
    "place",
    metavar="PLACE",
    help="A folder, or s3://BUCKET/PREFIX.  [env: ASSETPIPE_STAGES; default: ~/.cache/assetpipe/stages]",
)


@click.group(epilog=opt.EXIT_CODES)
def cache() -> None:
    """Show and tend what builds keep of their stages. Each command takes --json.

    It may be emptied at any time, also under a build: what is gone is made again.

    \b
    Example:
      assetpipe cache list
      assetpipe cache clear --days 30
    """


@cache.command("list", epilog=opt.EXIT_CODES)
@place
@opt.config_file
@opt.as_json
def list_(place: str | None, config_file: Path | None, as_json: bool) -> None:
    """List the sources of which something is kept, the last used first.

    \b
    Example:
      assetpipe cache list
      assetpipe cache list --cache s3://shop-builds/cache --json
    """
    with _opened(place, config_file) as shelf:
        found = holdings(shelf)
    if as_json:
        for each in found:
            print_json(asdict(each))
    else:
        _show(found, shelf.place)


@cache.command("clear", epilog=opt.EXIT_CODES)
@place
@click.option("--days", type=opt.Number(min=0), default=0.0, metavar="N", help="Only what nobody used for N days.")
@opt.config_file
@opt.as_json
def clear_(place: str | None, days: float, config_file: Path | None, as_json: bool) -> None:
    """Remove what is kept, or what was not used for some time.

    \b
    Example:
      assetpipe cache clear
      assetpipe cache clear --days 30
    """
    with _opened(place, config_file) as shelf:
        entries, size = clear(shelf, days)
    counted = f"{entries:,} {'entry' if entries == 1 else 'entries'}"
    click.echo(f"{shelf.place}: {counted} removed, {size / 1e6:,.1f} MB", err=True)
    if as_json:
        print_json({"place": shelf.place, "entries": entries, "bytes": size})


@contextmanager
def _opened(place: str | None, config_file: Path | None) -> Iterator[Shelf]:
    """Where nothing is kept any more, there may still be something of before."""
    settings = load_config(config_file).publish
    shelf = open_shelf(place, settings) or open_shelf(default_place(), settings)
    assert shelf is not None
    with disk_faults(Path(shelf.place), "--cache"):
        yield shelf


def _show(found: list[Holding], place: str) -> None:
    table = columns("source", "MB", "last used", "kept")
    for figures in table.columns[1:3]:
        figures.justify = "right"
    for each in found:
        kept = ", ".join(f"{count} {stage}" for stage, count in sorted(Counter(each.stages).items()))
        table.add_row(each.source[:16], f"{each.bytes / 1e6:,.1f}", _ago(each.used), kept)
    show_table(table)
    click.echo(f"{place}: {len(found):,} sources, {sum(each.bytes for each in found) / 1e6:,.1f} MB", err=True)


def _ago(used: float) -> Any:
    days = max(0.0, time.time() - used) / DAY
    return "today" if days < 1 else f"{days:,.0f} d ago"
