"""What this machine, or the container that we are in, has: cores, free memory, and who is whose child. Linux only."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60
"""cgroup v1 says "no limit" with a number beyond this."""


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    group: int
    started: int
    """Clock ticks since boot: with the pid it names a process for good, for pids are used again."""


def usable_cores() -> int:
    """That we may run on, and no more than the cgroup's share of time."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, *(math.ceil(share) for share in _cpu_shares())))


def share_cores(workers: int) -> list[tuple[int, ...]]:
    """The cores of each of so many workers. Threads of one asset that share cores with those of another wait for each
    other busily: two lamps side by side took 33 to 41 CPU seconds, and 29 on a core each."""
    cores = sorted(os.sched_getaffinity(0))
    each = max(1, len(cores) // workers)
    return [tuple(cores[at % len(cores)] for at in range(n * each, (n + 1) * each)) for n in range(workers)]


def free_memory() -> int:
    """Bytes that can be had now without anyone being killed for it."""
    return min(_available(), *(limit - used for limit, used in _memory_limits()))


def processes() -> dict[int, Process]:
    """All that are alive now, by pid."""
    names = os.listdir("/proc")  # noqa: PTH208  # several times a second: no Path for each
    found = (_process(int(name)) for name in names if name.isdecimal())
    return {process.pid: process for process in found if process}


def family(root: int, alive: dict[int, Process]) -> list[Process]:
    """`root`, its descendants, and everyone in their process groups: what a kill of `root` must reach."""
    members = {root} if root in alive else set()
    while True:
        groups = {alive[pid].group for pid in members} - {os.getpgrp()}
        grown = {pid for pid, each in alive.items() if each.parent in members or each.group in groups} | members
        if grown == members:
            return [alive[pid] for pid in sorted(members)]
        members = grown


def private_bytes(pid: int) -> int:
    """Memory that is this process's alone; a source that it maps is the system's, which may drop it at any time."""
    total = 0
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def _process(pid: int) -> Process | None:
    """Zombies are dead; `comm` may hold spaces and brackets, so fields are counted from its last bracket."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return Process(pid, int(fields[1]), int(fields[2]), int(fields[19])) if fields[0] not in "ZX" else None
    except (OSError, IndexError, ValueError):
        return None


def _available() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return PAGE * os.sysconf("SC_AVPHYS_PAGES")


def _memory_limits() -> Iterator[tuple[int, int]]:
    """(limit, used) of every cgroup that we are in; page cache that could be dropped doesn't count as used."""
    yield UNLIMITED, 0
    for folder in (*_cgroups("memory"), *_cgroups("")):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _number(folder / limit_name), _number(folder / used_name)
            if limit is not None and used is not None and limit < UNLIMITED:
                yield limit, used - _droppable(folder)


def _droppable(folder: Path) -> int:
    with suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(value)
    return 0


def _cpu_shares() -> Iterator[float]:
    yield float(os.cpu_count() or 1)
    for folder in (*_cgroups("cpu"), *_cgroups("")):
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            yield int(quota) / int(period)
        quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota_us and period_us and quota_us > 0:
            yield quota_us / period_us


def _cgroups(controller: str) -> Iterator[Path]:
    """Folders of our cgroup and of those above it. In a container the path may be the host's: the top one is ours."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, names, path = line.split(":", 2)
            if controller in names.split(","):
                top = CGROUPS / names if names else CGROUPS
                inner = top / path.strip("/")
                yield from (
                    folder for folder in (inner, *inner.parents) if folder.is_relative_to(top) and folder.is_dir()
                )


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
