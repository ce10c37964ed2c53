"""The picture of an asset: all of it, in the middle, and the same bytes everywhere."""

import hashlib
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from assetpipe.asset import Array
from assetpipe.quality.cameras import views
from assetpipe.quality.drawables import Box
from assetpipe.quality.poster import render_poster
from assetpipe.quality.render import render
from tests.quality.drawing import drawable, front, matt, square
from tests.shapes import box, torus


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_size_and_place_do_not_matter(scale: float) -> None:
    """A ring and a house, at the origin or kilometres away, are drawn alike."""

    def poster(size: float, away: float) -> Array:
        shape = replace(
            torus(24), attributes={**torus(24).attributes, "POSITION": (torus(24).positions * size).astype(np.float32)}
        )
        data = render_poster([drawable(shape, matt(), (away, 0, 0))], {}, 48, background=1.0)
        return np.asarray(Picture.open(io.BytesIO(data))).astype(int)

    assert np.abs(poster(scale, 0.0) - poster(1.0, 0.0)).mean() < 0.5
    assert np.abs(poster(scale, 100 * scale) - poster(1.0, 0.0)).mean() < 2.0


def test_the_poster_shows_all_of_the_model_in_the_middle() -> None:
    """Whatever its shape, nothing is cut off, and the margins are even."""
    for extents in ((1, 1, 1), (4, 0.1, 0.5), (0.1, 5, 0.1), (1, 0.01, 3)):
        stretched = {**box().attributes, "POSITION": (box().positions * np.array(extents)).astype(np.float32)}
        shown = drawable(replace(box(), attributes=stretched), matt(baseColorFactor=[0.5, 0.1, 0.1, 1]))
        pixels = np.asarray(Picture.open(io.BytesIO(render_poster([shown], {}, 96))).convert("RGBA"))
        solid = (pixels[..., 3] > 200) & (pixels[..., 0] > 40)
        rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
        assert min(rows[0], columns[0]) >= 2
        assert max(rows[-1], columns[-1]) <= 93
        assert max(np.ptp(rows), np.ptp(columns)) > 70
        assert abs((columns[0] + columns[-1]) / 2 - 47.5) < 3
        assert abs((rows[0] + rows[-1]) / 2 - 47.5) < 3


def test_nothing_to_draw_is_an_empty_picture() -> None:
    """An asset of points or lines still has a poster."""
    empty = replace(drawable(box()), indices=np.zeros(0, np.uint32))
    for drawables in ([], [empty]):
        picture = Picture.open(io.BytesIO(render_poster(drawables, {}, 32)))
        assert (picture.size, picture.convert("RGBA").getextrema()[3]) == ((32, 32), (0, 0))
        assert np.isinf(render(drawables, {}, views(Box(np.zeros(3), np.ones(3)))[0], 8).depth).all()


def test_a_point_sized_or_flat_model_is_drawn_without_a_fault() -> None:
    """Degenerate boxes have a camera too."""
    point = replace(drawable(box()), positions=np.zeros((24, 3), np.float32))
    assert render_poster([point], {}, 16)
    assert front(drawable(square(), matt())).coverage[32, 32] == 1


def test_the_same_model_is_the_same_bytes_on_any_number_of_cores(tmp_path: Path) -> None:
    """A poster's hash is in the manifest: another process, folder, hash seed and core count change nothing."""
    code = (
        "import os, sys, hashlib; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1]);"
        "from assetpipe.quality.poster import render_poster; from tests.shapes import torus;"
        "from tests.quality.drawing import drawable, matt;"
        "print(hashlib.sha256(render_poster([drawable(torus(24), matt())], {}, 64)).hexdigest())"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=True)
    here = hashlib.sha256(render_poster([drawable(torus(24), matt())], {}, 64)).hexdigest()
    assert done.stdout.decode().strip() == here
