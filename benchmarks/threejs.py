"""Do the levels look like their sources in a shopper's browser? SSIM of what three.js draws, and a contact sheet.

    python benchmarks/threejs.py                              gadget and TennisRacquet: a table on stdout
    python benchmarks/threejs.py shoe Mixer --ssim-px 1024    no pictures above 1024 px
    python benchmarks/threejs.py --sheet docs/pictures/threejs-{}.webp

Source and levels are loaded by three.js in headless Chromium and drawn under its neutral room light from six sides, in
squares of the level's `screen_px`, each view filled by the source. Exits with 1 when `standard` or `high` scores less
than 0.97 on average, or `preview` less than 0.95. Needs Chromium and `npm ci` in tests/browser.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from materials import CATEGORIES, read
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from silhouettes import ROOT, find_sources, say

from assetpipe.api import build
from assetpipe.config import load_config
from assetpipe.scores import outline_box
from tests.browser.likeness import Pair, compare_in_three, open_picture, over

MODELS = ("gadget", "TennisRacquet")
LEAST = {"preview": 0.95, "standard": 0.97, "high": 0.97}
SIDES = ("front", "right", "back", "left", "top", "bottom")
TILE, LABEL = 220, 22
SAMPLES_ACROSS = 2048
"""Of a picture, beside the four of the browser's own for the edges in each: see assetpipe/scores.py."""


@dataclass(frozen=True)
class Row:
    model: str
    level: str
    px: int
    pair: Pair
    """The source and the level."""

    @property
    def passed(self) -> bool:
        return round(self.pair.likeness.mean, 3) >= LEAST[self.level]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=MODELS, help="samples or shared models")
    parser.add_argument("--ssim-px", type=int, default=2160, help="no pictures larger than this (default: %(default)s)")
    parser.add_argument("--samples", type=int, help="of a pixel, each way, beside the browser's own (default: by size)")
    parser.add_argument("--sheet", metavar="FILE-{}.webp", help="write a contact sheet of each model there")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out", help="default: %(default)s")
    asked = parser.parse_args()
    rows: list[Row] = []
    for name, path in find_sources(asked.names, asked.out):
        made = list(judge(name, path, asked.out, most_px=asked.ssim_px, samples=asked.samples))
        rows += made
        if asked.sheet:
            sheet(made).save(asked.sheet.format(name.lower()), "WEBP", quality=80, method=6)
    print(table(rows))
    return 0 if all(row.passed for row in rows) else 1


def judge(name: str, path: Path, out: Path, *, most_px: int, samples: int | None) -> Iterator[Row]:
    config = load_config(None, category=CATEGORIES.get(name))
    say(f"{name}: building")
    build(path, out=out / "threejs", asset=name.lower(), config=config, force=True, cache="off")
    box = outline_box(read(path, config))
    for level, settings in reversed(config.fine_to_coarse):
        px = min(settings.screen_px, most_px)
        files = (path, out / "threejs" / name.lower() / f"{level}.glb")
        pictures = out / "threejs" / f"{name.lower()}-pictures" / level
        pair = compare_in_three(files, box, px, pictures, samples=samples or min(max(SAMPLES_ACROSS // px, 2), 8))
        say(f"{name}: {level} at {px} px: {', '.join(f'{view:.3f}' for view in pair.likeness.views)}")
        yield Row(name, level, px, pair)


def table(rows: Sequence[Row]) -> str:
    head = ["model", "level", "screen px", "triangles", "draw calls", *SIDES, "mean"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        level = row.pair.shown[1]
        scores = [f"{score:.3f}" for score in (*row.pair.likeness.views, row.pair.likeness.mean)]
        cells = [row.model, row.level, f"{row.px:,}", f"{level['triangles']:,}", str(level["drawCalls"]), *scores]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def sheet(rows: Sequence[Row]) -> Picture.Image:
    """For each level two strips of six views: the source above, the level below."""
    strips = [
        strip(each["pictures"], f"{what}, {row.px} px")
        for row in rows
        for what, each in zip((row.model, row.level), row.pair.shown, strict=True)
    ]
    made = Picture.new("RGB", (6 * TILE, sum(each.height for each in strips)), "white")
    for at, each in enumerate(strips):
        made.paste(each, (0, at * each.height))
    return made


def strip(files: Sequence[str], label: str) -> Picture.Image:
    made = Picture.new("RGB", (6 * TILE, TILE + LABEL), "white")
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(15)
    for at, (file, side) in enumerate(zip(files, SIDES, strict=True)):
        tile = Picture.fromarray(over(open_picture(file), 255))
        tile = tile.resize((TILE, TILE), Picture.Resampling.LANCZOS)
        made.paste(tile, (at * TILE, LABEL))
        pen.text((at * TILE + 6, 4), label if at == 0 else side, "black", font)
    return made


if __name__ == "__main__":
    sys.exit(main())
