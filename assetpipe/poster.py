"""Scene -> picture: hands the geometry stage's triangles at rest and the textures stage's pixels to the renderer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Floats, Primitive, Scene
from assetpipe.baking.occlusion import has_baked, without_occlusion
from assetpipe.geometry.pose import Pose
from assetpipe.quality.drawables import REPEAT, Drawable, Texture
from assetpipe.quality.poster import render_poster
from assetpipe.textures.decode import decode
from assetpipe.transforms import Placement

POSTER_PX = 640
MANY = 2_000
"""Copies of one primitive beyond this are left out of the picture: nobody could tell them apart."""


def make_poster(scene: Scene) -> bytes:
    """A square WebP of the scene at rest, transparent about it. Shadows are cast: baked ones would darken twice."""
    scene = without_occlusion(scene) if has_baked(scene) else scene
    return render_poster(list(drawables(scene)), textures(scene), POSTER_PX)


def drawables(scene: Scene) -> Iterator[Drawable]:
    """Every triangle that the default scene draws, in the world."""
    pose = Pose(scene)
    for placement in pose.placements:
        for primitive in scene.meshes[placement.mesh].primitives:
            if primitive.mode == TRIANGLES and len(primitive.indices):
                yield from _copies(pose, placement, primitive)


def textures(scene: Scene) -> dict[int, Texture]:
    """By glTF texture index; an image that several textures show is decoded once."""
    pixels: dict[int, Array] = {}
    found: dict[int, Texture] = {}
    for at in sorted({slot.texture for material in scene.materials for slot in material.textures}):
        texture = scene.json["textures"][at]
        image = texture.get("source")
        if image is not None:
            if image not in pixels:
                pixels[image] = decode(scene.images[image].data, scene.images[image].name).rgba
            found[at] = Texture(pixels[image], _wrap(scene, texture.get("sampler")))
    return found


def _wrap(scene: Scene, sampler: int | None) -> tuple[int, int]:
    json = {} if sampler is None else scene.json["samplers"][sampler]
    return json.get("wrapS", REPEAT), json.get("wrapT", REPEAT)


def _copies(pose: Pose, placement: Placement, primitive: Primitive) -> Iterator[Drawable]:
    material = None if primitive.material is None else pose.scene.materials[primitive.material]
    uvs = {int(name[9:]): array for name, array in primitive.attributes.items() if name.startswith("TEXCOORD_")}
    for at, points in enumerate(pose.vertices(placement, primitive)):
        if at == MANY:
            return
        matrix = placement.matrices[min(at, len(placement.matrices) - 1)]
        yield Drawable(
            positions=points.astype(np.float32),
            indices=wound(primitive, float(np.linalg.det(matrix[:3, :3]))),
            normals=_normals(pose, placement, primitive, matrix),
            uvs=uvs,
            colours=primitive.attributes.get("COLOR_0"),
            material=material,
        )


def wound(primitive: Primitive, determinant: float) -> Array:
    """A mirrored copy turns its triangles inside out; two corners are swapped to turn them back."""
    if determinant >= 0:
        return primitive.indices
    return np.ascontiguousarray(primitive.indices.reshape(-1, 3)[:, ::-1]).reshape(-1)


def _normals(pose: Pose, placement: Placement, primitive: Primitive, matrix: Array) -> Floats | None:
    normals = primitive.attributes.get("NORMAL")
    if normals is None:
        return None
    if placement.skin is None:
        turned = normals @ np.linalg.pinv(matrix[:3, :3])
    else:
        turned = _skinned_directions(pose, placement, primitive, normals)
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    unit: Floats = np.divide(turned, length, out=np.zeros_like(turned), where=length > 0).astype(np.float32)
    return unit


def _skinned_directions(pose: Pose, placement: Placement, primitive: Primitive, directions: Array) -> Array:
    """Where the joints take a point a little along each direction, less where they take the vertex itself."""
    step = 1e-3 * float(np.ptp(primitive.positions, axis=0).max() or 1.0)
    ahead = {**primitive.attributes, "POSITION": primitive.positions + step * directions}
    (moved,) = pose.vertices(placement, replace(primitive, attributes=ahead))
    (still,) = pose.vertices(placement, primitive)
    return moved - still
