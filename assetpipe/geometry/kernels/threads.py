"""Work side by side on the cores that there are: for what lets go of the interpreter's lock, as kernels do."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import warp as wp

MOST_THREADS = 16
ALONE = 20_000
"""Rows below which a second thread is not worth its start."""
One = TypeVar("One")
Other = TypeVar("Other")


def threads_for(most: int) -> int:
    """As many as there are cores, at least one, at most `most`."""
    return max(1, min(MOST_THREADS, len(os.sched_getaffinity(0)), most))


def side_by_side(work: Callable[[int], None], threads: int) -> None:
    """Call work(thread) in each."""
    if threads == 1:
        work(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def both(one: Callable[[], One], other: Callable[[], Other]) -> tuple[One, Other]:
    with ThreadPoolExecutor(1) as beside:
        later = beside.submit(other)
        return one(), later.result()


def ranges(count: int) -> list[tuple[int, int]]:
    """As many as threads are worth it, as long as one another: from which row to before which."""
    threads = threads_for(count // ALONE)
    return [(count * at // threads, count * (at + 1) // threads) for at in range(threads)]


def launch_over(kernel: Any, count: int, inputs: Sequence[Any]) -> None:
    """A kernel whose first inputs are the first row and the one after the last, once for each range of `count` rows: it
    writes what belongs to its own rows alone."""
    parts = ranges(count)
    side_by_side(lambda thread: wp.launch(kernel, dim=1, inputs=[*parts[thread], *inputs], device="cpu"), len(parts))
