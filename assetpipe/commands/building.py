"""inspect, build, check: from a source to a bundle that keeps its promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from assetpipe import api
from assetpipe.commands import options as opt
from assetpipe.commands.talk import each, print_json, reporter, tell_name
from assetpipe.config import load_config
from assetpipe.tables import show_checks, show_inspection


@click.command(epilog=opt.EXIT_CODES)
@opt.sources
@opt.config_file
@opt.category
@opt.as_json
def inspect(sources: tuple[Path, ...], config_file: Path | None, category: str | None, as_json: bool) -> None:
    """Show what is in a source, and what a build would make of it.

    \b
    Example:
      assetpipe inspect sofa.glb
      assetpipe inspect --json models/*.glb | jq '{source, triangles}'
    """
    config = load_config(config_file, category=category)

    def one(source: Path) -> None:
        inspection = api.inspect(source, config=config)
        print_json(inspection.model_dump(mode="json")) if as_json else show_inspection(inspection)

    each(sources, one)


@click.command(epilog=opt.EXIT_CODES, short_help="Turn sources into bundles: three levels of detail, a report.")
@opt.sources
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Bundles are written to DIR/<asset>/."
)
@opt.config_file
@opt.category
@opt.asset
@opt.force
@opt.device
@opt.cached
@click.option("--dry-run", is_flag=True, help="Do all the work, write nothing.")
@opt.talk
@opt.as_json
def build(sources: tuple[Path, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Turn sources into bundles: three levels of detail, a poster, a report, a manifest.

    A bundle that was made from the same source, config and version is left as it is. Of one where only some settings
    have changed, what they do not touch is taken from the cache: another texture quality does not decimate again.

    \b
    Example:
      assetpipe build chair.glb --category furniture --out bundles
      assetpipe build models/*.glb --out bundles --json > built.jsonl
    """
    config = load_config(options["config_file"], category=options["category"])
    names, shelf = api.asset_names(sources, options["asset"]), opt.cache_of(options, config)
    with reporter(**{key: options[key] for key in ("log", "verbose", "quiet")}) as report:

        def one(source: Path) -> None:
            tell_name(source, names[source], report)
            settings = {key: options[key] for key in ("force", "dry_run", "device")}
            settings |= {"asset": names[source], "cache": shelf, "report": report}
            manifest = api.build(source, out=out, config=config, **settings)
            if as_json:
                print_json({"bundle": str(out / names[source]), **manifest.to_json()})

        each(sources, one)


@click.command(epilog=opt.EXIT_CODES, short_help="Audit bundles and GLB files: validator, decoding, budgets.")
@click.argument("subjects", nargs=-1, required=True, metavar="BUNDLE|GLB...", type=click.Path(path_type=Path))
@opt.config_file
@opt.category
@click.option("--level", metavar="NAME", help="Hold GLB files against this level's budgets.")
@click.option(
    "--profile",
    metavar="P",
    help="Also hold against the limits of a shop or platform: khronos, shopify, google, apple, amazon, ...; "
    "any other word lists them all.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what passed, too.")
@opt.as_json
def check(subjects: tuple[Path, ...], verbose: bool, as_json: bool, **options: Any) -> None:
    """Audit bundles and GLB files: Khronos validator, as written and decoded, and budgets.

    \b
    Example:
      assetpipe check bundles/chair
      assetpipe check chair.glb --level standard --profile shopify
    """

    def one(subject: Path) -> None:
        checked = api.check(subject, **options)
        print_json(checked.model_dump(mode="json")) if as_json else show_checks(checked, verbose=verbose)
        checked.raise_if_failed()

    each(subjects, one)
