"""batch plan, batch run: many sources on this machine. (`batch_aws.py` has submit, status and work.)"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assetpipe.batch import calls
from assetpipe.batch.tasks import duration
from assetpipe.commands import options as opt
from assetpipe.commands.talk import print_json, reporter
from assetpipe.config import load_config
from assetpipe.errors import SomeFailed
from assetpipe.log import JsonLines, printable
from assetpipe.names import is_marked

if TYPE_CHECKING:
    from assetpipe.batch.planning import Plan
    from assetpipe.batch.run import Summary
    from assetpipe.config import Batch

SOURCES = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
TO = click.option("--to", metavar="STORE", help="A folder, or s3://BUCKET/PREFIX.")


def _part(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    number, _, of = value.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise click.BadParameter(f"{value!r} is no share: 2/5 is the second of five")
    return int(number), int(of)


@click.group(epilog=opt.EXIT_CODES)
def batch() -> None:
    """A night's worth of models, on this machine or on many.

    \b
    Example:
      assetpipe batch plan models/ --category furniture --out plan.jsonl
      assetpipe batch run plan.jsonl --out bundles --json
      assetpipe batch run models/ --to s3://shop-models/live
    """


@batch.command(epilog=opt.EXIT_CODES, short_help="Write down what there is to do: one line an asset.")
@SOURCES
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="F", help="The plan: one line an asset.")
@opt.category
@opt.config_file
@click.option("--to", metavar="STORE", help="Leave out what is published there as it would come out.")
@click.option("--shard", callback=_part, default="1/1", metavar="I/N", help="Only the i-th of n shares, from 1.")
@opt.as_json
def plan(sources: tuple[str, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Write down what there is to do: one line an asset, with size, hash, expected time and memory.

    A source is a file, a folder, a glob, an s3:// prefix, or a list (.csv, .jsonl) with the columns source, asset,
    category, config, deadline (seconds for one stage). What is there twice is left out; two sources of one name are
    refused.

    \b
    Example:
      assetpipe batch plan models/ --category furniture --out plan.jsonl
      assetpipe batch plan night.csv --to s3://shop-models/live --shard 2/5 --out plan.jsonl
    """
    config = options.pop("config_file")
    made = calls.plan_batch(sources, out=out, config=config, **options)
    for each in made.left_out:
        why = f"as {each.other}" if each.reason == "duplicate" else "unchanged"
        _say(f"{each.source}: left out, {each.reason} {why}")
    for item in made.items:
        if is_marked(Path(item.source).stem, item.asset):
            _say(f"{item.source}: is named {item.asset}; a list of sources can say otherwise")
    click.echo(_planned(made, load_config(config).batch), err=True)
    if as_json:
        for item in made.items:
            print_json(item.model_dump())


@batch.command(epilog=opt.EXIT_CODES, short_help="Build (and publish) each asset in a process of its own.")
@SOURCES
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="For bundles, journal and index; with --to alone they go to ./assetpipe-batch, and published bundles leave "
    "again.",
)
@TO
@opt.category
@opt.config_file
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Assets at a time.  [default: one a core]")
@opt.deadline
@click.option("--memory-mb", type=click.IntRange(64), metavar="M", help="For one asset.  [default: what there is]")
@click.option(
    "--retries", type=click.IntRange(0, 100), default=3, show_default=True, metavar="R", help="For what may pass."
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append time, bytes and memory of each asset, as CloudWatch reads them (Embedded Metric Format).",
)
@opt.force
@opt.device
@opt.cached
@opt.talk
@opt.as_json
def run(sources: tuple[str, ...], log: str, verbose: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Build (and publish) each asset in a process of its own; one that fails touches no other.

    A SOURCE is a plan, or anything that `batch plan` takes. What cannot be done is set aside with the reason and a
    command that shows it again. A run that was stopped or killed goes on when the same command is given again.

    \b
    Example:
      assetpipe batch run plan.jsonl --out bundles
      assetpipe batch run models/ --to ./store --workers 4 --deadline 900
    """
    config = options.pop("config_file")
    shelf = opt.cache_of(options, load_config(config))
    with _talker(log, verbose=verbose, quiet=quiet) as report:
        summary = calls.run_batch(sources, config=config, cache=shelf, report=report, **options)
    if as_json:
        with summary.results.open(encoding="utf-8") as results:
            for line in results:
                click.echo(line, nl=False)
    _show(summary)
    if summary.quarantined:
        raise SomeFailed("E_SOME_FAILED", f"{summary.quarantined} quarantined")


def _talker(log: str, *, verbose: bool, quiet: bool) -> Any:
    """A board at a terminal, and elsewhere JSON lines, which is what reads the logs of nightly jobs."""
    if log != "auto" or quiet:
        return reporter(log, verbose=verbose, quiet=quiet)
    if sys.stderr.isatty():
        from assetpipe.batch.board import Board

        return Board(verbose=verbose)
    return JsonLines()


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


def _planned(made: Plan, prices: Batch) -> str:
    """`12 assets, 3 MB, about 25 min on one core, cost 0.02, up to 1,200 MB ...; left out: 2 duplicate, 30 ...`"""
    size = sum(item.bytes for item in made.items)
    most = max((item.memory_mb for item in made.items), default=0)
    many = "" if len(made.items) == 1 else "s"
    said = f"{len(made.items):,} asset{many}, {size / 1e6:,.0f} MB, about {duration(made.seconds)} on one core"
    if (cost := made.cost(prices)) is not None:
        said += f", cost {cost:,.2f}"
    counts = [f"{made.count('duplicate'):,} duplicate", f"{made.count('published'):,} published unchanged"]
    return f"{said}, up to {most:,} MB of memory for one; left out: {', '.join(counts)}"


def _show(summary: Summary) -> None:
    rows = [
        ("done", f"{summary.done:,}"),
        ("done before", f"{summary.kept:,}" if summary.kept else ""),
        ("left out", f"{summary.left_out:,} (there twice, or published unchanged)" if summary.left_out else ""),
        ("quarantined", f"{summary.quarantined:,}"),
        *(("", f"{count:,} {code}") for code, count in summary.reasons),
        ("time", duration(summary.seconds)),
        ("confined", f"by {summary.confined}" if summary.confined else "builds were not confined"),
        ("index", str(summary.index)),
        ("failures", str(summary.quarantine) if summary.quarantined else ""),
    ]
    for name, value in rows:
        if value:
            _say(f"{name:<13}{value}")
