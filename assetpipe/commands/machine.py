"""doctor: what this machine can do, and what a store lets it do."""

from __future__ import annotations

from pathlib import Path

import click

from assetpipe import api
from assetpipe.commands import options as opt
from assetpipe.commands.talk import print_json
from assetpipe.tables import show_doctor


@click.command(epilog=opt.EXIT_CODES, short_help="Show what this machine or a store can do, and what is missing.")
@click.option("--fix", is_flag=True, help="Install what assetpipe itself may install: its node packages.")
@click.option("--store", metavar="STORE", help="Try what a publish to this folder or s3://bucket/prefix needs.")
@opt.config_file
@opt.as_json
def doctor(fix: bool, store: str | None, config_file: Path | None, as_json: bool) -> None:
    """Show what this machine can do, or what a store lets it do, with the cure for what is missing.

    \b
    Example:
      assetpipe doctor
      assetpipe doctor --fix
      assetpipe doctor --store s3://shop-models/eu
    """
    if fix and store:
        raise click.UsageError("--fix mends this machine, not a store")
    health = api.doctor(fix=fix, store=store, config=config_file)
    print_json(health.model_dump(mode="json")) if as_json else show_doctor(health)
    health.raise_if_failed()
