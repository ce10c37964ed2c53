"""doctor: what this machine can do."""

from __future__ import annotations

import click

from assetpipe import api
from assetpipe.commands import options as opt
from assetpipe.commands.talk import print_json
from assetpipe.tables import show_doctor


@click.command(epilog=opt.EXIT_CODES)
@click.option("--fix", is_flag=True, help="Install what assetpipe itself may install: its node packages.")
@opt.as_json
def doctor(fix: bool, as_json: bool) -> None:
    """Show what this machine can do, with the cure for what is missing.

    \b
    Example:
      assetpipe doctor
      assetpipe doctor --fix
    """
    health = api.doctor(fix=fix)
    print_json(health.model_dump(mode="json")) if as_json else show_doctor(health)
    health.raise_if_failed()
