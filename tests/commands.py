"""Run a command as a user would, in this process: exit code, stdout, stderr."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from assetpipe.cli import main


@dataclass(frozen=True)
class Transcript:
    code: int
    out: str
    err: str


def run(*arguments: object) -> Transcript:
    """`assetpipe ARGUMENTS`, without the cost of a new process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["assetpipe", *map(str, arguments)])
        patch.setattr("signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as caught:
            main()
    return Transcript(int(caught.value.code or 0), out.getvalue(), err.getvalue())
