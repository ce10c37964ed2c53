"""Scene -> the same with tangents where a material cannot do without: a coat's normal map or a map of anisotropy, and
no normal map of the surface, for which every viewer makes tangents itself.

Per triangle from its UVs and summed at the vertices (E. Lengyel, Foundations of Game Engine Development 2, 7.5). Where
mirrored UVs meet, a vertex has two tangents, so it becomes two vertices.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Indices, Material, Primitive, Scene, TextureSlot
from assetpipe.errors import SourceError
from assetpipe.sources.uv_sets import uv_set

BENT = ("clearcoatNormal", "anisotropy")


def fill_tangents(scene: Scene) -> Scene:
    bent = [_bent_by(material) for material in scene.materials]
    if not any(slot is not None for slot in bent):
        return scene
    made: list[str] = []
    meshes = []
    for number, mesh in enumerate(scene.meshes):
        filled = []
        for at, primitive in enumerate(mesh.primitives):
            slot = bent[primitive.material] if primitive.material is not None else None
            if slot is not None and not {"NORMAL", "TANGENT"} <= primitive.attributes.keys():
                made.append(f"/meshes/{number}/primitives/{at}")
                primitive = _with_tangents(_with_normals(primitive, made[-1]), f"TEXCOORD_{uv_set(slot.info)}")
            filled.append(primitive)
        meshes.append(replace(mesh, primitives=tuple(filled)))
    return replace(scene, meshes=tuple(meshes), repairs=(*scene.repairs, *_told(made))) if made else scene


def _bent_by(material: Material) -> TextureSlot | None:
    slots = {slot.name: slot for slot in material.textures}
    return None if "normal" in slots else next((slots[name] for name in BENT if name in slots), None)


def _with_normals(primitive: Primitive, place: str) -> Primitive:
    """Flat where there are none, as glTF 2.0, 3.7.2.1 asks: each triangle with vertices of its own."""
    if primitive.mode != TRIANGLES:
        hint = "give them another material, or export them with normals and tangents"
        raise SourceError("E_TANGENT", f"{place}: lines or points in a material that needs tangents", hint=hint)
    if "NORMAL" in primitive.attributes:
        return primitive
    at = primitive.indices
    corners = primitive.positions[at].reshape(-1, 3, 3).astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit = np.where(length > 0, normals / np.where(length > 0, length, 1), [0.0, 0.0, 1.0])
    attributes = {name: values[at] for name, values in primitive.attributes.items() if name != "TANGENT"}
    return replace(
        primitive,
        indices=np.arange(len(at), dtype=np.uint32),
        attributes={**attributes, "NORMAL": unit.repeat(3, axis=0).astype(np.float32)},
        targets=tuple(
            {name: values[at] for name, values in target.items() if name != "TANGENT"} for target in primitive.targets
        ),
    )


def _told(made: list[str]) -> tuple[str, ...]:
    if not made:
        return ()
    many = f" and {len(made) - 1:,} more" if len(made) > 1 else ""
    return (f"W_TANGENT {made[0]}{many}: the material needs tangents and no normal map gives them: made from its UVs",)


def _with_tangents(primitive: Primitive, semantic: str) -> Primitive:
    faces = primitive.indices.reshape(-1, 3)
    along, right = _along(primitive.positions[faces], primitive.attributes[semantic][faces])
    old, corners, sides = _sides(faces, right)
    total = np.zeros((len(old), 3))
    for corner in range(3):
        np.add.at(total, corners[:, corner], along)
    tangents = np.concatenate([_square_to(primitive.attributes["NORMAL"][old], total), sides[:, None]], axis=1)
    attributes = {name: values[old] for name, values in primitive.attributes.items()}
    return replace(
        primitive,
        indices=np.ascontiguousarray(corners.reshape(-1), np.uint32),
        attributes={**attributes, "TANGENT": tangents.astype(np.float32)},
        targets=tuple({name: values[old] for name, values in target.items()} for target in primitive.targets),
    )


def _along(points: Array, uvs: Array) -> tuple[Array, Array]:
    """(n, 3, 3) and (n, 3, 2) -> (n, 3) the way U grows, weighed by area; (n,) whether the picture is not mirrored."""
    edges, steps = (values[:, 1:].astype(np.float64) - values[:, :1] for values in (points, uvs))
    area = steps[:, 0, 0] * steps[:, 1, 1] - steps[:, 1, 0] * steps[:, 0, 1]
    along = (edges[:, 0] * steps[:, 1, 1:] - edges[:, 1] * steps[:, 0, 1:]) * np.sign(area)[:, None]
    # V grows downwards in glTF: a picture that is seen from its front has a negative area.
    return along, area <= 0


def _sides(faces: Indices, right: Array) -> tuple[Array, Array, Array]:
    """The old vertex of each new one, (n, 3) the new vertices of the triangles, and the side (w) of each new one."""
    keys = faces.astype(np.int64) * 2 + ~right[:, None]
    new, corners = np.unique(keys.reshape(-1), return_inverse=True)
    return new // 2, corners.reshape(-1, 3), np.where(new % 2 == 0, 1.0, -1.0)


def _square_to(normals: Array, along: Array) -> Array:
    """(n, 3) of length 1; any direction across the normal where UVs give none."""
    normals = normals.astype(np.float64)
    least = np.eye(3)[np.abs(normals).argmin(axis=1)]
    found = along - normals * (along * normals).sum(axis=1, keepdims=True)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    any_way = np.cross(normals, least)
    any_way /= np.linalg.norm(any_way, axis=1, keepdims=True)
    # Shorter than rounding errors of what it was taken from: no direction.
    weak = length <= 1e-6 * np.linalg.norm(along, axis=1, keepdims=True)
    unit: Array = np.where(weak, any_way, found / np.maximum(length, 1e-300))
    return unit
