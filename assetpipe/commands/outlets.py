"""stdout and stderr, whatever whoever starts us has made of them: closed, full, gone, or of few letters."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assetpipe.errors import LimitExceeded

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

WHERE = "where stdout goes, or where caches and temporary files lie"
"""The system does not say which; whatever we write elsewhere we name."""


@contextmanager
def outlets() -> Iterator[None]:
    """A reader who has seen enough (`| head`) ends us, and that is no fault; a disk that cannot take it all is one."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    for each in (sys.stdout, sys.stderr):
        if isinstance(each, io.TextIOWrapper):
            each.reconfigure(errors="backslashreplace")
    ours = sys.stdout
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except SystemExit:
        if sys.stdout is ours:
            raise
        sys.exit(0)  # click met a broken pipe, has put something of its own there, and would end with a 1
    except OSError as error:
        _shut()
        if isinstance(error, BrokenPipeError):
            sys.exit(0)
        if error.errno not in FULL or error.filename:
            raise
        with suppress(OSError):
            sys.stderr.write(f"error: {error.strerror}: {WHERE}\n\nhint: free some space there\n")
        sys.exit(LimitExceeded.exit_code)


def _nowhere() -> io.TextIOWrapper:
    return Path(os.devnull).open("w", encoding="utf-8")


def _shut() -> None:
    """Python tries once more when it ends, and would say so."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
