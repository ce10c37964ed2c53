"""A checker through the whole of a build: merged, decimated, baked, encoded and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import assetpipe
from assetpipe.asset import Array
from assetpipe.config import load_config
from assetpipe.sources import open_source, read_scene
from tests.atlas.looks import look, scene, spots
from tests.atlas.merging import painted
from tests.atlas.test_variants_shown import written
from tests.shapes import sphere, torus
from tests.textures.pictures import bumps, cloth, png

FIELDS = 8
SETTINGS = """
[levels.preview]
max_triangles = 900
texture_px = 256
[levels.standard]
texture_px = 512
[textures]
atlas = "always"
bake = "always"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ring in a checker with bumps, and a ball of cloth beside it."""
    folder = tmp_path_factory.mktemp("checker")
    ring, ball = torus(96), sphere(32, 0.5)
    beside = ball.attributes["POSITION"] + np.float32([3, 0, 0])
    ball = replace(ball, attributes={**ball.attributes, "POSITION": beside})
    materials = [painted(0, name="checked", normalTexture={"index": 2}), painted(1, name="cloth")]
    parts = [replace(part, json={"material": at}) for at, part in enumerate((ring, ball))]
    source = scene(parts, materials, [png(_checker(256)), png(cloth(64)), png(bumps(64))])
    (folder / "small.toml").write_text(SETTINGS, encoding="utf-8")
    path = written(source, folder / "checked.glb", [])
    assetpipe.build(path, out=folder, asset="checked", config=folder / "small.toml")
    return folder / "checked"


def _checker(px: int) -> Array:
    y, x = np.mgrid[:px, :px] * FIELDS // px
    return np.where((x + y)[..., None] % 2, 255, 0).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize(("level", "clear"), [("preview", 0.15), ("standard", 0.06), ("high", 0.06)])
def test_a_checker_keeps_its_lines_through_a_build(bundle: Path, level: str, clear: float) -> None:
    """One draw call, far fewer triangles, and every point of the ring shows the field that it showed, but for `clear`
    of a field along the lines."""
    limits = load_config().limits
    with open_source(bundle / f"{level}.glb", limits) as source:
        found = read_scene(source, limits)
    ((primitive,),) = (mesh.primitives for mesh in found.meshes)
    faces, weights = spots(primitive, 12)
    points = np.einsum("nk,nkd->nd", weights, primitive.attributes["POSITION"].astype(float)[faces])
    on_ring = points[:, 0] < 2
    around = np.arctan2(-points[:, 2], points[:, 0]) / (2 * np.pi) % 1 * FIELDS
    across = np.arctan2(-points[:, 1], np.hypot(points[:, 0], points[:, 2]) - 1) / (2 * np.pi) % 1 * FIELDS
    white = (np.floor(around) + np.floor(across)) % 2 == 1
    inside = on_ring & (abs(around - np.round(around)) > clear) & (abs(across - np.round(across)) > clear)
    shown = look(found, primitive, (faces, weights))["baseColor"][:, 0] > 0.2
    assert inside.sum() > 0.3 * on_ring.sum() > 1000
    assert (shown == white)[inside].mean() > 0.998
