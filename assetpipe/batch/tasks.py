"""Item -> Task: what is to be done next for an asset, and what was; values that the runner replaces as it goes."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

from assetpipe.batch.found import is_remote
from assetpipe.batch.journal import Entry
from assetpipe.batch.order import Outcome, Stage
from assetpipe.batch.plan import Item
from assetpipe.batch.remote import ALONE
from assetpipe.batch.worker import CHILD
from assetpipe.config import load_config
from assetpipe.delivery.open_store import SCHEME
from assetpipe.log import Report, silent
from assetpipe.stages.shelf import Shelf
from assetpipe.version import __version__

SEEN = 20_000
"""Files of a folder that are looked at to tell whether a source that names others has changed."""
LONGEST_PAUSE = 60.0
"""Seconds between two attempts."""


@dataclass(frozen=True)
class Rules:
    """How a batch runs; none of it is part of what a bundle depends on."""

    workers: int | None = None
    """None: one for each core."""
    deadline: float = 3_600.0
    """Seconds that one stage of one asset may take."""
    memory_mb: int | None = None
    """What one asset may take; None: what the machine has to give."""
    retries: int = 3
    """Attempts after the first, for what may pass."""
    grace: float = 5.0
    """Seconds between asking a child to go and killing it."""
    backoff: float = 2.0
    """Seconds before the first retry; each later one waits twice as long."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    force: bool = False
    """Do again what the journal says is done."""


def _never() -> bool:
    return False


def _unheard(_task: Task, _entry: Entry) -> None:
    pass


@dataclass(frozen=True)
class Batch:
    """All that `carry_out` needs. `out` holds the bundles, the journal and the index."""

    items: tuple[Item, ...]
    out: Path
    to: str | None = None
    keep: bool = True
    """False: of a published bundle only poster and report stay."""
    rules: Rules = Rules()
    shelf: Shelf | None = None
    """Where results of stages are kept."""
    report: Report = silent
    drain: Callable[[], bool] = _never
    """True: begin nothing more, end what runs, write down how far we are."""
    settled: Callable[[Task, Entry], None] = _unheard
    """Called when an asset is done or given up, while its bundle is still there."""
    command: tuple[str, ...] = CHILD
    """Starts a child; it finds its order in its working directory."""

    @property
    def state(self) -> Path:
        return self.out / ".batch"


@dataclass(frozen=True)
class Task:
    item: Item
    identity: str
    stage: Stage
    source: str
    memory: int
    """Bytes expected at the peak."""
    attempts: int = 0
    """That have failed."""
    crashes: int = 0
    not_before: float = 0.0
    """By the monotonic clock."""
    seconds: float = 0.0
    """Spent so far."""
    peak: int = 0
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def weight(self) -> tuple[float, str]:
        """Long ones first, so that none of them is left over at the end."""
        return (-self.item.seconds, self.item.asset)


def first_task(item: Item, batch: Batch) -> Task:
    remote = is_remote(item.source)
    source = str(batch.state / "sources" / item.asset) if remote else item.source
    identity = identify(item, batch.to)
    return Task(item, identity, "fetch" if remote else "build", source, item.memory_mb * 1_000_000)


def later(task: Task, pause: float, now: float) -> Task:
    """The same again, after a pause that doubles with each attempt."""
    wait = min(LONGEST_PAUSE, pause * 2.0 ** (task.attempts - 1))
    return replace(task, not_before=now + wait)


def identify(item: Item, to: str | None) -> str:
    """Of all that the bundle depends on and where it goes; files are told by size and time, not read."""
    parts = [item.source, item.asset, item.category, config_sha256(item.config, item.category), __version__, to]
    return hashlib.sha256(json.dumps([*parts, _stamp(item)]).encode()).hexdigest()


@cache
def config_sha256(config: str | None, category: str | None) -> str:
    return load_config(Path(config) if config else None, category=category).sha256


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def repro(task: Task, batch: Batch) -> str:
    """A command that shows the failure again, on its own."""
    item = task.item
    if task.stage == "publish" and batch.to:
        return shlex.join(["assetpipe", "publish", str(batch.out / item.asset), "--to", batch.to])
    options = {"--category": item.category, "--config": item.config, "--asset": item.asset, "--out": "repro"}
    said = [word for name, value in options.items() if value for word in (name, value)]
    return shlex.join(["assetpipe", "build", item.source, *said])


def place_of(to: str) -> str:
    """A store that children find too, who work in folders of their own."""
    return to if SCHEME.match(to) else str(Path(to).absolute())


def look_again() -> None:
    """Files may have changed since an earlier batch of this process."""
    config_sha256.cache_clear()
    _folder_stamp.cache_clear()


def _stamp(item: Item) -> object:
    if is_remote(item.source):
        return item.bytes
    path = Path(item.source)
    return [_of(path), None if path.suffix.lower() in ALONE else _folder_stamp(path.parent)]


@cache
def _folder_stamp(folder: Path) -> str:
    """Of whatever lies beside a source that names other files."""
    lines: list[str] = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not _made_here(Path(where, name)))
        lines += [f"{where}/{name} {_of(Path(where, name))}" for name in sorted(files)]
        if len(lines) > SEEN:
            break
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _made_here(folder: Path) -> bool:
    """Bundles come and go, and so does what a batch keeps."""
    return (folder / "manifest.json").exists() or (folder / ".batch").exists()


def _of(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]
