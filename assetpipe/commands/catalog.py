"""catalog: what is published, and how it is tended."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assetpipe import api
from assetpipe.commands import options as opt
from assetpipe.commands.talk import print_json, reporter

if TYPE_CHECKING:
    from assetpipe.delivery.catalog import Entry

store = click.option("--store", required=True, metavar="STORE", help="A folder, or s3://bucket/prefix.")
category = click.option("--category", metavar="C", help="Of this category only.")
asset = click.argument("asset", metavar="ASSET")


@click.group(epilog=opt.EXIT_CODES)
def catalog() -> None:
    """Show and tend what is published in a store. Each command takes --json.

    \b
    Example:
      assetpipe catalog list --store ./store
      assetpipe catalog rollback chair --store ./store
    """


@catalog.command("list", epilog=opt.EXIT_CODES)
@store
@category
@click.option("--status", type=click.Choice(["live", "rolled_back"]), help="Of this status only.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="At most so many, newest first.",
)
@opt.config_file
@opt.as_json
def list_(as_json: bool, limit: int, **options: Any) -> None:
    """List what is published, newest first.

    \b
    Example:
      assetpipe catalog list --store ./store --category furniture
      assetpipe catalog list --store s3://shop-models/eu --status rolled_back --json
    """
    from assetpipe.catalog_tables import show_entries

    found = api.catalog_list(options["store"], options["category"], options["status"], config=options["config_file"])
    entries = list(islice(found, limit + 1))
    if as_json:
        for entry in entries[:limit]:
            print_json(_entry(entry))
    else:
        show_entries(entries[:limit], options["store"])
    if len(entries) > limit:
        click.echo(f"only the newest {limit} are shown; --limit shows more", err=True)
    if unfinished := api.catalog_unfinished(options["store"], config=options["config_file"]):
        names = ", ".join(unfinished)
        click.echo(f"a publisher was stopped in {names}: `assetpipe catalog finish` does what it left", err=True)


@catalog.command(epilog=opt.EXIT_CODES, short_help="Show an asset's files, its history, and what it can become.")
@asset
@store
@opt.config_file
@opt.as_json
def show(asset: str, store: str, config_file: Path | None, as_json: bool) -> None:
    """Show an asset: its files, how it came to be as it is, and what it can be rolled back to.

    ASSET is a name, or CATEGORY/NAME where two categories have it.

    \b
    Example:
      assetpipe catalog show chair --store ./store
    """
    from assetpipe.catalog_tables import show_asset

    shown = api.catalog_show(store, asset, config=config_file)
    if as_json:
        moves = [asdict(move) for move in shown.moves]
        print_json({**_entry(shown.entry), "moves": moves, "revisions": list(shown.revisions)})
    else:
        show_asset(shown)


@catalog.command(epilog=opt.EXIT_CODES, short_help="Read and hash all that is published, and name what is amiss.")
@store
@category
@click.option("--mend", is_flag=True, help="Make stale catalog entries and indexes again from what is published.")
@click.option("--discard", is_flag=True, help="Delete what is damaged, for a publish to put it back.")
@opt.config_file
@opt.talk
@opt.as_json
def verify(store: str, category: str | None, mend: bool, as_json: bool, **options: Any) -> None:
    """Read and hash everything that is published again, and name what is missing, damaged or stale.

    Nothing is written without --mend or --discard. Exit code 65 when anything is wrong in the end.

    \b
    Example:
      assetpipe catalog verify --store ./store
    """
    from assetpipe.catalog_tables import show_tended

    with _reporting(options) as report:
        asked = {"mend": mend, "discard": options["discard"], "config": options["config_file"]}
        tended = api.catalog_verify(store, category, report=report, **asked)
    print_json(asdict(tended)) if as_json else show_tended(tended, store)
    tended.raise_if_faulty()


@catalog.command(epilog=opt.EXIT_CODES)
@asset
@store
@click.option("--revision", metavar="R", help="To this revision (its first digits), not to the one before.")
@click.option("--wait", is_flag=True, help="Return when CloudFront has nothing old left, not when it was told.")
@click.option("--dry-run", is_flag=True, help="Say what would become current; change nothing.")
@opt.config_file
@opt.talk
@opt.as_json
def rollback(asset: str, store: str, as_json: bool, **options: Any) -> None:
    """Make an earlier revision of an asset current again. Nothing is sent or deleted: only a pointer moves.

    \b
    Example:
      assetpipe catalog rollback chair --store ./store
      assetpipe catalog rollback chair --revision 3f2a --store s3://shop-models/eu
    """
    asked = {key: options[key] for key in ("revision", "wait", "dry_run")}
    with _reporting(options) as report:
        done = api.catalog_rollback(store, asset, config=options["config_file"], report=report, **asked)
    if as_json:
        about = {key: value for key, value in asdict(done).items() if key != "mutable_keys"}
        print_json({**about, "dry_run": options["dry_run"]})
        return
    would = "would be" if options["dry_run"] else "is"
    already = "" if done.changed else " (as before)"
    click.echo(f"{done.category}/{done.asset} {would} at revision {done.revision}{already}")


@catalog.command(epilog=opt.EXIT_CODES, short_help="Delete what nothing published has named for some days.")
@store
@click.option(
    "--days",
    type=opt.Number(min=0),
    metavar="N",
    help="Keep what nothing has named for fewer days; [publish] keep_days else.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go; delete nothing.")
@opt.config_file
@opt.talk
@opt.as_json
def gc(store: str, days: float | None, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Delete what nothing published has named for some days: old revisions, and what died on its way.

    The first run only notes what it finds; a later one deletes what is old enough. It never takes what a publish needs,
    even one that runs at the same time. What goes in the store goes in its replica, too ([publish] replica).

    \b
    Example:
      assetpipe catalog gc --store ./store --dry-run
      assetpipe catalog gc --store s3://shop-models/eu --days 90
    """
    from assetpipe.catalog_tables import show_cleared

    with _reporting(options) as report:
        done = api.catalog_gc(store, days, dry_run=dry_run, config=options["config_file"], report=report)
    if as_json:
        other = {"store": done.replica, "fault": str(done.fault or ""), **(asdict(done.other) if done.other else {})}
        replica = other if done.replica else None
        print_json({"store": store, **asdict(done.first), "replica": replica, "dry_run": dry_run})
    else:
        show_cleared(done, dry_run=dry_run)
    done.raise_if_failed()


