"""Scene, material (in each variant) -> the Surface of all triangles that show it.

Each mesh is there once, in metres as large as the scene shows it at its largest, wherever it is placed: copies share
their texels. Meshes are parts of their own, so that none takes its colours from one that happens to lie in it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Floats, Primitive, Scene
from assetpipe.baking import Surface
from assetpipe.geometry.pose import Pose
from assetpipe.tangents import STRAIGHT, Turn, with_tangents
from assetpipe.transforms import placements
from assetpipe.worn import Key, Worn, worn_by

MOST_STRETCH = 4.0
"""More would look for thin things' fronts behind their backs."""


def keys_of(scene: Scene, wanted: Worn) -> list[Key]:
    """The primitives that show these materials, each in its variants."""
    found = {key: scene.meshes[key[0]].primitives[key[1]] for key, worn in worn_by(scene).items() if worn == wanted}
    return [key for key, each in found.items() if each.mode == TRIANGLES and len(each.indices)]


def mesh_scales(scene: Scene) -> Sequence[float]:
    """Of skinned meshes by their joints, which may be in other units than the mesh."""
    return Pose(scene).scales


def stretch(scene: Scene, meshes: Container[int]) -> float:
    """How many times more nodes stretch one of the meshes one way than another."""
    ratios = [1.0]
    for placed in placements(scene):
        if placed.mesh in meshes and placed.skin is None:
            sizes = np.linalg.svd(np.nan_to_num(placed.matrices[:, :3, :3]), compute_uv=False)
            ratios += (sizes[:, 0] / np.maximum(sizes[:, 2], sizes[:, 0] / MOST_STRETCH + 1e-30)).tolist()
    return max(ratios)


def primitives_of(scene: Scene, keys: Sequence[Key]) -> dict[Key, Primitive]:
    """With normals."""
    return {(at, number): with_normals(scene.meshes[at].primitives[number]) for at, number in keys}


def with_new_tangents(primitives: Mapping[Key, Primitive], uv_set: int) -> dict[Key, Primitive]:
    return {key: with_tangents(each, f"TEXCOORD_{uv_set}") for key, each in primitives.items()}


def with_source_tangents(
    primitives: Mapping[Key, Primitive], uv_set: int, turn: Turn = STRAIGHT
) -> dict[Key, Primitive]:
    """The author's own, and where there are none those that viewers make: along the UVs as a normal map's
    KHR_texture_transform turns them."""
    name = f"TEXCOORD_{uv_set}"
    lacking = {key for key, each in primitives.items() if "TANGENT" not in each.attributes and name in each.attributes}
    return {key: with_tangents(each, name, turn) if key in lacking else each for key, each in primitives.items()}


def surface_of(primitives: Mapping[Key, Primitive], scales: Sequence[float]) -> Surface:
    """Primitives with normals; all have tangents, or none counts as having any."""
    own = list(primitives.values())
    starts = np.cumsum([0, *(len(each.positions) for each in own)])
    corners = [each.indices.astype(np.int64) + start for each, start in zip(own, starts, strict=False)]
    positions = [each.positions * np.float32(scales[mesh]) for (mesh, _), each in primitives.items()]
    tangents = [each.attributes["TANGENT"] for each in own if "TANGENT" in each.attributes]
    parts = np.repeat([mesh for mesh, _ in primitives], [each.triangles for each in own])
    return Surface(
        positions=np.concatenate(positions),
        indices=np.concatenate(corners).astype(np.uint32),
        normals=np.concatenate([each.attributes["NORMAL"] for each in own]),
        tangents=np.concatenate(tangents) if len(tangents) == len(own) else None,
        uvs={number: _joined_uvs(own, number) for number in _uv_sets(own)},
        colours=_joined_colours(own),
        parts=parts,
    )


def with_normals(primitive: Primitive) -> Primitive:
    return primitive if "NORMAL" in primitive.attributes else _flat(primitive)


def _flat(primitive: Primitive) -> Primitive:
    """glTF shades what has no normals face by face."""
    corners = primitive.indices
    attributes = {name: np.ascontiguousarray(values[corners]) for name, values in primitive.attributes.items()}
    triangles = attributes["POSITION"].reshape(-1, 3, 3).astype(np.float64)
    along = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    length = np.linalg.norm(along, axis=1, keepdims=True)
    normals = np.divide(along, length, out=np.tile([0.0, 0.0, 1.0], (len(along), 1)), where=length > 0)
    attributes["NORMAL"] = np.repeat(normals, 3, axis=0).astype(np.float32)
    targets = tuple(
        {name: np.ascontiguousarray(values[corners]) for name, values in target.items()} for target in primitive.targets
    )
    indices = np.arange(len(corners), dtype=np.uint32)
    return replace(primitive, indices=indices, attributes=attributes, targets=targets)


def _uv_sets(primitives: Sequence[Primitive]) -> list[int]:
    names = {name for each in primitives for name in each.attributes if name.startswith("TEXCOORD_")}
    return sorted(int(name.removeprefix("TEXCOORD_")) for name in names)


def _joined_uvs(primitives: Sequence[Primitive], number: int) -> Floats:
    return np.concatenate(list(_with(primitives, f"TEXCOORD_{number}", (0.0, 0.0))))


def _joined_colours(primitives: Sequence[Primitive]) -> Floats | None:
    if not any("COLOR_0" in each.attributes for each in primitives):
        return None
    return np.concatenate(list(_with(primitives, "COLOR_0", (1.0, 1.0, 1.0, 1.0))))


def _with(primitives: Sequence[Primitive], name: str, default: Sequence[float]) -> Iterator[Array]:
    """(n, components) of each; what it lacks is as `default` says."""
    for each in primitives:
        found = np.tile(np.array(default, np.float32), (len(each.positions), 1))
        values = each.attributes.get(name)
        if values is not None:
            found[:, : values.shape[1]] = values
        yield found
