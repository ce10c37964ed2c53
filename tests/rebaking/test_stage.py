"""A source's triangles and materials, ready to be baked from."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.rebaking import rebake, stage
from assetpipe.textures import TextureCache
from tests.rebaking.levels import asked, coarse, level_of, scene, sheet
from tests.textures.pictures import png


def test_tangents_that_are_made_while_triangles_are_sorted_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other or side by side: the same normal maps, byte for byte."""
    ripples = np.random.default_rng(1).integers(120, 136, (64, 64, 3)) | np.array([0, 0, 240])
    source = scene(
        sheet(), material={"name": "cloth", "normalTexture": {"index": 0}}, images=(png(ripples.astype(np.uint8)),)
    )
    made, early = [], []
    for many in (range(0), range(1_000_000)):
        monkeypatch.setattr(stage, "MANY", many)
        early.append(stage.stage_shape(source, (0,), "cpu").bent is not None)
        made.append(rebake(source, [level_of(source, coarse())], asked(), TextureCache())[0].scene.images[-1])
    assert early == [False, True]
    assert made[0].data == made[1].data != source.images[0].data
