"""A command -> seconds and peak memory of all its processes together.

The kernel's own figure for a child (`ru_maxrss`) is that of its largest process alone, and of dead ones only; so the
tree under the command is also summed from /proc every 50 ms, and the larger of the two counts. Both count a mapped file
as memory. `ru_maxrss` never falls below what the parent had at the fork: this process has to stay small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INTERVAL_S = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Run:
    seconds: float
    peak_bytes: int
    output: str
    """stdout"""
    said: tuple[tuple[float, str], ...] = ()
    """Lines of stderr, each with the seconds after the start at which it came."""


def run(command: Sequence[str | Path], folder: Path | None = None) -> Run:
    """Raises `SystemExit` with what the command said when it fails."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        child = subprocess.Popen(
            list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True
        )
        watch, ears = _Watch(child.pid), _Ears(child.stderr or sys.stdin, start)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        peak, said = max(watch.stop(), usage.ru_maxrss * 1024), ears.stop()
        if child.returncode:
            shown, last = " ".join(str(word) for word in command), "".join(line for _, line in said)[-2000:]
            raise SystemExit(f"{shown}\nended with {child.returncode}:\n{last}")
        out.seek(0)
        return Run(seconds, peak, out.read(), said)


def total(runs: Sequence[Run]) -> Run:
    """One after the other."""
    return Run(sum(one.seconds for one in runs), max(one.peak_bytes for one in runs), "")


class _Ears:
    """Notes when each line comes."""

    def __init__(self, stream: IO[str], start: float) -> None:
        self._stream, self._start, self._said = stream, start, list[tuple[float, str]]()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> tuple[tuple[float, str], ...]:
        self._thread.join()
        self._stream.close()
        return tuple(self._said)

    def _listen(self) -> None:
        for line in self._stream:
            self._said.append((time.perf_counter() - self._start, line))


class _Watch:
    """Samples the resident memory of a process and of all below it until `stop`."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _sample(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self._peak = max(self._peak, sum(_resident(pid) for pid in _tree(self._pid)))


def _tree(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                waiting += [int(child) for child in children.read_text().split()]
            except OSError:  # it has just ended
                continue
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