@catalog.command(epilog=opt.EXIT_CODES, short_help="Finish what publishers left that were stopped.")
@store
@category
@click.option("--dry-run", is_flag=True, help="Say what is left to do; do nothing.")
@opt.config_file
@opt.talk
@opt.as_json
def finish(store: str, category: str | None, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Finish what publishers left that were stopped: write indexes, tell caches and shop, bring up the replica.

    The next publish into the category does the same. `doctor --store` and `catalog list` say where it is wanted.

    \b
    Example:
      assetpipe catalog finish --store s3://shop-models/eu
    """
    with _reporting(options) as report:
        asked = {"dry_run": dry_run, "config": options["config_file"], "report": report}
        found = api.catalog_finish(store, category, **asked)
    if as_json:
        print_json({"store": store, "finished": [asdict(one) for one in found], "dry_run": dry_run})
        return
    for one in found:
        was = "was" if one.assets == 1 else "were"
        click.echo(one.fault if dry_run else f"{one.category}: finished, {one.many} {was} waiting")
    if not found:
        click.echo("nothing was left to do")


@catalog.command(epilog=opt.EXIT_CODES, short_help="Make the DynamoDB table of an S3 store's catalog.")
@store
@opt.config_file
@opt.as_json
def init(store: str, config_file: Path | None, as_json: bool) -> None:
    """Make the DynamoDB table that the catalog of an S3 store is kept in. A folder needs nothing.

    \b
    Example:
      assetpipe catalog init --store s3://shop-models/eu
    """
    place, made = api.catalog_init(store, config=config_file)
    if as_json:
        print_json({"store": store, "catalog": place, "made": made})
    else:
        click.echo(f"{place} {'is made' if made else 'is there'}")


def _reporting(options: dict[str, Any]) -> Any:
    return reporter(**{key: options[key] for key in ("log", "verbose", "quiet")})


def _entry(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in asdict(entry).items() if key != "announced"}
