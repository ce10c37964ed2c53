"""A worker that stalls anywhere in a publish and wakes up after its lease was taken: it changes nothing (P10).

Real processes, stopped and woken by signals, and a real server over HTTP. Every request of the stalled one is its turn:
it is stopped while the request is on its way, which arrives while its successor begins, or after it has finished.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assetpipe.batch.lease import Fenced, Holder, Lease, LeaseLost, Leases, Progress, read_progress
from assetpipe.delivery.publish import publish_bundle
from assetpipe.delivery.s3 import S3Store
from tests.delivery.bundles import SETTINGS, bundle
from tests.delivery.loopback import Proxy, Request
from tests.delivery.servers import Server, ministack, of_nobody  # noqa: F401  fixtures
from tests.delivery.test_publish_to_cloud import Cloud, cloud, open_store  # noqa: F401  a fixture
from tests.delivery.worlds import rounds

FINISHED, LOST, NOT_MINE = 0, 3, 4
"""Exit codes of a worker."""
ALONE = SETTINGS.model_copy(update={"threads": 1})


@dataclass
class Stall:
    """Of a worker at one of its requests. `late`: the request is held until the worker may wake up."""

    at: int
    late: bool
    worker: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def plan(self, request: Request) -> None:
        if request.number == self.at:
            os.kill(self.worker, signal.SIGSTOP)
            self.reached.set()
            if self.late:
                self.over.wait(600)


def publish(store: S3Store, there: Cloud, folder: Path, job: str, *, fenced: bool, later: float = 0.0) -> int:
    """What a worker does with an asset when it is built. `later` seconds ahead by its clock."""
    asset = folder.name
    leases = Leases(store, "night", Holder(job, 1, job), clock=lambda: time.time() + later)
    lease = leases.take(asset, "unit")
    if not isinstance(lease, Lease):
        return NOT_MINE
    built = bundle(folder, asset, content=job)
    try:
        kept = Fenced(store, lease) if fenced else store
        done = publish_bundle(built, kept, there.again()[1], ALONE)
        lease.finish(done.revision)
    except LeaseLost:
        return LOST
    return FINISHED


@contextmanager
def stalled(there: Cloud, folder: Path, stall: Stall, *, fenced: bool) -> Iterator[int]:
    """A worker in a process of its own, whose requests to the store come by a proxy that stops it."""
    gate, opened = os.pipe()
    worker = os.fork()
    if worker == 0:
        code = 1
        try:
            os.close(opened)
            url = os.read(gate, 1_000).decode()
            code = publish(open_store(Server("proxy", url), there.bucket), there, folder, "stalled", fenced=fenced)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    stall.worker = worker
    with Proxy(there.server.url, stall.plan) as proxy:
        try:
            os.write(opened, proxy.url.encode())
            yield worker
        finally:
            stall.over.set()
            for handle in (gate, opened):
                os.close(handle)
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)


def a_round(there: Cloud, folder: Path, stall: Stall, *, fenced: bool) -> str:
    """ "no stall" when the worker never made that request, or held no lease then; else "kept" or what went wrong."""
    folder.mkdir()
    with stalled(there, folder, stall, fenced=fenced) as worker:
        while not stall.reached.wait(0.01):
            ended, status = os.waitpid(worker, os.WNOHANG)
            if ended:
                assert os.waitstatus_to_exitcode(status) == FINISHED
                return "no stall"
        took_over = publish(there.store, there, folder, "successor", fenced=fenced, later=61.0)
        seen = None if took_over == NOT_MINE else state(there, folder.name)
        stall.over.set()
        os.kill(worker, signal.SIGCONT)
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        if took_over == NOT_MINE:
            return "no stall"
        assert took_over == FINISHED
        if state(there, folder.name) != seen or code == FINISHED:
            return f"overwritten: the stalled worker ended with {code}"
    return "kept"


def state(there: Cloud, asset: str) -> tuple[object, Progress | None]:
    """What viewers see, and what workers believe."""
    pointer = there.store.read(f"furniture/manifest/{asset}.json")
    assert pointer
    return json.loads(pointer.body)["publication"], read_progress(there.store, "night", asset)[1]


def play(there: Cloud, folder: Path, wanted: int, *, fenced: bool) -> Counter[str]:
    """Request after request, in time and late, until so many have stalled."""
    ends: Counter[str] = Counter()
    at, turn = 0, 0
    while sum(count for end, count in ends.items() if end != "no stall") < wanted:
        at, turn = (1 if at > 40 else at + rounds(3, 1)), turn + 1
        ends[a_round(there, folder / f"chair-{turn}", Stall(at, late=turn % 2 == 0), fenced=fenced)] += 1
        assert turn < 10 * wanted
    return ends


@pytest.mark.parametrize("cloud", ["ministack"], indirect=True)
def test_a_worker_that_wakes_up_changes_nothing_that_its_successor_did(cloud: Cloud, tmp_path: Path) -> None:  # noqa: F811
    """Not the pointer, not the lease, not once; and it says itself that it has lost."""
    wanted = rounds(8, 50)
    ends = play(cloud, tmp_path, wanted, fenced=True)
    ends.pop("no stall", None)
    assert ends == {"kept": wanted}
    assert cloud.faults() == []


@pytest.mark.parametrize("cloud", ["ministack"], indirect=True)
def test_without_the_fence_it_does(cloud: Cloud, tmp_path: Path) -> None:  # noqa: F811
    """The control: the same game, publishing past the lease."""
    wanted = rounds(4, 20)
    ends = play(cloud, tmp_path, wanted, fenced=False)
    assert any(end.startswith("overwritten") for end in ends)
