"""Who works on an asset: at most one who may publish it, whatever stalls, dies or wakes up."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from assetpipe.batch.lease import (
    MAX_STARTS,
    Fenced,
    Holder,
    Lease,
    LeaseLost,
    Leases,
    Progress,
    all_progress,
    read_progress,
)
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.memory import MemoryStore
from assetpipe.delivery.store import Item, Store
from assetpipe.errors import SourceError
from tests.batch.nights import wait_for

ASSET, UNIT = "chair", "unit-1"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FolderStore(tmp_path / "store")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def leases(store: Store, clock: Clock, job: str = "job-1", attempt: int = 1) -> Leases:
    return Leases(store, "night", Holder(job, attempt, f"{job}-{attempt}"), 60.0, clock)


def held(taken: Lease | Progress) -> Lease:
    assert isinstance(taken, Lease), taken
    return taken


def pointer(text: str) -> Item:
    body = text.encode()
    return Item("furniture/manifest/chair.json", body, hashlib.sha256(body).hexdigest(), "application/json", "")


def test_of_two_workers_one_gets_the_asset(store: Store, clock: Clock) -> None:
    """The other is told who has it."""
    held(leases(store, clock).take(ASSET, UNIT))
    other = leases(store, clock, "job-2").take(ASSET, UNIT)
    assert isinstance(other, Progress)
    assert (other.state, other.job) == ("held", "job-1")


def test_of_eight_workers_at_once_one_gets_the_asset(store: Store, clock: Clock) -> None:
    """Compare-and-swap decides, not who looks first."""
    barrier, taken = threading.Barrier(8), []

    def work(number: int) -> None:
        barrier.wait()
        taken.append(leases(store, clock, f"job-{number}").take(ASSET, UNIT))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert sum(isinstance(each, Lease) for each in taken) == 1


def test_what_is_done_is_not_done_again_by_anybody(store: Store, clock: Clock) -> None:
    """But a changed source, config or version is another work."""
    held(leases(store, clock).take(ASSET, UNIT)).finish("r1")
    again = leases(store, clock, "job-2").take(ASSET, UNIT)
    assert isinstance(again, Progress)
    assert (again.state, again.revision) == ("done", "r1")
    assert held(leases(store, clock, "job-2").take(ASSET, "unit-2")).number == 2


def test_what_has_failed_is_tried_again_by_another_job_only(store: Store, clock: Clock) -> None:
    """Batch tries a job again because of its machine; somebody who submits again means it."""
    held(leases(store, clock).take(ASSET, UNIT)).fail(SourceError("E_BAD", "chair: bad", hint="mend it"))
    again = leases(store, clock, attempt=2).take(ASSET, UNIT)
    assert isinstance(again, Progress)
    assert (again.state, again.error["code"]) == ("failed", "E_BAD")
    held(leases(store, clock, "job-2").take(ASSET, UNIT))


def test_a_dead_workers_asset_is_taken_over_when_its_lease_has_run_out(store: Store, clock: Clock) -> None:
    """Not before; and the number grows."""
    held(leases(store, clock).take(ASSET, UNIT))
    clock.now += 59
    assert isinstance(leases(store, clock, "job-2").take(ASSET, UNIT), Progress)
    clock.now += 2
    assert held(leases(store, clock, "job-2").take(ASSET, UNIT)).number == 2


def test_the_next_attempt_of_the_same_job_need_not_wait(store: Store, clock: Clock) -> None:
    """Batch starts it when the one before is dead. The one before never gets it back from its successor."""
    held(leases(store, clock).take(ASSET, UNIT))
    assert held(leases(store, clock, attempt=2).take(ASSET, UNIT)).number == 2
    assert isinstance(leases(store, clock).take(ASSET, UNIT), Progress)


def test_signs_of_life_keep_a_lease(store: Store, clock: Clock) -> None:
    """As long as the block runs, however short the lease is; afterwards nobody gives them."""
    mine = Leases(store, "night", Holder("job-1", 1, "a"), 0.2, clock)
    other = Leases(store, "night", Holder("job-2", 1, "b"), 0.2, clock)
    with held(mine.take(ASSET, UNIT)).kept():
        for _ in range(5):
            clock.now += 0.15
            wait_for(lambda: _until(store) > clock.now + 0.19)
            assert isinstance(other.take(ASSET, UNIT), Progress)
    clock.now += 0.3
    assert held(other.take(ASSET, UNIT)).number == 2


def _until(store: Store) -> float:
    progress = read_progress(store, "night", ASSET)[1]
    assert progress
    return progress.until


def test_a_worker_that_drains_lets_go_at_once(store: Store, clock: Clock) -> None:
    """And its start does not count against the asset."""
    for _ in range(3 * MAX_STARTS):
        held(leases(store, clock).take(ASSET, UNIT)).release()
    assert held(leases(store, clock, "job-2").take(ASSET, UNIT)).number == 3 * MAX_STARTS + 1


def test_an_asset_that_kills_its_workers_is_given_up(store: Store, clock: Clock) -> None:
    """After so many starts without a word it has failed, with a reason, and stops nobody any more."""
    for attempt in range(1, MAX_STARTS + 1):
        held(leases(store, clock, attempt=attempt).take(ASSET, UNIT))
    given_up = leases(store, clock, attempt=MAX_STARTS + 1).take(ASSET, UNIT)
    assert isinstance(given_up, Progress)
    assert (given_up.state, given_up.error["code"]) == ("failed", "E_WORKERS_DIED")
    assert [each.state for each in all_progress(store, "night")] == ["failed"]


def test_a_worker_that_wakes_up_cannot_overwrite_its_successor(store: Store, clock: Clock) -> None:
    """It stalled after it had read the pointer; whoever took over has published meanwhile."""
    stalled = held(leases(store, clock).take(ASSET, UNIT))
    seen = store.replace(pointer("before"), None)
    clock.now += 61
    successor = held(leases(store, clock, "job-2").take(ASSET, UNIT))
    Fenced(store, successor).replace(pointer("after"), seen)
    with pytest.raises(LeaseLost):
        Fenced(store, stalled).replace(pointer("stale"), seen)
    with pytest.raises(LeaseLost):
        stalled.finish("stale")
    found = store.read("furniture/manifest/chair.json")
    assert found
    assert found.body == b"after"
    successor.finish("r2")


def test_a_worker_that_wakes_up_before_its_successor_publishes_moves_nothing(store: Store, clock: Clock) -> None:
    """The newest lease alone decides, even while nobody has written yet."""
    stalled = held(leases(store, clock).take(ASSET, UNIT))
    clock.now += 61
    held(leases(store, clock, "job-2").take(ASSET, UNIT))
    with pytest.raises(LeaseLost):
        Fenced(store, stalled).replace(pointer("stale"), None)
    assert store.read("furniture/manifest/chair.json") is None


def test_a_lease_that_nobody_else_took_holds_however_late_it_is(store: Store, clock: Clock) -> None:
    """A store that was away for longer than the lease costs nothing when nobody has taken over."""
    late = held(leases(store, clock).take(ASSET, UNIT))
    clock.now += 1_000
    Fenced(store, late).replace(pointer("late"), None)
    late.finish("r1")


def test_a_broken_document_is_as_good_as_none(store: Store, clock: Clock) -> None:
    """Somebody wrote nonsense over it: the work is done again, nothing stops."""
    body = b"nonsense"
    key = f"assetpipe.runs/night/assets/{ASSET}.json"
    store.replace(Item(key, body, hashlib.sha256(body).hexdigest(), "application/json", ""), None)
    held(leases(store, clock).take(ASSET, UNIT)).finish("r1")
