"""Models with textures: bytes, likeness and draw calls of each level beside glTF-Transform's.

    python benchmarks/materials.py                                gadget, TennisRacquet, scan: a table on stdout
    python benchmarks/materials.py gadget --ssim-px 1024 --maps   no pictures above 1024 px; where the bytes go, too

glTF-Transform (`optimize`, Draco and WebP) gets the share of triangles and the texture size at which assetpipe arrived.
Both levels are read back from their files and compared with the source from six sides. Exits with 1 when a model's
three levels take more bytes than glTF-Transform's, or one of them looks less like its source.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from build_vs_gltf_transform import HERE, Level, install, optimize
from silhouettes import find_sources, say

from assetpipe.api import build
from assetpipe.asset import Scene
from assetpipe.config import Config, load_config
from assetpipe.geometry import drawn_triangles
from assetpipe.quality.likeness import likeness
from assetpipe.scores import outline_box, pictures
from assetpipe.sources import open_source, read_scene
from assetpipe.textures import image_info
from assetpipe.transforms import placements

MODELS = ("gadget", "TennisRacquet", "scan")
CATEGORIES = {"gadget": "gadgets"}
DIGITS = 3
"""Of SSIM, in the table and in the verdict."""


@dataclass(frozen=True)
class File:
    """A level as one tool made it."""

    bytes: int
    """As it was read: the next model's file takes its place."""
    scene: Scene
    ssim: float | None

    @property
    def cells(self) -> list[str]:
        calls = sum(len(self.scene.meshes[place.mesh].primitives) for place in placements(self.scene))
        likeness = "" if self.ssim is None else f"{self.ssim:.{DIGITS}f}"
        return [f"{drawn_triangles(self.scene):,}", f"{calls:,}", f"{self.bytes / 1000:,.0f}", likeness]


@dataclass(frozen=True)
class Row:
    model: str
    level: Level
    ours: File
    theirs: File

    @property
    def as_alike(self) -> bool:
        ours, theirs = (round(each.ssim or 0.0, DIGITS) for each in (self.ours, self.theirs))
        return ours >= theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=MODELS, help="samples or shared models")
    parser.add_argument("--ssim-px", type=int, default=2160, help="no pictures larger than this (default: %(default)s)")
    parser.add_argument("--maps", action="store_true", help="bytes of each texture, too")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="default: %(default)s")
    asked = parser.parse_args()
    install()
    sources = dict(find_sources(asked.names, asked.out))
    rows = [row for name, path in sources.items() for row in compare(name, path, asked.out, most_px=asked.ssim_px)]
    print(table(rows))
    if asked.maps:
        print("\n".join(["", *(line for row in rows for line in maps(row))]))
    small = all(ours <= theirs for _, ours, theirs in totals(rows))
    return 0 if small and all(row.as_alike for row in rows) else 1


def compare(name: str, path: Path, out: Path, *, most_px: int) -> Iterator[Row]:
    config = load_config(None, category=CATEGORIES.get(name))
    say(f"{name}: building")
    manifest = build(path, out=out / "materials", asset=name.lower(), config=config, force=True, cache="off")
    source = read(path, config)
    levels = [
        Level(each.name, each.triangles, each.bytes, max(texture.px for texture in each.textures))
        for each in manifest.levels
    ]
    # glTF-Transform goes by the triangles stored: the share of those drawn is the same share of them.
    stored = source.triangles / drawn_triangles(source)
    asked = [Level(each.name, round(each.triangles * stored), each.bytes, each.texture_px) for each in levels]
    optimize(path, out, asked)
    for level in levels:
        files = (out / "materials" / name.lower() / f"{level.name}.glb", out / f"transform-{level.name}.glb")
        px = config.levels[level.name].screen_px
        made = [*judged(files, source, config, px=px if px <= most_px else 0)]
        say(f"{name}: {level.name} done")
        yield Row(name, level, *made)


def judged(paths: Sequence[Path], source: Scene, config: Config, *, px: int) -> Iterator[File]:
    """The source's pictures are taken once for all."""
    box = outline_box(source)
    seen = list(pictures(source, box, px)) if px else []
    for path in paths:
        scene = read(path, config)
        alike = likeness(seen, pictures(scene, box, px)) if px else None
        if alike:
            say(f"{path.name} at {px} px: {', '.join(f'{view:.3f}' for view in alike.views)}")
        yield File(path.stat().st_size, scene, alike.mean if alike else None)


def read(path: Path, config: Config) -> Scene:
    with open_source(path, config.limits) as source:
        return read_scene(source, config.limits)


def table(rows: Sequence[Row]) -> str:
    columns = "triangles, calls, kB, SSIM"
    lines = [f"| model | level | texture px | assetpipe: {columns} | glTF-Transform: {columns} |", "| --- " * 5 + "|"]
    for row in rows:
        cells = [", ".join(filter(None, each.cells)) for each in (row.ours, row.theirs)]
        lines.append(f"| {row.model} | {row.level.name} | {row.level.texture_px} | {' | '.join(cells)} |")
    lines += [f"{name}: {ours / theirs:.2f} times the bytes" for name, ours, theirs in totals(rows)]
    return "\n".join(lines)


def totals(rows: Sequence[Row]) -> list[tuple[str, int, int]]:
    return [
        (
            name,
            sum(row.ours.bytes for row in rows if row.model == name),
            sum(row.theirs.bytes for row in rows if row.model == name),
        )
        for name in dict.fromkeys(row.model for row in rows)
    ]


def maps(row: Row) -> Iterator[str]:
    """What is left of a file is its shape and its JSON."""
    for tool, file in (("assetpipe", row.ours), ("glTF-Transform", row.theirs)):
        images = [(image_info(image), len(image.data)) for image in file.scene.images]
        told = ", ".join(f"{info.width}x{info.height} {size:,}" for info, size in images)
        rest = file.bytes - sum(size for _, size in images)
        yield f"{row.model} {row.level.name}, {tool}: {told}; the rest {rest:,}"


if __name__ == "__main__":
    sys.exit(main())
