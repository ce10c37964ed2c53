"""Scene, Scene -> how alike they look at the size that a level is for: silhouettes from six sides, and pictures.

Both are framed by the source's box. A source's silhouettes are small (3.5 MB at 2160 px), so that they can outlive its
arrays.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assetpipe.asset import TRIANGLES, Scene
from assetpipe.geometry.pose import Pose
from assetpipe.poster import wound
from assetpipe.quality.drawables import Box, Drawable, drawn_box
from assetpipe.quality.silhouettes import Overlap, Silhouettes, overlap, take_silhouettes


def silhouette_iou(source: Scene, level: Scene, px: int) -> Overlap:
    """Intersection over union of the pixels that each covers, from six sides."""
    box = drawn_box(list(outlines(source)))
    return overlap(silhouettes(source, box, px), silhouettes(level, box, px))


def silhouettes(scene: Scene, box: Box, px: int) -> Silhouettes:
    return take_silhouettes(outlines(scene), box, px)


def outlines(scene: Scene) -> Iterator[Drawable]:
    """Where every triangle is drawn, without what only its shading needs."""
    pose = Pose(scene)
    for placement in pose.placements:
        for primitive in scene.meshes[placement.mesh].primitives:
            if primitive.mode != TRIANGLES or not len(primitive.indices):
                continue
            material = None if primitive.material is None else scene.materials[primitive.material]
            for at, points in enumerate(pose.vertices(placement, primitive)):
                matrix = placement.matrices[min(at, len(placement.matrices) - 1)]
                corners = wound(primitive, float(np.linalg.det(matrix[:3, :3])))
                yield Drawable(points.astype(np.float32), corners, material=material)
