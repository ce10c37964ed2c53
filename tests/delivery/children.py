"""Work in forked children that may be killed, and the systems calls at which they are."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.delivery.faults import die

CALLS = (
    *("os.open", "os.close", "os.write", "os.fsync", "os.mkdir", "os.link", "os.rename", "os.unlink", "os.setxattr"),
    "fcntl.flock",
)
"""With which a folder store changes anything, or holds it."""
WITHIN = 600.0
"""Seconds after which a child hangs."""


def start(work: Callable[[], object]) -> int:
    """The child's id. It ends with 0, with 1 for an exception (told on stderr), or by its signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    return child


def ended(child: int) -> int:
    """Its exit status, negative for a signal."""
    deadline = time.monotonic() + WITHIN
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError(f"a child did not end within {WITHIN:.0f} s")
        time.sleep(0.001)


def run(work: Callable[[], object]) -> int:
    return ended(start(work))


def killing_at(number: int, work: Callable[[], object]) -> Callable[[], object]:
    """The same work, killed just before one of its system calls, or halfway through it if it is a write."""

    def killed() -> None:
        made = [0]
        for name in CALLS:
            module, call = name.split(".")
            owner = sys.modules[module]
            setattr(owner, call, _counted(getattr(owner, call), name, made, number))
        work()

    return killed


def _counted(call: Callable[..., Any], name: str, made: list[int], number: int) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        made[0] += 1
        if made[0] == number:
            if name == "os.write":
                call(args[0], bytes(args[1])[: len(args[1]) // 2])
            die()
        return call(*args, **kwargs)

    return counted


@contextmanager
def all_ended(children: list[int]) -> Iterator[None]:
    """Nothing that a test started outlives it."""
    try:
        yield
    finally:
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except (ProcessLookupError, ChildProcessError):
                continue
