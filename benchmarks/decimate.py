"""A million triangles with UVs and normals to 50,000: assetpipe's collapse against the decimators that people use.

    python benchmarks/decimate.py                              every engine on each source
    python benchmarks/decimate.py --source smooth --engines assetpipe,meshopt-update --rounds 3
    python benchmarks/decimate.py --sizes 1,4,16               assetpipe alone: does the cost grow with the size?

Each engine gets the same arrays in a process of its own and is timed around its one call, twice: the first call is what
a command line pays, the second what a service does. The engines take turns. One judge (Open3D's ray casting, which none
of the engines uses) measures all results: distances both ways, and how far texture coordinates and normals are from
those of the source at the same place. Needs `pip install -e .[bench]` and npm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from build_vs_gltf_transform import HERE, ROOT, install, make_scan, say
from engines import ENGINES, NODE
from judge import Judged, floor, judge

TRIANGLES = 50_000
SOURCES = ("smooth", "polished", "rough")
CHAIN = (100_000, 30_000, 5_000)
WITH_ATTRIBUTES = ("meshopt-attributes", "meshopt-update", "gltfpack", "gltfpack-update", "meshlab-texture")
"""What they keep has a say in which edges go."""
MOST_TIME, MOST_RMS, MOST_CHAIN, MOST_BYTES = 0.6, 0.2, 1.15, 150


@dataclass
class Row:
    engine: str
    first: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    triangles: int = 0
    judged: Judged | None = None

    def add(self, run: dict[str, Any]) -> None:
        self.first.append(run["seconds"][0])
        self.again += run["seconds"][1:]
        self.peaks.append(run["peak"])
        self.triangles = run["triangles"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", choices=SOURCES, help="default: each")
    parser.add_argument("--engines", help=f"of {', '.join((*ENGINES, *NODE))} (default: all)")
    parser.add_argument("--rounds", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--sizes", help="millions of triangles: assetpipe alone, smooth source")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="default: %(default)s")
    asked = parser.parse_args()
    asked.out = asked.out.resolve()
    asked.out.mkdir(parents=True, exist_ok=True)
    install()
    if asked.sizes:
        print(sizes([int(size) for size in asked.sizes.split(",")], asked.out, asked.rounds))
        return 0
    engines = asked.engines.split(",") if asked.engines else [*ENGINES, *NODE]
    for name in [asked.source] if asked.source else SOURCES:
        source = make_source(name, 1, asked.out)
        rows = compare(source, engines, asked.rounds)
        print(f"\n{name}\n\n{report(rows)}")
        print(f"- three levels in one descent: {chain(source):.2f} x the last alone (goal {MOST_CHAIN})")
        if "assetpipe" in engines:
            print(torn(rows, floor(source, source / f"assetpipe-{TRIANGLES}")))
    return 0


def make_source(name: str, millions: int, out: Path) -> Path:
    """A folder with the arrays of the source."""
    folder = out / f"decimate-{name}-{millions}"
    if not (folder / "indices.bin").exists():
        say(f"making {folder.name}")
        made = [make_scan(out, 1_000_000)] if name == "rough" else []
        script = [sys.executable, HERE / "engines.py", "make", folder, str(1_033_000 * millions), *made]
        subprocess.run(script, check=True, cwd=ROOT)
    return folder


def compare(source: Path, engines: list[str], rounds: int) -> list[Row]:
    rows = {engine: Row(engine) for engine in engines}
    for number in range(rounds):
        for engine, row in rows.items():
            if number and row.first[0] > 15:
                continue  # once is enough to see that it is slower
            row.add(call(engine, source, [TRIANGLES]))
            say(f"round {number + 1}: {engine}: {row.first[-1]:.2f} s")
    for engine, row in rows.items():
        row.judged = judge(source, source / f"{engine}-{TRIANGLES}")
    return list(rows.values())


def call(engine: str, source: Path, targets: list[int]) -> dict[str, Any]:
    script = ["node", HERE / "meshopt.mjs"] if engine in NODE else [sys.executable, HERE / "engines.py", "run"]
    command = [*script, engine, source, *map(str, targets)]
    found: dict[str, Any] = _told(command)
    return found


def chain(source: Path) -> float:
    """What three levels in one descent cost, as a multiple of the last of them alone."""
    return float(_told([sys.executable, HERE / "engines.py", "chain", source, *map(str, CHAIN)]))


def _told(command: list[str | Path]) -> Any:
    """Its last line, JSON."""
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def sizes(millions: list[int], out: Path, rounds: int) -> str:
    lines = [
        "| triangles | seconds | microseconds per triangle | bytes per triangle above the input |",
        "| --- " * 4 + "|",
    ]
    for size in millions:
        source = make_source("smooth", size, out)
        runs = [call("assetpipe", source, [TRIANGLES]) for _ in range(rounds)]
        count = (source / "indices.bin").stat().st_size // 12
        seconds = statistics.median(min(run["seconds"]) for run in runs)
        peak = max(run["peak"] for run in runs)
        lines.append(f"| {count:,} | {seconds:.2f} | {seconds / count * 1e6:.2f} | {peak / count:.0f} |")
    return "\n".join(lines)


def report(rows: list[Row]) -> str:
    lines = [
        "| engine | first s | again s | B / triangle | triangles | rms e-4 | max e-4 | UV median, p99 | jumps | "
        "normals median, p99 |",
        "| --- " * 10 + "|",
    ]
    for row in rows:
        found = row.judged
        assert found
        uv = f"{found.uv_median:.2f}, {found.uv_p99:.2f} | {found.jumps}" if found.uv_median is not None else "- | -"
        bend = f"{found.normal_median:.1f}, {found.normal_p99:.1f}" if found.normal_median is not None else "-"
        again = f"{statistics.median(row.again):.2f}" if row.again else "-"
        lines.append(
            f"| {row.engine} | {statistics.median(row.first):.2f} | {again} | {max(row.peaks) / found.source:.0f} | "
            f"{row.triangles:,} | {found.rms * 1e4:.3f} | {found.max * 1e4:.2f} | {uv} | {bend} |"
        )
    return "\n".join([*lines, "", *verdicts(rows)])


def torn(rows: list[Row], least: float) -> str:
    """How near to its goal an rms could come at all."""
    peers = [(row.engine, least / row.judged.rms) for row in rows if row.engine in WITH_ATTRIBUTES and row.judged]
    shares = "".join(f", {share:.2f} x that of {engine}" for engine, share in peers)
    return f"- if each of our triangles lay on the best plane, torn from its neighbours: rms {least * 1e4:.3f}{shares}"


def verdicts(rows: list[Row]) -> list[str]:
    ours = next((row for row in rows if row.engine == "assetpipe"), None)
    peers = [row for row in rows if row.engine in WITH_ATTRIBUTES]
    if ours is None or not peers or ours.judged is None:
        return []
    said = []
    for what, seconds in (("first call", "first"), ("second call", "again")):
        able = [row for row in peers if getattr(row, seconds) and getattr(ours, seconds)]
        if able:
            peer = min(able, key=lambda row: statistics.median(getattr(row, seconds)))
            ratio = statistics.median(getattr(ours, seconds)) / statistics.median(getattr(peer, seconds))
            rms = f"{_rms(ours, peer):.2f} x its rms (goal {MOST_RMS})"
            said.append(f"- {what}: {ratio:.2f} x the time of {peer.engine} (goal {MOST_TIME}), {rms}")
    shape = [row for row in rows if row.engine == "meshlab"]
    said += [f"- {_rms(ours, row):.2f} x the rms of MeshLab's quadrics without attributes (goal 1)" for row in shape]
    said.append(f"- {max(ours.peaks) / ours.judged.source:.0f} bytes per triangle above the input (goal {MOST_BYTES})")
    return said


def _rms(ours: Row, peer: Row) -> float:
    assert ours.judged
    assert peer.judged
    return ours.judged.rms / peer.judged.rms


if __name__ == "__main__":
    raise SystemExit(main())
