"""Work side by side on the cores that there are: for what lets go of the interpreter's lock, as kernels do."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
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
    _together([partial(work, thread) for thread in range(threads)])


def both(one: Callable[[], One], other: Callable[[], Other]) -> tuple[One, Other]:
    first, second = _together([one, other])
    return first, second


def ranges(count: int) -> list[tuple[int, int]]:
    """As many as threads are worth it, as long as one another: from which row to before which."""
    threads = threads_for(count // ALONE)
    return [(count * at // threads, count * (at + 1) // threads) for at in range(threads)]


def over_ranges(count: int, work: Callable[[int, int], object]) -> None:
    """Call work(first, last) for each range of `count` rows, from the first to before the last."""
    _together([partial(work, *part) for part in ranges(count)])


def launch_over(kernel: Any, count: int, inputs: Sequence[Any]) -> None:
    """A kernel whose first inputs are the first row and the one after the last, once for each range of `count` rows: it
    writes what belongs to its own rows alone."""
    over_ranges(count, lambda first, last: wp.launch(kernel, dim=1, inputs=[first, last, *inputs], device="cpu"))


def _together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each returns. The caller does the first, and any that nobody has begun by then: a job may call this too,
    however few threads there are. Nothing runs any more when one has raised an error."""
    later = [_pool().submit(job) for job in jobs[1:]]
    try:
        done = [jobs[0]()]
        done += [job() if other.cancel() else other.result() for job, other in zip(jobs[1:], later, strict=True)]
    finally:
        for other in later:
            if not other.cancel():
                other.exception()
    return done


@cache
def _pool() -> ThreadPoolExecutor:
    """Kept: a thread takes half a millisecond to start and to end, and a collapse wants a hundred."""
    return ThreadPoolExecutor(MOST_THREADS)


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads stay with the parent
