"""SOURCE SURFACE, LEVEL -> THE LEVEL'S MAPS: what decimation took from the shape comes back in its textures."""

from assetpipe.baking.bake import bake
from assetpipe.baking.staging import Staged, stage_source
from assetpipe.baking.surface import Baked, BakeRequest, Coat, Layer, Occlusion, Surface, Texture

__all__ = [
    "BakeRequest",
    "Baked",
    "Coat",
    "Layer",
    "Occlusion",
    "Staged",
    "Surface",
    "Texture",
    "bake",
    "stage_source",
]
