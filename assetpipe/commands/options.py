"""Options that commands share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from assetpipe.config import shipped_configs

Command = TypeVar("Command", bound=Callable[..., Any])

CATEGORIES = ", ".join(name for name in shipped_configs() if name != "default")
EXIT_CODES = """
\b
Exit codes: 0 done · 1 bug · 2 usage · 3 some of several assets failed · 65 the source is bad ·
66 a file is missing · 69 a service or tool is unavailable · 70 a limit was hit · 75 try again ·
77 not permitted · 78 the config is bad
"""

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per asset on stdout.")
config_file = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="A TOML file whose keys override the defaults.",
)
category = click.option(
    "--category", metavar="C", help=f"Shop category; these bring settings of their own: {CATEGORIES}."
)
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="What bakes textures: a GPU where there is one, the CPU, or a GPU or nothing.",
)
asset = click.option(
    "--asset", metavar="NAME", help="Name of the asset, instead of one made from the file's. One source only."
)
force = click.option("--force", is_flag=True, help="Build again although nothing changed.")
sources = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(path_type=Path))
_log_format = click.option(
    "--log",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    envvar="ASSETPIPE_LOG",
    show_default=True,
    show_envvar=True,
    help="How progress is told on stderr: bars at a terminal and text elsewhere, or JSON lines.",
)
_verbose = click.option("-v", "--verbose", is_flag=True, help="Say every step.")
_quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")


def talk(command: Command) -> Command:
    """The options of all commands that take a while."""
    return _log_format(_verbose(_quiet(command)))
