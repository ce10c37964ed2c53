"""Materials to merge, and whether what comes out looks as before."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Image, Json, Material, Scene
from assetpipe.atlas import place, plan_atlas
from assetpipe.container import prune
from tests.atlas.looks import FINE, looks, pictures, quad, scene, settings, square
from tests.textures.pictures import png


def noise(side: int, channels: int = 3, seed: int = 1) -> Image:
    return png(np.random.default_rng(seed).integers(0, 256, (side, side, channels), np.uint8))


def painted(texture: int | None, transform: Json | None = None, **more: object) -> Material:
    info: Json = {} if texture is None else {"baseColorTexture": {"index": texture}}
    if transform:
        info["baseColorTexture"]["extensions"] = {"KHR_texture_transform": transform}
    return Material({"pbrMetallicRoughness": info, **more})


def merged(source: Scene, **changes: object) -> Scene:
    """With the primitives in the order of the source's."""
    plan = plan_atlas(source, settings(**changes), FINE, pictures())
    return prune(place(source, plan, pictures()))


def assert_alike(source: Scene, result: Scene, tolerance: float = 0.004) -> None:
    before, after = looks(source), looks(result)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=tolerance, err_msg=name)


def two_noises() -> Scene:
    return scene(
        [quad(square(0.1, 0.1, 0.9, 0.9), 0), quad(square(0.2, 0.3, 0.5, 0.8), 1, at=2)],
        [painted(0), painted(1)],
        [noise(64), noise(128, seed=2)],
    )
