"""Scene -> the same where every primitive has the UV sets that its materials look up, counted from 0 without a gap.

A missing set is zeros, which is what graphics hardware reads where there is none: the picture stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import Json, Material, Primitive, Scene

VARIANTS, TRANSFORM = "KHR_materials_variants", "KHR_texture_transform"


def fill_uv_sets(scene: Scene) -> Scene:
    looked_up = [_looked_up(material) for material in scene.materials]
    lacking: dict[str, list[str]] = {}
    meshes = []
    for number, mesh in enumerate(scene.meshes):
        filled = []
        for at, primitive in enumerate(mesh.primitives):
            missing = _missing(primitive, looked_up)
            if missing:
                lacking.setdefault(", ".join(missing), []).append(f"/meshes/{number}/primitives/{at}")
            filled.append(_with_zeros(primitive, missing) if missing else primitive)
        meshes.append(replace(mesh, primitives=tuple(filled)))
    return replace(scene, meshes=tuple(meshes), repairs=(*scene.repairs, *_told(lacking))) if lacking else scene


def _missing(primitive: Primitive, looked_up: Sequence[int]) -> list[str]:
    mappings = primitive.json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
    materials = {primitive.material, *(mapping["material"] for mapping in mappings)} - {None}
    own = [int(name[9:]) for name in primitive.attributes if name.startswith("TEXCOORD_")]
    last = max([*own, *(looked_up[material] for material in materials if material is not None)], default=-1)
    return [f"TEXCOORD_{n}" for n in range(last + 1) if n not in own]


def _looked_up(material: Material) -> int:
    """The last UV set that a texture of the material names, -1 without textures."""
    return max((uv_set(slot.info) for slot in material.textures), default=-1)


def uv_set(info: Json) -> int:
    transform = info.get("extensions", {}).get(TRANSFORM, {})
    return int(transform.get("texCoord", info.get("texCoord", 0)))


def _with_zeros(primitive: Primitive, semantics: Sequence[str]) -> Primitive:
    zeros = np.zeros((len(primitive.positions), 2), np.float32)
    return replace(primitive, attributes={**primitive.attributes, **dict.fromkeys(semantics, zeros)})


def _told(lacking: dict[str, list[str]]) -> Iterator[str]:
    for semantics, places in sorted(lacking.items()):
        many = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        yield f"W_UV {places[0]}{many}: {semantics} is missing, which a material or a later set counts on: zeros now"
