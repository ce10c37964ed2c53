"""`python -m assetpipe` is `assetpipe`. Imports nothing before it can be stopped: importing all takes a second."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    try:
        from assetpipe.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing half-written is left behind\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
