"""`python -m assetpipe` is `assetpipe`. Imports nothing before it can be stopped: importing all takes a second."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    try:
        from assetpipe.cli import main as run
    except KeyboardInterrupt:
        _stop()
    except ModuleNotFoundError as error:
        if (error.name or "assetpipe").startswith("assetpipe"):
            raise
        _send_home(error.name)
    try:
        run()
    except KeyboardInterrupt:
        _stop()


def _stop() -> NoReturn:
    sys.stderr.write("stopped; nothing half-written is left behind\n")
    sys.exit(130)


def _send_home(missing: object) -> NoReturn:
    """A checkout brings no packages, and the system's Python has none of ours."""
    sys.stderr.write(
        f"error: {sys.executable} has no package {missing}\n\n"
        "hint: `./demo` makes an environment in which `.venv/bin/assetpipe` runs; elsewhere `pip install .` does\n\n"
    )
    sys.exit(69)


if __name__ == "__main__":
    main()
