"""SCENE -> SCENE PER LEVEL: prepare, remove the hidden, decimate, trim; where things are drawn, how far they differ."""

from assetpipe.geometry.bounds import Bounds, scene_bounds
from assetpipe.geometry.decimate import Decimated, decimate
from assetpipe.geometry.deviation import measure_deviation
from assetpipe.geometry.hidden import Hidden, remove_hidden
from assetpipe.geometry.morphs import drop_morphs
from assetpipe.geometry.prepare import prepare
from assetpipe.geometry.trim import Trimmed, trim_attributes
from assetpipe.transforms import Placement, drawn_triangles, placements, world_matrices

__all__ = [
    "Bounds",
    "Decimated",
    "Hidden",
    "Placement",
    "Trimmed",
    "decimate",
    "drawn_triangles",
    "drop_morphs",
    "measure_deviation",
    "placements",
    "prepare",
    "remove_hidden",
    "scene_bounds",
    "trim_attributes",
    "world_matrices",
]
