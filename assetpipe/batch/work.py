"""A slice of a plan -> each of its assets built and published, by whichever worker holds its lease.

What runs in the container of a batch job, and on any machine that shares the store. Whatever ends it, doing the same
slice again does only what is not done: what is published is known by a document in the store, and nobody's word else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assetpipe.batch.current import file_sha256, published_of
from assetpipe.batch.forked import Nurseries
from assetpipe.batch.isolated import Abandoned, Ran, Watch, run_stage
from assetpipe.batch.lease import SECONDS, Fenced, Holder, Lease, LeaseLost, Leases
from assetpipe.batch.machine import free_memory
from assetpipe.batch.metrics import Measured, Stopwatch
from assetpipe.batch.news import failure_of
from assetpipe.batch.order import Order, Outcome
from assetpipe.batch.plan import Item
from assetpipe.batch.spot import Drain
from assetpipe.batch.trays import Trays
from assetpipe.batch.units import config_of, keys_of, unit_of, with_local_config
from assetpipe.bundle import disk_faults, read_bundle
from assetpipe.delivery.publish import Published
from assetpipe.delivery.rounds import Rounds
from assetpipe.errors import AssetpipeError, ServiceUnavailable, SourceError, TryAgain
from assetpipe.log import Event, Report, silent
from assetpipe.manifest import Manifest
from assetpipe.publishing import Run as Shop
from assetpipe.sandbox import unconfined
from assetpipe.stages.shelf import Shelf

FINISH = 8.0
"""Seconds that an asset under way has after a drain began; with what its child needs to go, and the time until a notice
is seen, a worker is gone within 20."""
TRIES = 3
"""Of an asset whose fault may pass, in one attempt of a job."""
SHARE = 0.9
"""Of free memory that one child may take."""
SLACK, BASE = 1.25, 500_000_000
"""RLIMIT_DATA over the limit that is measured, and bytes that an interpreter and its libraries reserve."""

State = Literal["done", "skipped", "failed", "held", "again"]


@dataclass(frozen=True)
class Work:
    """A slice, and who does it."""

    items: Sequence[Item]
    run: str
    holder: Holder
    scratch: Path
    device: Literal["auto", "cpu", "cuda"] = "auto"
    deadline: float = 3_600.0
    """seconds that one stage of one asset may take"""
    lease: float = SECONDS
    shelf: Shelf | None = None
    """Where results of stages are kept: a store, as a rule, for machines come and go."""
    report: Report = silent
    tell: Callable[[Measured], None] = lambda _measured: None


@dataclass(frozen=True)
class Worked:
    """What became of each asset of the slice, by name."""

    done: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """that somebody had done before"""
    failed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """to be done by the next attempt"""


@dataclass
class _Desk:
    """What a worker has at hand. `memory` is what one child may take, in bytes."""

    work: Work
    shop: Shop
    drain: Drain
    leases: Leases
    memory: int
    trays: Trays
    nurseries: Nurseries


def do_work(work: Work, shop: Shop, drain: Drain) -> Worked:
    """Until every asset is done or failed, by us or by others, or we are to drain. Index and caches are shared with all
    other workers: whoever's turn it is sees to them for all."""
    shop = replace(shop, rounds=Rounds(shop.store, shop.settings.index_seconds))
    if fault := unconfined():
        work.report(Event("warning", "", fault))
    leases = Leases(shop.store, work.run, work.holder, work.lease)
    with Trays(work.shelf, work.report) as trays, closing(Nurseries(work.scratch / ".templates")) as nurseries:
        return _do(_Desk(work, shop, drain, leases, int(free_memory() * SHARE), trays, nurseries))


