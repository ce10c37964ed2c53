"""SCENE -> SCENE PER LEVEL: prepare, decimate, trim; where things are drawn, how far two surfaces lie apart."""

from assetpipe.geometry.bounds import Bounds, scene_bounds
from assetpipe.geometry.decimate import Decimated, decimate
from assetpipe.geometry.deviation import measure_deviation
from assetpipe.geometry.morphs import drop_morphs
from assetpipe.geometry.prepare import prepare
from assetpipe.geometry.trim import Trimmed, trim_attributes
from assetpipe.transforms import Placement, drawn_triangles, placements, world_matrices

__all__ = [
    "Bounds",
    "Decimated",
    "Placement",
    "Trimmed",
    "decimate",
    "drawn_triangles",
    "drop_morphs",
    "measure_deviation",
    "placements",
    "prepare",
    "scene_bounds",
    "trim_attributes",
    "world_matrices",
]
