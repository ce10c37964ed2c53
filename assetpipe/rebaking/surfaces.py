"""Scene, material -> the Surface of all triangles that show it.

Each mesh is there once, in metres as large as the scene shows it at its largest, wherever it is placed: copies share
their texels. Meshes are parts of their own, so that none takes its colours from one that happens to lie in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Floats, Primitive, Scene
from assetpipe.baking import Surface
from assetpipe.tangents import with_tangents
from assetpipe.transforms import largest_scale, placements

Key = tuple[int, int]
"""(mesh, primitive of it)"""


def keys_of(scene: Scene, material: int | None) -> list[Key]:
    """The primitives that show it."""
    return [
        (at, number)
        for at, mesh in enumerate(scene.meshes)
        for number, each in enumerate(mesh.primitives)
        if each.mode == TRIANGLES and len(each.indices) and each.material == material
    ]


def mesh_scales(scene: Scene) -> dict[int, float]:
    scales: dict[int, float] = {}
    for placed in placements(scene):
        scales[placed.mesh] = max(scales.get(placed.mesh, 0.0), largest_scale(placed.matrices))
    return scales


def primitives_of(scene: Scene, keys: Sequence[Key], *, tangent_set: int | None) -> dict[Key, Primitive]:
    """With normals, and with tangents for the UV set where one is named."""
    return {(at, number): _dressed(scene.meshes[at].primitives[number], tangent_set) for at, number in keys}


def surface_of(primitives: Mapping[Key, Primitive], scales: Mapping[int, float]) -> Surface:
    """Primitives with normals; all have tangents, or none counts as having any."""
    own = list(primitives.values())
    starts = np.cumsum([0, *(len(each.positions) for each in own)])
    corners = [each.indices.astype(np.int64) + start for each, start in zip(own, starts, strict=False)]
    positions = [each.positions * np.float32(scales.get(mesh, 1.0)) for (mesh, _), each in primitives.items()]
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


def _dressed(primitive: Primitive, tangent_set: int | None) -> Primitive:
    dressed = primitive if "NORMAL" in primitive.attributes else _flat(primitive)
    name = f"TEXCOORD_{tangent_set}"
    return with_tangents(dressed, name) if name in primitive.attributes else dressed


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
