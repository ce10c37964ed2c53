"""The group of all commands, and how a run of one ends: `commands/` has the commands themselves."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from types import FrameType
from typing import NoReturn

import click

from assetpipe.commands.batch_aws import batch
from assetpipe.commands.building import build, check, inspect
from assetpipe.commands.cache import cache
from assetpipe.commands.catalog import catalog
from assetpipe.commands.machine import doctor
from assetpipe.commands.options import EXIT_CODES
from assetpipe.commands.outlets import outlets
from assetpipe.commands.publishing import ingest, publish
from assetpipe.commands.talk import complain
from assetpipe.errors import AssetpipeError, SomeFailed
from assetpipe.memory import return_memory_early
from assetpipe.version import __version__


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="assetpipe %(version)s")
def cli() -> None:
    """Large 3D product models in, three validated glTF/Draco levels of detail out.

    \b
    A first run:
      assetpipe inspect chair.glb
      assetpipe build chair.glb --category furniture --out bundles
      assetpipe check bundles/chair
      assetpipe publish bundles/chair --to ./store
    """


for command in (inspect, build, check, publish, ingest, batch, catalog, cache, doctor):
    cli.add_command(command)


def main() -> NoReturn:
    """Run a command and turn errors into one sentence, a hint and an exit code."""
    signal.signal(signal.SIGTERM, _leave)
    return_memory_early()
    with outlets():
        _run()
    sys.exit(0)


def _run() -> None:
    try:
        _refuse_empty_words(sys.argv[1:])
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing half-written is left behind", err=True)
        sys.exit(130)
    except AssetpipeError as error:
        if not isinstance(error, SomeFailed):
            complain(error)
        sys.exit(error.exit_code)


def _refuse_empty_words(words: Sequence[str]) -> None:
    """`--out "$OUT"` where nobody has set OUT would write here, and `--category ""` into another category."""
    for before, word in pairwise(["", *words]):
        if not word or (word.startswith("--") and word.endswith("=")):
            place = f"in {word}" if word else f"after {before}" if before else "in the beginning"
            raise click.UsageError(f"An empty word {place}: is a variable not set? Leave out what is not meant.")


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM unwinds like any error, so that temporary folders and locks go."""
    sys.exit(143)
