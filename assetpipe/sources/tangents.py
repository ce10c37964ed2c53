"""Scene -> the same with tangents where a material cannot do without: a coat's normal map or a map of anisotropy, and
no normal map of the surface, for which every viewer makes tangents itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import TRIANGLES, Material, Primitive, Scene, TextureSlot
from assetpipe.errors import SourceError
from assetpipe.slots import laid
from assetpipe.tangents import with_tangents

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
                how = laid(slot.info)
                primitive = with_tangents(_with_normals(primitive, made[-1]), f"TEXCOORD_{how.uv_set}", how.turn)
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
