"""publish and ingest: from a bundle, or from a source, to where shoppers' browsers fetch it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assetpipe import api
from assetpipe.commands import options as opt
from assetpipe.commands.talk import each, print_json, reporter, tell_name
from assetpipe.config import load_config
from assetpipe.errors import AssetpipeError, UsageError

if TYPE_CHECKING:
    from assetpipe.delivery.publish import Published
    from assetpipe.publishing import Run

to = click.option(
    "--to", required=True, metavar="STORE", help="A folder, or s3://bucket/prefix with the usual AWS credentials."
)
wait = click.option("--wait", is_flag=True, help="Return when CloudFront has nothing old left, not when it was told.")


@click.command(epilog=opt.EXIT_CODES)
@click.argument("bundles", nargs=-1, required=True, metavar="BUNDLE...", type=click.Path(path_type=Path))
@to
@opt.config_file
@wait
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
@opt.talk
@opt.as_json
def publish(bundles: tuple[Path, ...], to: str, as_json: bool, **options: Any) -> None:
    """Put bundles into a store, where shops load them from.

    Only what is not there yet is sent. Readers see the old revision or the new one, never something between, whatever
    happens on the way; the same command again finishes what was interrupted.

    \b
    Example:
      assetpipe publish bundles/chair --to ./store
      assetpipe publish bundles/* --to s3://shop-models/eu --dry-run
    """
    bundles = tuple(dict.fromkeys(bundles))
    with _reporting(options) as report, _run(to, options["config_file"], options, report) as run:
        outcomes = dict(zip(bundles, run.publish_all(bundles), strict=True))

        def one(bundle: Path) -> None:
            outcome = outcomes[bundle]
            if isinstance(outcome, AssetpipeError):
                raise outcome
            if as_json:
                print_json(_line(run, outcome))

        each(list(outcomes), one)


@click.command(epilog=opt.EXIT_CODES, short_help="Build sources, check them, and put them into a store.")
@opt.sources
@to
@opt.category
@opt.config_file
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the bundles in DIR/<asset>/ instead of ~/.cache/assetpipe/bundles/<category>/<asset>/ "
    "(ASSETPIPE_CACHE moves it; it may be emptied at any time).",
)
@opt.asset
@opt.force
@opt.device
@opt.cached
@wait
@click.option("--dry-run", is_flag=True, help="Build and check in the cache folder, and say what would be sent.")
@opt.talk
@opt.as_json
def ingest(sources: tuple[Path, ...], to: str, as_json: bool, **options: Any) -> None:
    """Build sources, check them, and put them into a store: the whole way in one command.

    What fails its check is not published, and the others go on. What was built from the same source, config and version
    is not built again, and what is in the store is not sent again.

    \b
    Example:
      assetpipe ingest chair.glb --category furniture --to ./store
      assetpipe ingest new/*.glb --category furniture --to s3://shop-models/eu
    """
    config = load_config(options["config_file"], category=options["category"])
    if not options["category"] and config.category == "general":
        raise UsageError(
            "E_CATEGORY", "which category is this?", hint=f"add --category: {opt.CATEGORIES}, or one of your own"
        )
    names = api.asset_names(sources, options["asset"])
    out = None if options["dry_run"] else options["out"]
    shelf = opt.cache_of(options, config)
    with _reporting(options) as report, _run(to, config, options, report) as run:

        def one(source: Path) -> None:
            tell_name(source, names[source], report)
            job = {"force": options["force"], "device": options["device"], "cache": shelf}
            published = run.ingest(api.ingest_job(source, config, out=out, asset=names[source], report=report, **job))
            if as_json:
                print_json(_line(run, published))

        each(sources, one)


def _reporting(options: dict[str, Any]) -> Any:
    return reporter(**{key: options[key] for key in ("log", "verbose", "quiet")})


def _run(to: str, config: api.Settings, options: dict[str, Any], report: Any) -> Any:
    asked = {key: options[key] for key in ("dry_run", "wait")}
    return api.open_run(to, config=config, report=report, **asked)


def _line(run: Run, published: Published) -> dict[str, Any]:
    from dataclasses import asdict

    from assetpipe.delivery.keys import Keys

    pointer = Keys(published.category, published.asset).pointer
    about = {key: value for key, value in asdict(published).items() if key != "mutable_keys"}
    return {**about, "manifest": f"{run.store.url.rstrip('/')}/{pointer}", "dry_run": run.dry_run}
