"""`python -m assetpipe.batch.child`: does what order.json in the working directory says, and leaves outcome.json there.

It is started in a session of its own and dies with its runner. Events go to stdout as JSON lines; whatever else is
printed by anyone goes to stderr.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from assetpipe.batch.order import MUTE, ORDER, LevelFacts, Order, Outcome, write_outcome
from assetpipe.batch.rights import rights_of
from assetpipe.errors import AssetpipeError, LimitExceeded, NotPermitted, TryAgain
from assetpipe.log import Event, JsonLines, Report
from assetpipe.memory import return_memory_early, starved
from assetpipe.sandbox import confine

PR_SET_PDEATHSIG = 1
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FILE_BYTES = 64_000_000_000
"""No file of a bundle comes near; a runaway one stops before the disk is full."""


def main(parent: int = 0) -> NoReturn:
    """`parent`: who is to live as long as this does; 0: the runner."""
    folder = Path.cwd()
    order = Order.model_validate_json((folder / ORDER).read_bytes())
    die_with(parent or order.runner)
    _confine(order, folder)
    report = _speak()
    try:
        outcome, code = _attempt(order, folder, report), 0
    except AssetpipeError as error:
        known = _memory(error.message) if starved(error.message) else error
        outcome, code = _failure(known), known.exit_code
    except Exception as error:  # a bug of ours: said with its place, and the batch goes on
        traceback.print_exc()
        fault = f"{order.source}: {type(error).__name__}: {error}"
        outcome, code = Outcome(code="E_BUG", message=fault[:4_000], hint="report it, with the log below"), 1
    try:
        write_outcome(folder, outcome)
    except OSError as error:
        if error.errno not in FULL:
            raise
        sys.exit(MUTE)
    sys.exit(code)


def die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(TryAgain.exit_code)


def _confine(order: Order, folder: Path) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, FILE_BYTES)
    if order.cores:
        os.sched_setaffinity(0, order.cores)
    if order.memory_bytes:
        _lower(resource.RLIMIT_DATA, order.memory_bytes)
    return_memory_early()
    if order.stage == "build":
        confine(rights_of(order, folder))


def _lower(what: int, limit: int) -> None:
    """Never above what we were given."""
    soft, hard = resource.getrlimit(what)
    lowest = min((each for each in (limit, soft, hard) if each != resource.RLIM_INFINITY), default=limit)
    resource.setrlimit(what, (lowest, hard))


def _speak() -> Report:
    """Our own line to the runner; stdout of all others becomes stderr."""
    line = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return JsonLines(line)


def _attempt(order: Order, folder: Path, report: Report) -> Outcome:
    """With the system's refusals said as our errors."""
    from assetpipe.bundle import disk_faults

    try:
        return {"fetch": _fetch, "build": _build, "publish": _publish}[order.stage](order, folder, report)
    except MemoryError:
        raise _memory(f"{order.source}: out of memory") from None
    except PermissionError as error:
        raise NotPermitted("E_NOT_PERMITTED", f"{order.source}: {error.strerror}: {error.filename}") from error
    except OSError as error:
        with disk_faults(Path(str(error.filename or folder))):
            raise


def _build(order: Order, folder: Path, report: Report) -> Outcome:
    from assetpipe import api
    from assetpipe.stages.tray import TRAY, TrayShelf

    manifest = api.build(
        order.source,
        out=order.out,
        config=order.item.config,
        category=order.item.category,
        asset=order.item.asset,
        force=order.force,
        device=order.device,
        cache=TrayShelf(folder / TRAY) if order.stages else "off",
        report=report,
    )
    if order.to:
        from assetpipe.batch.publishing import check_bundle

        report(Event("step", order.item.asset, "checking", 0.97))
        check_bundle(order)
    levels = tuple(
        LevelFacts(name=level.name, triangles=level.triangles, bytes=level.bytes) for level in manifest.levels
    )
    return Outcome(levels=levels, warnings=len(manifest.warnings))


def _fetch(order: Order, _folder: Path, _report: Report) -> Outcome:
    from assetpipe.batch.publishing import config_of
    from assetpipe.batch.remote import fetch_source

    folder = Path(order.source)
    folder.mkdir(parents=True, exist_ok=True)
    return Outcome(source=str(fetch_source(order.item.source, folder, config_of(order).limits.source_bytes)))


def _publish(order: Order, _folder: Path, report: Report) -> Outcome:
    from assetpipe.batch.publishing import publish

    published = publish(order, report)
    return Outcome(revision=published.revision, sent_bytes=published.sent_bytes)


def _memory(fault: str) -> LimitExceeded:
    """A decoder that is refused memory blames the picture; nothing is wrong with it."""
    return LimitExceeded("E_MEMORY", fault, hint="raise --memory-mb, or use smaller pictures")


def _failure(error: AssetpipeError) -> Outcome:
    return Outcome(code=error.code, message=error.message[:4_000], hint=error.hint[:4_000])


if __name__ == "__main__":
    main()
