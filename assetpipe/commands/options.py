"""Options that commands share, so that they read the same everywhere."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from assetpipe.config import Config, shipped_configs
from assetpipe.stages.open_shelf import MOST_GB, OFF, open_shelf

Command = TypeVar("Command", bound=Callable[..., Any])

CATEGORIES = ", ".join(name for name in shipped_configs() if name != "default")
EXIT_CODES = """
\b
Exit codes: 0 done · 1 bug · 2 usage · 3 some of several assets failed · 65 the source is bad ·
66 a file is missing · 69 a service or tool is unavailable · 70 a limit was hit · 75 try again ·
77 not permitted · 78 the config is bad
"""


class Number(click.FloatRange):
    """`nan` is in every range, and `inf` in most."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value} is no finite number.", param, ctx)


def _known_category(_context: click.Context, _option: click.Parameter, named: str | None) -> str | None:
    """A shop's own categories are as good as ours; one that is nearly one of ours is a slip."""
    near = difflib.get_close_matches(named or "", shipped_configs(), n=1, cutoff=0.8)
    if near and named not in shipped_configs():
        click.echo(f"warning: category {named} has no settings of its own: did you mean {near[0]}?", err=True)
    return named


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per asset on stdout.")
config_file = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="A TOML file whose keys override the defaults.",
)
category = click.option(
    "--category",
    metavar="C",
    callback=_known_category,
    help=f"Shop category; these bring settings of their own: {CATEGORIES}.",
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
_cache = click.option(
    "--cache",
    metavar="PLACE",
    help="Where results of stages are kept, so that another texture setting does not decimate again: a folder, or "
    "s3://BUCKET/PREFIX.  [env: ASSETPIPE_STAGES; default: ~/.cache/assetpipe/stages]",
)
_cache_gb = click.option(
    "--cache-gb",
    type=Number(min=0, min_open=True),
    default=round(MOST_GB),
    show_default=True,
    metavar="N",
    help="What a cache's folder may hold; what was used least recently goes first.",
)
no_cache = click.option("--no-cache", is_flag=True, help="Keep nothing, take nothing.")
deadline = click.option(
    "--deadline",
    type=Number(1),
    default=3600,
    show_default=True,
    metavar="S",
    help="Seconds for one stage of an asset whose list or plan names none.",
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


def cached(command: Command) -> Command:
    """The options of all commands that build. `cache_of` reads them."""
    return _cache(no_cache(_cache_gb(command)))


def cache_of(options: dict[str, Any], config: Config) -> Any:
    """The shelf, for the API; takes its options out of the others."""
    place, none, gb = (options.pop(name) for name in ("cache", "no_cache", "cache_gb"))
    if none and place:
        raise click.UsageError("--no-cache keeps nothing, --cache says where: give one of them")
    return open_shelf(OFF if none else place, config.publish, gb) or OFF


def talk(command: Command) -> Command:
    """The options of all commands that take a while."""
    return _log_format(_verbose(_quiet(command)))
