"""The three levels of one large scan: `assetpipe build` against three runs of glTF-Transform's `optimize`.

    python benchmarks/build_vs_gltf_transform.py                        makes the scan, three rounds, a table on stdout
    python benchmarks/build_vs_gltf_transform.py --source big.glb --rounds 5 --gltfpack

glTF-Transform gets the triangle counts and texture sizes that assetpipe arrived at, Draco and WebP as well, and an
error bound that never stops it. The tools take turns, so that a busy machine slows both alike; medians are compared.
assetpipe does more in its time: it measures deviations, audits each file, draws a poster and writes a report.

Its atlas and its baking, of which the peer does neither, are told apart by what a build says when a step begins, and
must take no longer than the peer's three runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import Run, run, total

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MOST_TIME, MOST_MEMORY = 1.5, 1.0
"""What `assetpipe build` may take, as a multiple of glTF-Transform's three runs."""
MOST_MAPS = 1.0
"""And what its atlas and its baking may."""
MAPS = ("merging", "baking")
"""How the steps begin in which all of that is done; outlines of the levels are compared at the end of the second."""


@dataclass(frozen=True)
class Level:
    name: str
    triangles: int
    bytes: int
    texture_px: int


@dataclass(frozen=True)
class Row:
    tool: str
    seconds: list[float]
    peaks: list[int]
    levels: list[Level]
    maps: list[float]
    """Seconds that atlas and baking took."""

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)

    @property
    def median_maps(self) -> float:
        return statistics.median(self.maps)

    @property
    def median_peak(self) -> float:
        return statistics.median(self.peaks)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a GLB (default: the sample `scan`)")
    parser.add_argument("--triangles", type=int, default=1_000_000, help="of the sample (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="default: %(default)s")
    parser.add_argument("--gltfpack", action="store_true", help="gltfpack too: geometry only, textures as they are")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    install()
    source = (asked.source or make_scan(asked.out, asked.triangles)).resolve()
    rows = compare(source, asked.out.resolve(), asked.rounds, gltfpack=asked.gltfpack)
    print(report(source, rows))
    return 0 if verdict(rows[0], rows[1])[0] else 1


def install() -> None:
    if not (HERE / "node_modules" / ".package-lock.json").exists():
        npm = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(npm, cwd=HERE, check=True, stdout=sys.stderr)


def make_scan(folder: Path, triangles: int) -> Path:
    made = folder / f"scan-{triangles}" / "scan.glb"
    if not made.exists():
        command = [sys.executable, ROOT / "sample_models" / "generate.py", "scan", "--triangles", str(triangles)]
        subprocess.run([*command, "--out", made.parent], check=True, stdout=sys.stderr)
    return made


def compare(source: Path, out: Path, rounds: int, *, gltfpack: bool) -> list[Row]:
    """Round 0 warms up what is made once (compiled kernels, the page cache) and gives the levels to match."""
    say("warming up")
    build(source, out)
    levels = built_levels(out, source.stem)
    tools: dict[str, Callable[[], Run]] = {
        "assetpipe build": lambda: build(source, out),
        "gltf-transform optimize, 3 runs": lambda: optimize(source, out, levels),
    }
    if gltfpack:
        tools["gltfpack, 3 runs, geometry only"] = lambda: pack(source, out, levels)
    runs: dict[str, list[Run]] = {tool: [] for tool in tools}
    for number in range(rounds):
        for tool, measured in tools.items():
            runs[tool].append(measured())
            last = runs[tool][-1]
            say(f"round {number + 1} of {rounds}: {tool}: {last.seconds:.1f} s, {last.peak_bytes / 1e6:,.0f} MB")
    made = {"assetpipe build": built_levels(out, source.stem)}
    files = {"gltf-transform optimize, 3 runs": "transform", "gltfpack, 3 runs, geometry only": "pack"}
    for tool, prefix in files.items():
        made[tool] = [measure_glb(out / f"{prefix}-{level.name}.glb", level) for level in levels]
    return [
        Row(tool, [one.seconds for one in found], [one.peak_bytes for one in found], made[tool], [*map(on_maps, found)])
        for tool, found in runs.items()
    ]


def build(source: Path, out: Path) -> Run:
    build = [sys.executable, "-m", "assetpipe", "build", source, "--out", out / "bundles"]
    command = [*build, "--force", "--no-cache", "--json", "--log", "json"]
    return run(command, ROOT)


def on_maps(build: Run) -> float:
    """Seconds between the beginning of each of those steps and of the next."""
    steps = [(at, each["message"]) for at, each in events(build) if each["kind"] in ("step", "done")]
    ends = [at for at, _ in steps[1:]]
    return sum(end - at for (at, message), end in zip(steps, ends, strict=False) if message.startswith(MAPS))


def events(build: Run) -> Iterator[tuple[float, dict[str, str]]]:
    for at, line in build.said:
        if line.startswith("{"):
            yield at, json.loads(line)


def built_levels(out: Path, asset: str) -> list[Level]:
    manifest = json.loads((out / "bundles" / asset / "manifest.json").read_text())
    return [
        Level(one["name"], one["triangles"], one["bytes"], max((t["px"] for t in one["textures"]), default=0))
        for one in sorted(manifest["levels"], key=lambda one: int(one["triangles"]))
    ]


def optimize(source: Path, out: Path, levels: list[Level]) -> Run:
    def options(level: Level, ratio: str) -> list[str | Path]:
        shape = ["--simplify-ratio", ratio, "--simplify-error", "1", "--compress", "draco"]
        maps = ["--texture-compress", "webp", "--texture-size", str(level.texture_px)]
        return ["optimize", source, out / f"transform-{level.name}.glb", *shape, *maps]

    return per_level("gltf-transform", source, levels, options)


def pack(source: Path, out: Path, levels: list[Level]) -> Run:
    def options(level: Level, ratio: str) -> list[str | Path]:
        return ["-i", source, "-o", out / f"pack-{level.name}.glb", "-si", ratio, "-se", "1", "-c"]

    return per_level("gltfpack", source, levels, options)


def per_level(tool: str, source: Path, levels: list[Level], options: Callable[[Level, str], list[str | Path]]) -> Run:
    """One run of an npm tool for each level; node is called itself, without npx before it."""
    triangles, start = count_triangles(source), ["node", HERE / "node_modules" / ".bin" / tool]
    return total([run([*start, *options(level, f"{level.triangles / triangles:.6f}")]) for level in levels])


def measure_glb(path: Path, like: Level) -> Level:
    if not path.exists():
        return Level(like.name, 0, 0, 0)
    return Level(like.name, count_triangles(path), path.stat().st_size, like.texture_px)


def count_triangles(path: Path) -> int:
    """Stored in the file, by its JSON alone."""
    document = json.loads(path.read_bytes() if path.suffix == ".gltf" else glb_json(path))
    primitives = [primitive for mesh in document["meshes"] for primitive in mesh["primitives"]]
    return sum(int(document["accessors"][primitive["indices"]]["count"]) // 3 for primitive in primitives)


def glb_json(path: Path) -> bytes:
    with path.open("rb") as file:
        (length,) = struct.unpack("<12xI4x", file.read(20))
        return file.read(length)


def report(source: Path, rows: list[Row]) -> str:
    """Markdown."""
    levels = rows[0].levels
    head = ["tool", "seconds (median, all)", "peak MB", *(f"{level.name}: triangles, MB" for level in levels)]
    lines = [
        f"{source.name}: {count_triangles(source):,} triangles, {source.stat().st_size / 1e6:,.1f} MB; textures "
        f"{' / '.join(str(level.texture_px) for level in levels)} px; {os.cpu_count()} cores",
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
    ]
    for row in rows:
        times = f"{row.median_s:.1f} ({', '.join(f'{one:.1f}' for one in row.seconds)})"
        sizes = [f"{level.triangles:,}, {level.bytes / 1e6:.2f}" for level in row.levels]
        lines.append(f"| {' | '.join([row.tool, times, f'{row.median_peak / 1e6:,.0f}', *sizes])} |")
    return "\n".join([*lines, "", verdict(rows[0], rows[1])[1]])


def verdict(ours: Row, theirs: Row) -> tuple[bool, str]:
    time, memory = ours.median_s / theirs.median_s, ours.median_peak / theirs.median_peak
    maps = ours.median_maps / theirs.median_s
    checks = [
        (time < MOST_TIME, f"whole build: {time:.2f} x the time (under {MOST_TIME})"),
        (memory <= MOST_MEMORY, f"{memory:.2f} x the peak memory (no more than {MOST_MEMORY})"),
        (
            maps <= MOST_MAPS,
            f"atlas and baking alone: {maps:.2f} x the time (no more than {MOST_MAPS}), "
            f"{ours.median_maps:.1f} s of {theirs.median_s:.1f} s",
        ),
    ]
    lines = [f"{'PASS' if passed else 'FAIL'}: {said}" for passed, said in checks]
    return all(passed for passed, _ in checks), "\n".join(lines)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
