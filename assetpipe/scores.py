"""Scene, Scene -> how alike they look at the size that a level is for: outlines from six sides, and pictures.

Both are framed by the source's box, each view by its own sides of it: a racket seen from its end fills the picture too.
That is stricter than one scale for all six. A source's silhouettes are small (3.5 MB at 2160 px), so that they outlive
its arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import TRIANGLES, Mesh, Scene
from assetpipe.baking.occlusion import has_baked, without_occlusion
from assetpipe.config import Compression
from assetpipe.container.grid import Grid, position_grids
from assetpipe.geometry.pose import Pose
from assetpipe.poster import drawables, textures, wound
from assetpipe.quality.cameras import views
from assetpipe.quality.drawables import Box, Drawable, drawn_box
from assetpipe.quality.likeness import Likeness, likeness
from assetpipe.quality.render import Frame, Look, render_each
from assetpipe.quality.silhouettes import Overlap, Silhouettes, overlap, take_silhouettes

MOST_PX = 4096
"""Six silhouettes take 100 MB then, while they are drawn; a level for a larger screen is judged at this size."""
SAMPLES_ACROSS = 4096
"""Of a picture to compare, about: at 2 × 2 samples in a pixel, leather and knitwear at 256 px sparkle differently in
two models that look alike. Mean SSIM of the gadget's `preview` by samples per side: 2: 0.944, 4: 0.962, 8: 0.967."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """What is left of a source to compare its levels with."""

    box: Box
    silhouettes: Mapping[int, Silhouettes]
    """by pixels of a picture's side"""

    def overlap(self, level: Scene, px: int) -> Overlap:
        px = min(px, MOST_PX)
        return overlap(self.silhouettes[px], silhouettes(level, self.box, px))


def keep_outlines(source: Scene, sizes: Iterable[int]) -> Outlines:
    box = outline_box(source)
    sizes = dict.fromkeys(min(px, MOST_PX) for px in sizes)
    return Outlines(box, {px: silhouettes(source, box, px) for px in sizes})


def silhouette_iou(source: Scene, level: Scene, px: int) -> Overlap:
    """Intersection over union of the pixels that each covers."""
    return keep_outlines(source, [px]).overlap(level, px)


def picture_ssim(source: Scene, level: Scene, px: int) -> Likeness:
    """Structural similarity under neutral light. Six pairs of pictures take a minute or two of CPU from 1024 px on, and
    textures as large as the source's: not for every build. What `bake_occlusion` has added to a level was asked for and
    is no likeness: neither is drawn with occlusion then."""
    if has_baked(level):
        source, level = without_occlusion(source), without_occlusion(level)
    box = outline_box(source)
    return likeness(pictures(source, box, px), pictures(level, box, px))


def silhouettes(scene: Scene, box: Box, px: int) -> Silhouettes:
    return take_silhouettes(outlines(scene), box, px)


def pictures(scene: Scene, box: Box, px: int) -> Iterator[Frame]:
    """From the same six sides, in white light from the room and from about the camera. No shadows: those would blur
    what is compared."""
    look = Look(samples=min(max(SAMPLES_ACROSS // px, 2), 8), rays=0)
    return render_each(list(drawables(scene)), textures(scene), views(box), px, look)


def outline_box(scene: Scene) -> Box:
    """Of what is drawn; a point at the origin when that is nothing."""
    boxes = [drawn_box([item]) for item in outlines(scene)]
    if not boxes:
        return drawn_box([])
    return Box(np.min([box.low for box in boxes], axis=0), np.max([box.high for box in boxes], axis=0))


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


def as_shipped(scene: Scene, compression: Compression) -> Scene:
    """Positions as they will be decoded: on the lattice of the file. On thin strings that can be counted: from above,
    TennisRacquet's `high` overlaps 0.9999 with its source before and 0.9961 after."""
    if compression.geometry == "none":
        return scene
    grids = position_grids(scene, compression.position_bits)
    meshes = tuple(_snapped(mesh, grid) for mesh, grid in zip(scene.meshes, grids, strict=True))
    return replace(scene, meshes=meshes)


def _snapped(mesh: Mesh, grid: Grid) -> Mesh:
    primitives = (
        replace(each, attributes={**each.attributes, "POSITION": grid.snap(each.positions)}) for each in mesh.primitives
    )
    return replace(mesh, primitives=tuple(primitives))
