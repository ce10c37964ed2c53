"""The commands. Each parses, calls the Python API once, and prints: data to stdout, talk to stderr."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from assetpipe import api
from assetpipe.config import load_config, shipped_configs
from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, SomeFailed
from assetpipe.log import Bars, JsonLines, Lines, printable
from assetpipe.memory import return_memory_early
from assetpipe.tables import show_checks, show_doctor, show_inspection
from assetpipe.version import __version__

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

log_format = click.option(
    "--log",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    envvar="ASSETPIPE_LOG",
    show_default=True,
    show_envvar=True,
    help="How progress is told on stderr: bars at a terminal and text elsewhere, or JSON lines.",
)
verbose = click.option("-v", "--verbose", is_flag=True, help="Say every step.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="assetpipe %(version)s")
def cli() -> None:
    """Large 3D product models in, three validated glTF/Draco levels of detail out.

    \b
    A first run:
      assetpipe inspect chair.glb
      assetpipe build chair.glb --category furniture --out bundles
      assetpipe check bundles/chair
    """


@cli.command(epilog=EXIT_CODES)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(path_type=Path))
@config_file
@category
@as_json
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
        _print(inspection.model_dump(mode="json")) if as_json else show_inspection(inspection)

    _each(sources, one)


@cli.command(epilog=EXIT_CODES)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Bundles are written to DIR/<asset>/."
)
@config_file
@category
@click.option(
    "--asset", metavar="NAME", help="Name of the asset, instead of one made from the file's. One source only."
)
@click.option("--force", is_flag=True, help="Build again although nothing changed.")
@click.option("--dry-run", is_flag=True, help="Do all the work, write nothing.")
@log_format
@verbose
@quiet
@as_json
def build(sources: tuple[Path, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Turn sources into bundles: three levels of detail, a poster, a report, a manifest.

    A bundle that was made from the same source, config and version is left as it is.

    \b
    Example:
      assetpipe build chair.glb --category furniture --out bundles
      assetpipe build models/*.glb --out bundles --json > built.jsonl
    """
    config = load_config(options["config_file"], category=options["category"])
    names = api.asset_names(sources, options["asset"])
    with _reporter(**{key: options[key] for key in ("log", "verbose", "quiet")}) as report:

        def one(source: Path) -> None:
            settings = {key: options[key] for key in ("force", "dry_run")}
            manifest = api.build(source, out=out, config=config, asset=names[source], report=report, **settings)
            if as_json:
                _print({"bundle": str(out / names[source]), **manifest.to_json()})

        _each(sources, one)


@cli.command(epilog=EXIT_CODES)
@click.argument("subjects", nargs=-1, required=True, metavar="BUNDLE|GLB...", type=click.Path(path_type=Path))
@config_file
@category
@click.option("--level", metavar="NAME", help="Hold GLB files against this level's budgets.")
@click.option(
    "--profile",
    metavar="P",
    help="Also hold against the limits of a shop or platform: khronos, shopify, google, apple, amazon, ...",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what passed, too.")
@as_json
def check(subjects: tuple[Path, ...], verbose: bool, as_json: bool, **options: Any) -> None:
    """Audit bundles and GLB files: Khronos validator, as written and decoded, and budgets.

    \b
    Example:
      assetpipe check bundles/chair
      assetpipe check chair.glb --level standard --profile shopify
    """

    def one(subject: Path) -> None:
        checked = api.check(subject, **options)
        _print(checked.model_dump(mode="json")) if as_json else show_checks(checked, verbose=verbose)
        checked.raise_if_failed()

    _each(subjects, one)


@cli.command(epilog=EXIT_CODES)
@click.option("--fix", is_flag=True, help="Install what assetpipe itself may install: its node packages.")
@as_json
def doctor(fix: bool, as_json: bool) -> None:
    """Show what this machine can do, with the cure for what is missing.

    \b
    Example:
      assetpipe doctor
      assetpipe doctor --fix
    """
    health = api.doctor(fix=fix)
    _print(health.model_dump(mode="json")) if as_json else show_doctor(health)
    health.raise_if_failed()


def main() -> NoReturn:
    """Run a command and turn errors into one sentence, a hint and an exit code."""
    signal.signal(signal.SIGTERM, _leave)
    return_memory_early()
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing half-written is left behind", err=True)
        sys.exit(130)
    except AssetpipeError as error:
        if not isinstance(error, SomeFailed):
            _complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `assetpipe inspect | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)


def _each(items: tuple[Path, ...], one: Callable[[Path], None]) -> None:
    """Do `one` to each; a single item fails with its own error, one of several fails alone."""
    failed = 0
    for item in items:
        try:
            with _system_faults(item):
                one(item)
        except AssetpipeError as error:
            if len(items) == 1:
                raise
            _complain(error)
            failed += 1
    if failed:
        click.echo(f"{failed} of {len(items)} failed", err=True)
        raise SomeFailed("E_SOME_FAILED", f"{failed} of {len(items)} failed")


class _system_faults:  # noqa: N801 - read as a verb: with _system_faults(path)
    """What the system refuses in the middle of the work, said as our errors."""

    def __init__(self, place: Path) -> None:
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


def _complain(error: AssetpipeError) -> None:
    message, _, hint = str(error).partition("\n\n")
    click.echo(f"{click.style('error', fg='red', bold=True)}: {printable(message)}", err=True)
    if hint:
        click.echo(f"\n{printable(hint)}\n", err=True)


def _print(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def _reporter(log: str, *, verbose: bool, quiet: bool) -> Any:
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet contradict each other")
    if log == "json":
        return JsonLines()
    if log == "auto" and sys.stderr.isatty() and not quiet:
        return Bars()
    return Lines(verbose=verbose, quiet=quiet)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM unwinds like any error, so that temporary folders and locks go."""
    sys.exit(143)
