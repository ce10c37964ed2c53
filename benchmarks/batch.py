"""What a second worker gains: the samples by `batch run` with one worker on one core, one on two cores, two on two.

    python benchmarks/batch.py [--rounds 1] [SOURCE ...]

Without sources it takes the six samples of `sample_models`, and makes them where they are not: some 190 CPU seconds a
mode, so seven or eight minutes a round where nobody else wants the cores. The modes take turns. CPU is that of all
processes of a run; `under way` is how many assets were being built on average (1.0 at the end of a run is its tail). On
a machine with other work the clock says little, and the line on CPU seconds is what to look at: what two workers would
gain if nobody else wanted the cores, CPU seconds of one over those of two times how many were under way. The machine
itself is measured by two processes that copy memory and do nothing else: where memory is what two of them are short of,
they give less than 2.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = """
import time, numpy
one, n, end = numpy.ones(8_000_000), 0, time.thread_time() + {cpu}
while time.thread_time() < end: one.copy(); n += 1
print(n)
"""


@dataclass(frozen=True)
class Mode:
    name: str
    workers: int
    cores: int


@dataclass(frozen=True)
class Ran:
    seconds: float
    cpu: float
    under_way: float


MODES = (Mode("1 worker, 1 core", 1, 1), Mode("1 worker, 2 cores", 1, 2), Mode("2 workers, 2 cores", 2, 2))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, metavar="SOURCE")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("needs two cores")
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as scratch:
        sources = asked.sources or samples(Path(scratch))
        print(f"{len(sources)} assets: {' '.join(source.stem for source in sources)}")
        print(f"load before: {os.getloadavg()[0]:.1f}; below 0.2 the clock can be believed")
        print(f"copies by two processes at once: {copies(cores):.2f} times those of one, by CPU seconds")
        found = measured(sources, cores, asked.rounds)
    compare({mode: _median(runs) for mode, runs in found.items()}, asked.rounds)
    return 0


def samples(scratch: Path) -> list[Path]:
    """All six: without the scan the shoe and the rest are no two halves."""
    names = ("gadget", "garment", "lamp", "scan", "shoe", "sofa")
    there = [ROOT / "sample_models" / f"{name}.glb" for name in names]
    if all(path.is_file() for path in there):
        return there
    command = [sys.executable, str(ROOT / "sample_models" / "generate.py"), *names, "--out", str(scratch)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [scratch / path.name for path in there]


def measured(sources: list[Path], cores: list[int], rounds: int) -> dict[Mode, list[Ran]]:
    found: dict[Mode, list[Ran]] = {mode: [] for mode in MODES}
    for _ in range(rounds):
        for mode, runs in found.items():
            runs.append(run(mode, sources, cores))
            print(f"{mode.name}: {_said(runs[-1])}", flush=True)
    return found


def compare(medians: dict[Mode, Ran], rounds: int) -> None:
    """Throughput is assets in a time, and all modes build the same ones."""
    if rounds > 1:
        print(f"medians of {rounds}")
        for mode, ran in medians.items():
            print(f"  {mode.name}: {_said(ran)}")
    alone, both, two = (medians[mode] for mode in MODES)
    quiet = alone.cpu / two.cpu * two.under_way
    print("\nthroughput of two workers on two cores")
    print(f"  over one worker, a core each:       {alone.seconds / two.seconds:.2f} times by the clock (goal: 1.8),")
    print(f"                                      {quiet:.2f} by CPU seconds and assets under way")
    print(f"  over one worker that has two cores: {both.seconds / two.seconds:.2f} times by the clock,")
    print(f"                                      {both.cpu / two.cpu:.2f} times the work for a CPU second")


def run(mode: Mode, sources: list[Path], cores: list[int]) -> Ran:
    """From nothing: no cache, no bundles."""
    out = Path(tempfile.mkdtemp(prefix="assetpipe-bench-"))
    command = [sys.executable, "-m", "assetpipe", "batch", "run", *map(str, sources), "--out", str(out / "out")]
    command += ["--workers", str(mode.workers), "--no-cache"]
    before, started = _cpu(), time.monotonic()
    with subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cores[: mode.cores])), *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stderr is not None
        under_way, spans = set[str](), []
        for line in process.stderr:
            event = json.loads(line) if line.startswith("{") else {"asset": "", "kind": ""}
            spans.append((time.monotonic(), len(under_way)))
            if event["kind"] == "step" and event["asset"]:
                under_way.add(event["asset"])
            elif event["kind"] in ("done", "failed"):
                under_way.discard(event["asset"])
    seconds = time.monotonic() - started
    shutil.rmtree(out)
    if process.returncode:
        sys.exit(f"{mode.name}: exit {process.returncode}")
    return Ran(seconds, _cpu() - before, _average(spans))


def copies(cores: list[int]) -> float:
    """How many one process makes in two CPU seconds, and two at once: less than 2 where memory is what is short."""

    def made(pinned: list[int]) -> int:
        each = [
            subprocess.Popen(
                ["taskset", "-c", str(core), sys.executable, "-c", COPY.format(cpu=2)], stdout=subprocess.PIPE
            )
            for core in pinned
        ]
        return sum(int(process.communicate()[0]) for process in each)

    return made(cores) / made(cores[:1])


def _average(spans: list[tuple[float, int]]) -> float:
    """Over the time in which anything was under way; `spans`: when, and how many had been until then."""
    steps = [(now - before, count) for (before, _), (now, count) in pairwise(spans) if count]
    return sum(seconds * count for seconds, count in steps) / (sum(seconds for seconds, _ in steps) or 1.0)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _median(runs: list[Ran]) -> Ran:
    return Ran(*(statistics.median(getattr(each, name) for each in runs) for name in ("seconds", "cpu", "under_way")))


def _said(ran: Ran) -> str:
    return f"{ran.seconds:.1f} s, {ran.cpu:.1f} CPU seconds, {ran.under_way:.2f} under way"


if __name__ == "__main__":
    sys.exit(main())
