"""What `[geometry] hidden = "remove"` takes out of models, how long it looks, and what cameras outside see of it.

python benchmarks/hidden.py FILE...

Each model is made ready as a build makes it, then looked at; then pictures before and after are cast from the eye
inwards (tests/geometry/views.py: other code, random sides) and compared pixel by pixel, through glass too.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from assetpipe.asset import Scene
from assetpipe.config import load_config
from assetpipe.geometry import drawn_triangles, prepare, remove_hidden
from assetpipe.sources import open_source, read_scene
from tests.geometry.views import layers_seen

STEP = 10  # views cast at a time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--views", type=int, default=100, metavar="N", help="compared (default: %(default)s)")
    parser.add_argument("--px", type=int, default=256, metavar="N", help="of a view (default: %(default)s)")
    asked = parser.parse_args()
    remove_hidden(_ready(asked.files[0]))  # compiles
    print("| model | drawn | hidden | CPU s | s per million | peak MB before, after | pixels that differ |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in asked.files:
        print(_row(path, asked.views, asked.px), flush=True)


def _ready(path: Path) -> Scene:
    config = load_config()
    with open_source(path, config.limits) as source:
        return prepare(read_scene(source, config.limits), config.geometry)


def _row(path: Path, views: int, px: int) -> str:
    scene = _ready(path)
    memory, start = _peak(), time.process_time()
    hidden = remove_hidden(scene)
    seconds, drawn = time.process_time() - start, drawn_triangles(scene)
    differ, covered = _compare(scene, hidden.scene, views, px)
    return (
        f"| {path.stem} | {drawn:,} | {hidden.triangles:,} ({hidden.triangles / drawn:.1%}) | {seconds:.1f} "
        f"| {seconds / drawn * 1e6:.0f} | {memory:,.0f}, {_peak():,.0f} | {differ:,} of {covered:,} |"
    )


def _compare(before: Scene, after: Scene, views: int, px: int) -> tuple[int, int]:
    differ = covered = 0
    for seed in range(0, views, STEP) if before is not after else ():
        (one, _), (other, _) = (layers_seen(scene, STEP, px=px, seed=seed) for scene in (before, after))
        differ += int((np.abs(one - other) > 1e-5).any(axis=-1).sum())
        covered += int((one[..., 1] > 0).sum())
    return differ, covered


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
