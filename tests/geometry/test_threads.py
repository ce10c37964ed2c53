"""Work side by side: nested, in trouble, and in a child that was forked."""

from __future__ import annotations

import os
import time

import pytest

from assetpipe.geometry.kernels.threads import MOST_THREADS, both, side_by_side


def test_pairs_within_pairs_end_though_they_are_more_than_there_are_threads() -> None:
    def leaves(depth: int) -> int:
        return 1 if depth == 0 else sum(both(lambda: leaves(depth - 1), lambda: leaves(depth - 1)))

    depth = 8
    assert 2**depth > MOST_THREADS
    assert leaves(depth) == 2**depth


def test_each_is_called_once() -> None:
    called: list[int] = []
    side_by_side(called.append, 3 * MOST_THREADS)
    assert sorted(called) == list(range(3 * MOST_THREADS))


@pytest.mark.parametrize("bad", [0, 1])
def test_nothing_runs_any_more_when_one_has_failed(bad: int) -> None:
    """They write into what the caller takes away afterwards."""
    ended: list[int] = []

    def work(thread: int) -> None:
        if thread == bad:
            raise ValueError
        time.sleep(0.05)
        ended.append(thread)

    with pytest.raises(ValueError):  # noqa: PT011  no message
        side_by_side(work, 4)
    after = list(ended)
    time.sleep(0.2)
    assert ended == after


def test_a_forked_child_has_threads_of_its_own() -> None:
    assert both(os.getpid, os.getpid) == (os.getpid(), os.getpid())
    child = os.fork()
    if child == 0:
        ok = both(lambda: time.sleep(0.05) or os.getpid(), os.getpid) == (os.getpid(), os.getpid())
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