def _do(desk: _Desk) -> Worked:
    work, drain = desk.work, desk.drain
    waiting, ended, tries = list(work.items), {}, Counter[str]()
    while waiting and not drain.on:
        states = {item.asset: _attempt(desk, item) for item in waiting if not drain.on}
        tries.update(asset for asset, state in states.items() if state == "again")
        ended.update({asset: state for asset, state in states.items() if state not in ("held", "again")})
        waiting = [item for item in waiting if item.asset not in ended]
        if all(tries[item.asset] >= TRIES for item in waiting):
            break
        waiting_for_others = not any(state in ("done", "failed") for state in states.values())
        if waiting and waiting_for_others:
            drain.wait(min(5.0, work.lease / 4))

    def of(state: State) -> tuple[str, ...]:
        return tuple(item.asset for item in work.items if ended.get(item.asset) == state)

    left = tuple(item.asset for item in waiting)
    if not (drain.on and left):  # the next attempt sees to them
        desk.shop.share(drain.wait)
    return Worked(of("done"), of("skipped"), of("failed"), left)


def _attempt(desk: _Desk, item: Item) -> State:
    started, stopwatch = time.monotonic(), Stopwatch()
    measured = Measured(item.asset, item.category or "general", 0.0, item.bytes)
    lease: Lease | None = None
    state: State
    try:
        with _scratch(desk, item) as scratch:
            item = with_local_config(item, scratch, desk.shop.settings)
            taken = desk.leases.take(item.asset, unit_of(item, desk.shop.settings))
            if not isinstance(taken, Lease):
                return _seen(desk, item, taken.state, taken.error)
            lease = taken
            with lease.kept():
                measured, state = _publish(desk, item, lease, (scratch, stopwatch))
    except AssetpipeError as error:
        measured, state = replace(measured, code=error.code), _fail(desk, item, lease, error)
    if state in ("done", "failed"):
        desk.work.tell(replace(measured, seconds=time.monotonic() - started, stages=stopwatch.seconds()))
        _share(desk)
    return state


def _share(desk: _Desk) -> None:
    """What goes wrong with it goes wrong at the end, too, and is said there."""
    try:
        desk.shop.share()
    except AssetpipeError as error:
        desk.work.report(Event("warning", "index", error.message))


@contextmanager
def _scratch(desk: _Desk, item: Item) -> Iterator[Path]:
    """A folder for one asset; what goes wrong in it stops no other asset."""
    with disk_faults(desk.work.scratch):
        folder = Path(tempfile.mkdtemp(prefix=f"{item.asset}-", dir=desk.work.scratch))
        try:
            yield folder
        except (AssetpipeError, OSError):
            raise
        except Exception as error:
            traceback.print_exc()
            fault = f"{item.source}: {type(error).__name__}: {error}"
            raise AssetpipeError("E_BUG", fault, hint="report it, with the log above") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _publish(desk: _Desk, item: Item, lease: Lease, at: tuple[Path, Stopwatch]) -> tuple[Measured, State]:
    """Fetched, and built where it is not published as it would come out."""
    scratch, stopwatch = at

    def hear(event: Event) -> None:
        stopwatch.say(event.message)
        if event.kind not in ("done", "failed"):  # whether it is done is ours to say
            desk.work.report(event)

    watch = Watch(hear, lambda: _must_stop(desk, lease), desk.work.deadline, desk.memory, desk.trays, desk.nurseries)
    source = _fetched(desk, item, scratch, watch)
    if revision := published_of(Path(source), item, config_of(item), desk.shop):
        desk.shop.recall(keys_of(item))
        lease.finish(revision)
        desk.work.report(Event("done", item.asset, f"is published as it is (revision {revision})", 1.0))
        return Measured(item.asset, item.category or "general", 0.0, item.bytes), "skipped"
    return _build_and_publish(desk, _order(desk, "build", item, (scratch, source)), lease, watch), "done"


def _build_and_publish(desk: _Desk, order: Order, lease: Lease, watch: Watch) -> Measured:
    item = order.item
    ran = _run(desk, order, watch)
    bundle = read_bundle(Path(order.out) / item.asset)
    published = replace(desk.shop, store=Fenced(desk.shop.store, lease), report=watch.report).publish(bundle)
    lease.finish(published.revision)
    desk.work.report(Event("done", item.asset, _said(published, ran.outcome), 1.0))
    return _measured(item, bundle.manifest, published, ran.peak)


