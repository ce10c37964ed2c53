"""Plan -> Parts, each one job of AWS Batch: an array whose children take a group of assets each, or a plain job.

A part is stored as a plan, with an empty line between two groups: whoever reads it as a plan finds all its assets, and
a child finds its own by AWS_BATCH_JOB_ARRAY_INDEX.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assetpipe.batch.plan import Item, parse_plan, plan_bytes
from assetpipe.config import Batch
from assetpipe.errors import SourceError, UsageError

ARRAY = 10_000
"""Children of one array job at most; at least two."""
GROUP = 500
"""Assets of one child at most, however short they are."""
STAGES = 2
"""That a deadline is for, each: fetch and build."""
QUICKEST = 1.0
"""Seconds that an asset takes at least, whatever is expected: a process has to start."""
MEMORY_MB = (2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000)
"""What jobs ask for. Few sizes, for every one is an array of its own; the largest is what remains."""
HEADROOM = 1.3
"""Times the expected peak of the largest asset: estimates are estimates, and the worker itself needs some."""
NAME = re.compile(r"plan-([0-9a-f]{16})\.jsonl")


@dataclass(frozen=True)
class Part:
    gpu: bool
    memory_mb: int
    groups: tuple[tuple[Item, ...], ...]

    @property
    def seconds(self) -> float:
        """Expected of the longest child, on one core."""
        return max(sum(expected(item) for item in group) for group in self.groups)

    @property
    def deadline(self) -> float:
        """Seconds that the plan allows to one child's assets, in all their stages."""
        return max(sum(STAGES * (item.deadline or 0.0) for item in group) for group in self.groups)

    @property
    def items(self) -> int:
        return sum(len(group) for group in self.groups)


def expected(item: Item) -> float:
    return max(item.seconds, QUICKEST)


def parts_of(items: Iterable[Item], settings: Batch) -> list[Part]:
    """Assets of alike needs together: those that gain from a GPU, then by memory, each in the order of names."""
    alike: dict[tuple[bool, int], list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.asset):
        gpu = bool(settings.gpu_queue) and item.seconds >= settings.gpu_seconds
        alike[gpu, _memory(item)].append(item)
    return [
        Part(gpu, memory, groups)
        for (gpu, memory), members in sorted(alike.items())
        for groups in _chunks(_groups(members, settings.minutes_per_job * 60), ARRAY)
    ]


def part_bytes(part: Part) -> bytes:
    return b"\n".join(plan_bytes(group) for group in part.groups)


def part_name(data: bytes) -> str:
    return f"plan-{hashlib.sha256(data).hexdigest()[:16]}.jsonl"


def read_slice(data: bytes, index: int | None, place: str) -> list[Item]:
    """The group of an array's child; all groups for a plain job. A file that is not what its name says is refused."""
    named, is_named = NAME.search(place), part_name(data)
    if named and named[0] != is_named:
        cure = "submit again"
        raise SourceError(
            "E_PLAN_CHANGED", f"{place}: is not what was submitted: its name would be {is_named}", hint=cure
        )
    if index is None:
        return parse_plan(data, place)
    groups = data.split(b"\n\n")
    if not 0 <= index < len(groups):
        fault = f"{place}: has {len(groups):,} groups, this is child {index} of an array"
        raise UsageError("E_SLICE", fault, hint="an array has as many children as its plan has groups: submit again")
    return parse_plan(groups[index], place)


def _memory(item: Item) -> int:
    needed = item.memory_mb * HEADROOM
    return next((size for size in MEMORY_MB if size >= needed), MEMORY_MB[-1])


def _groups(items: Sequence[Item], seconds: float) -> list[tuple[Item, ...]]:
    """As many as fit into `seconds`, one at least."""
    groups: list[tuple[Item, ...]] = []
    group: list[Item] = []
    taken = 0.0
    for item in items:
        if group and (taken + expected(item) > seconds or len(group) >= GROUP):
            groups.append(tuple(group))
            group, taken = [], 0.0
        group.append(item)
        taken += expected(item)
    return [*groups, tuple(group)]


def _chunks(groups: list[tuple[Item, ...]], most: int) -> Iterator[tuple[tuple[Item, ...], ...]]:
    """Of equal sizes, so that none is left with one."""
    count = -(-len(groups) // most)
    bounds = [len(groups) * number // count for number in range(count + 1)]
    yield from (tuple(groups[start:end]) for start, end in pairwise(bounds))
