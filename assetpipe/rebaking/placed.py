"""Scene -> the Surface of what it draws, where it is drawn: what casts ambient occlusion, and what it falls on.

Elsewhere each mesh is there once and by itself (surfaces.py). Light comes from all about, so here all stand where
their nodes, joints and default morph weights put them. Of a mesh that is placed several times the first copy counts for
what falls on it, for all of them share their texels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Array, Floats, Indices, Material, Primitive, Scene
from assetpipe.baking import Surface
from assetpipe.geometry.pose import Pose
from assetpipe.geometry.sights import LOOKED_THROUGH
from assetpipe.transforms import Doubles, Placement
from assetpipe.worn import NOTHING, Key, Worn, worn_by

Point = tuple[float, float, float]
AHEAD = 1e-3
"""Of a mesh's extent: as far along its normal a point is looked for after joints have moved it."""


@dataclass(frozen=True, eq=False)
class Copy:
    """A primitive at one of its places."""

    key: Key
    points: Floats
    """(n, 3) metres about a centre"""
    corners: Indices
    """Counter-clockwise from in front, mirrored copies too."""
    normals: Floats
    """(n, 3) unit; zero where there are none, or where nobody asks."""
    first: bool
    """Of its mesh."""


def materials_of(scene: Scene, worn: Worn) -> list[Material]:
    """Each once, in order."""
    return [Material({}) if at == NOTHING else scene.materials[at] for at in dict.fromkeys(worn)]


def is_solid(material: Material) -> bool:
    """Whether nothing is seen through it."""
    return material.alpha_mode == "OPAQUE" and not LOOKED_THROUGH & {*material.json.get("extensions", {})}


def occluders(scene: Scene, centre: Point) -> Surface:
    """All that is solid in every variant. A first copy's part is its mesh's number; what only casts has another."""
    worn = {key: materials_of(scene, own) for key, own in worn_by(scene).items()}
    solid = [key for key, own in worn.items() if all(map(is_solid, own))]
    copies = list(_copies(scene, {(mesh, at): scene.meshes[mesh].primitives[at] for mesh, at in solid}, centre))
    faces = [len(copy.corners) // 3 for copy in copies]
    parts = [copy.key[0] if copy.first else len(scene.meshes) for copy in copies]
    sheets = [any(each.double_sided for each in worn[copy.key]) for copy in copies]
    return replace(_joined(copies), parts=np.repeat(parts, faces), two_sided=np.repeat(sheets, faces))


def first_copies(scene: Scene, primitives: Mapping[Key, Primitive], uv_set: int | None, centre: Point) -> Surface:
    """Of these, where the scene shows those of their numbers, with their UVs as the only set."""
    copies = [copy for copy in _copies(scene, primitives, centre) if copy.first]
    parts = np.repeat([copy.key[0] for copy in copies], [len(copy.corners) // 3 for copy in copies])
    made = replace(_joined(copies), parts=parts)
    if uv_set is None:
        return made
    uvs = [primitives[copy.key].attributes[f"TEXCOORD_{uv_set}"] for copy in copies]
    return replace(made, uvs={0: np.concatenate([np.zeros((0, 2), np.float32), *uvs])})


def _joined(copies: list[Copy]) -> Surface:
    starts = np.cumsum([0, *(len(copy.points) for copy in copies)])
    none = np.zeros((0, 3), np.float32)
    corners = [copy.corners.astype(np.int64) + start for copy, start in zip(copies, starts, strict=False)]
    return Surface(
        np.concatenate([none, *(copy.points for copy in copies)]),
        np.concatenate([np.zeros(0, np.int64), *corners]).astype(np.uint32),
        np.concatenate([none, *(copy.normals for copy in copies)]),
    )


def _copies(scene: Scene, primitives: Mapping[Key, Primitive], centre: Point) -> Iterator[Copy]:
    """Those that lie somewhere: a matrix may be anything."""
    pose, known = Pose(scene), set[int]()
    for placement in pose.placements:
        first = placement.mesh not in known
        known.add(placement.mesh)
        for key, primitive in primitives.items():
            if key[0] != placement.mesh or not primitive.triangles:
                continue
            for at, points in enumerate(pose.vertices(placement, primitive)):
                if np.isfinite(points).all():
                    places = (points - centre).astype(np.float32)
                    yield Copy(key, places, *_dressed(pose, placement, primitive, at, first=first and at == 0))


def _dressed(
    pose: Pose, placement: Placement, primitive: Primitive, at: int, *, first: bool
) -> tuple[Indices, Floats, bool]:
    """Corners, normals and whether it is the first copy, of copy `at`."""
    matrix = placement.matrices[min(at, len(placement.matrices) - 1)]
    corners = primitive.indices
    if np.linalg.det(matrix[:3, :3]) < 0:
        corners = np.ascontiguousarray(corners.reshape(-1, 3)[:, ::-1]).reshape(-1)
    normals = _normals(pose, placement, primitive, matrix) if first else np.zeros_like(primitive.positions)
    return corners, normals, first


def _normals(pose: Pose, placement: Placement, primitive: Primitive, matrix: Doubles) -> Floats:
    found = primitive.attributes.get("NORMAL")
    if found is None:
        return np.zeros_like(primitive.positions)
    turned = _turned(found, matrix) if placement.skin is None else _skinned(pose, placement, primitive, found)
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    sound = np.isfinite(length) & (length > 0)
    unit: Floats = np.divide(turned, length, out=np.zeros_like(turned), where=sound).astype(np.float32)
    return unit


def _turned(normals: Array, matrix: Doubles) -> Doubles:
    """By the cofactors, the inverse's transpose but for its size: they are there for a matrix that flattens, too. Sums
    written out: a matrix product may round differently on another processor."""
    x, y, z = matrix[0, :3], matrix[1, :3], matrix[2, :3]
    rows = np.stack([np.cross(y, z), np.cross(z, x), np.cross(x, y)])
    u, v, w = (normals[:, at].astype(np.float64) for at in range(3))
    mirrored = np.where((x * rows[0]).sum() < 0, -1.0, 1.0)
    turned: Doubles = np.stack([row[0] * u + row[1] * v + row[2] * w for row in rows], axis=-1) * mirrored
    return turned


def _skinned(pose: Pose, placement: Placement, primitive: Primitive, normals: Array) -> Doubles:
    """Where joints take a point a little along each normal, less where they take the vertex."""
    step = AHEAD * float(np.ptp(primitive.positions, axis=0).max(initial=0.0) or 1.0)
    ahead = {**primitive.attributes, "POSITION": primitive.positions + np.float32(step) * normals}
    (moved,) = pose.vertices(placement, replace(primitive, attributes=ahead))
    (still,) = pose.vertices(placement, primitive)
    return moved - still
