"""Do the levels look like their sources? Silhouettes and pictures from six sides, and a contact sheet for the eye.

    python benchmarks/silhouettes.py                           all samples and ../shared/models: a table on stdout
    python benchmarks/silhouettes.py gadget scan --ssim-px 0   these alone, silhouettes only: seconds, not minutes
    python benchmarks/silhouettes.py --sheet docs/pictures/levels.webp

Each level is read back from its GLB and drawn in squares of its `screen_px`, framed by the source's box, beside the
source as its own reader gives it. Exits with 1 when a `standard` or `high` overlaps less than 0.995 in any view.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from assetpipe.api import build
from assetpipe.asset import Scene
from assetpipe.config import load_config
from assetpipe.geometry import drawn_triangles
from assetpipe.poster import drawables, textures
from assetpipe.quality.cameras import Camera, three_quarter
from assetpipe.quality.drawables import drawn_box
from assetpipe.quality.likeness import Likeness
from assetpipe.quality.render import Frame, Look, render
from assetpipe.quality.silhouettes import Overlap
from assetpipe.scores import picture_ssim, silhouette_iou
from assetpipe.sources import open_source, read_scene

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "models"
SAMPLES = ("sofa", "gadget", "shoe", "garment", "lamp")
LEAST = {"standard": 0.995, "high": 0.995}
TILE, LABEL, MARGIN = (300, 230), 22, 10
CONFIG = load_config()


@dataclass(frozen=True)
class Row:
    model: str
    level: str
    triangles: int
    overlap: Overlap
    likeness: Likeness | None

    @property
    def passed(self) -> bool:
        return self.overlap.worst > LEAST.get(self.level, 0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a sample, `scan` too, or a shared model")
    parser.add_argument("--ssim-px", type=int, default=2160, help="no pictures larger than this (default: %(default)s)")
    parser.add_argument("--sheet", type=Path, metavar="FILE.webp", help="write the contact sheet there")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out", help="default: %(default)s")
    asked = parser.parse_args()
    sources = dict(find_sources(asked.names, asked.out))
    rows = [row for name, path in sources.items() for row in judge(name, path, asked.out, most_px=asked.ssim_px)]
    print(table(rows))
    if asked.sheet:
        asked.sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(sources, asked.out).save(asked.sheet, "WEBP", quality=80, method=6)
    return 0 if all(row.passed for row in rows) else 1


def find_sources(names: Sequence[str], out: Path) -> Iterator[tuple[str, Path]]:
    shared = {folder.name: folder for folder in sorted(SHARED.iterdir()) if folder.is_dir()} if SHARED.is_dir() else {}
    if not shared:
        say(f"no models in {SHARED.name}: the samples alone")
    for name in names or (*SAMPLES, *shared):
        if name in shared:
            yield name, min(shared[name].glob("*/*.gl*"), key=lambda path: (path.suffix != ".glb", path.name))
        else:
            yield name, make_sample(name, out)


def make_sample(name: str, out: Path) -> Path:
    path = out / "samples" / f"{name}.glb"
    if not path.exists():
        script = [sys.executable, ROOT / "sample_models" / "generate.py", name, "--out", path.parent]
        subprocess.run(script, check=True, stdout=sys.stderr)
    return path


def judge(name: str, path: Path, out: Path, *, most_px: int) -> Iterator[Row]:
    say(f"{name}: building")
    build(path, out=out / "levels", asset=name.lower(), config=CONFIG, force=True, cache="off")
    source = read(path)
    for level, settings in CONFIG.levels.items():
        start = time.perf_counter()
        scene = read(level_file(name, level, out))
        overlap = silhouette_iou(source, scene, settings.screen_px)
        likeness = picture_ssim(source, scene, settings.screen_px) if settings.screen_px <= most_px else None
        say(f"{name}: {level}: {overlap.worst:.4f} ({time.perf_counter() - start:.1f} s)")
        yield Row(name, level, drawn_triangles(scene), overlap, likeness)


def level_file(name: str, level: str, out: Path) -> Path:
    return out / "levels" / name.lower() / f"{level}.glb"


def read(path: Path) -> Scene:
    with open_source(path, CONFIG.limits) as source:
        return read_scene(source, CONFIG.limits)


def table(rows: Sequence[Row]) -> str:
    head = ["model", "level", "screen px", "triangles", "IoU, worst view", "IoU, mean"]
    with_ssim = any(row.likeness for row in rows)
    head += ["SSIM, worst view", "SSIM, mean"] if with_ssim else []
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        cells = [row.model, row.level, f"{CONFIG.levels[row.level].screen_px:,}", f"{row.triangles:,}"]
        for found in (row.overlap, row.likeness) if with_ssim else (row.overlap,):
            cells += [f"{found.worst:.4f}", f"{found.mean:.4f}"] if found else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def contact_sheet(sources: dict[str, Path], out: Path) -> Picture.Image:
    """A row for each model: the source, then its levels from fine to coarse."""
    strips = [strip(name, path, out) for name, path in sources.items()]
    sheet = Picture.new("RGB", (max(each.width for each in strips), sum(each.height for each in strips)), "white")
    top = 0
    for each in strips:
        sheet.paste(each, (0, top))
        top += each.height
    return sheet


def strip(name: str, path: Path, out: Path) -> Picture.Image:
    levels = [level for level, _ in CONFIG.fine_to_coarse]
    scenes = [read(path), *(read(level_file(name, level, out)) for level in levels)]
    shown = list(drawables(scenes[0]))
    camera = three_quarter(shown, drawn_box(shown), 0.06)
    frames = [take(scene, camera) for scene in scenes]
    tiles = cropped(frames)
    labels = [f"{title}: {drawn_triangles(scene):,}" for title, scene in zip([name, *levels], scenes, strict=True)]
    picture = Picture.new("RGB", (4 * TILE[0] + 5 * MARGIN, tiles[0].height + LABEL + MARGIN), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    for at, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        left = MARGIN + at * (TILE[0] + MARGIN)
        picture.paste(tile, (left + (TILE[0] - tile.width) // 2, 0))
        pen.text((left + TILE[0] // 2, tile.height + 2), label, "black", font, anchor="mt")
    return picture


def take(scene: Scene, camera: Camera) -> Frame:
    return render(list(drawables(scene)), textures(scene), camera, 2 * TILE[0], Look(samples=2, rays=2))


def cropped(frames: Sequence[Frame]) -> list[Picture.Image]:
    """To what any of them shows, and down to a tile."""
    seen = np.logical_or.reduce([frame.coverage > 0 for frame in frames])
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    tiles = [Picture.fromarray(frame.over(1.0)).crop(box) for frame in frames]
    for tile in tiles:
        tile.thumbnail(TILE, Picture.Resampling.LANCZOS)
    return tiles


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