def _measured(item: Item, manifest: Manifest, published: Published, peak: int) -> Measured:
    size = sum(each.bytes for each in manifest.source.files) or manifest.source.bytes
    sent, memory = published.sent_bytes, round(peak / 1e6)
    return Measured(item.asset, manifest.category, 0.0, size, sent, memory, manifest=manifest)


def _said(published: Published, built: Outcome) -> str:
    warnings = f", {built.warnings} warnings" if built.warnings else ""
    return f"published as revision {published.revision}: {published.sent_bytes:,} bytes sent{warnings}"


def _must_stop(desk: _Desk, lease: Lease) -> str:
    if lease.lost.is_set():
        return "another worker took it over"
    return desk.drain.reason if desk.drain.seconds > FINISH else ""


def _fetched(desk: _Desk, item: Item, scratch: Path, watch: Watch) -> str:
    """Where the source is now. What came from elsewhere is what was planned, or nothing is built."""
    if not item.source.startswith("s3://"):
        return item.source
    watch.report(Event("step", item.asset, "fetching"))
    order = _order(desk, "fetch", item, (scratch, str(scratch / "source")))
    source = _run(desk, order, watch).outcome.source
    if item.sha256 and (found := file_sha256(Path(source))) != item.sha256:
        fault = f"{item.source}: has changed since it was planned: sha256 {found}, planned {item.sha256}"
        raise SourceError("E_SOURCE_CHANGED", fault, hint="plan again")
    return source


def _run(desk: _Desk, order: Order, watch: Watch) -> Ran:
    """Nothing begins after a drain has."""
    if desk.drain.on:
        raise Abandoned("E_ABANDONED", f"{order.item.asset}: not begun: {desk.drain.reason}")
    return run_stage(order, Path(order.out).with_name(order.stage), watch)


def _order(desk: _Desk, stage: Literal["fetch", "build"], item: Item, at: tuple[Path, str]) -> Order:
    scratch, source = at
    return Order(
        stage=stage,
        item=item,
        out=str(scratch / "out"),
        source=source,
        to=desk.shop.store.url,  # what is to be published is checked
        device=desk.work.device,
        stages=stage == "build" and desk.trays.open,
        memory_bytes=int(desk.memory * SLACK) + BASE,
        runner=os.getpid(),
    )


def _seen(desk: _Desk, item: Item, state: str, error: Mapping[str, str]) -> State:
    """Who did it may have been stopped before anybody was told."""
    if state == "done":
        desk.work.report(Event("note", item.asset, "is done"))
        desk.shop.recall(keys_of(item))
        return "skipped"
    if state == "failed":
        desk.work.report(Event("failed", item.asset, f"has failed before: {error.get('code')}"))
        _tell_failure(desk, item, error)
        return "failed"
    return "held"


def _tell_failure(desk: _Desk, item: Item, error: Mapping[str, str]) -> None:
    desk.shop.say(failure_of(item, error, (desk.shop.store.url, desk.work.run)))


def _fail(desk: _Desk, item: Item, lease: Lease | None, error: AssetpipeError) -> State:
    if isinstance(error, LeaseLost):
        desk.work.report(Event("note", item.asset, error.message))
        return "held"
    if isinstance(error, TryAgain | ServiceUnavailable):
        desk.work.report(Event("warning", item.asset, error.message))
        _let_go(lease)
        return "again"
    desk.work.report(Event("failed", item.asset, f"{error.code}: {' '.join(str(error).split())}"))
    if lease:
        try:
            lease.fail(error)
        except LeaseLost:
            return "held"
    _tell_failure(desk, item, {"code": error.code, "message": error.message, "hint": error.hint})
    return "failed"


def _let_go(lease: Lease | None) -> None:
    """Best effort: a lease that is not let go runs out."""
    if lease:
        with suppress(AssetpipeError):
            lease.release()
