"""Scene -> the same picture without the vertex attributes that no material looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Array, Material, Mesh, Primitive, Scene
from assetpipe.geometry.uses import needs_tangents, uv_sets
from assetpipe.geometry.welding import weld


@dataclass(frozen=True, eq=False)
class Trimmed:
    scene: Scene
    notes: tuple[str, ...] = ()


def trim_attributes(scene: Scene) -> Trimmed:
    """UV sets that no texture is looked up with and tangents without a normal map go; vertices that were split for
    their sake are joined again. Custom attributes (_NAME) stay."""
    gone: Counter[str] = Counter()
    meshes = tuple(_trim_mesh(mesh, scene.materials, gone) for mesh in scene.meshes)
    notes = tuple(
        f"{name}, which no material uses, left out of {count:,} primitive{'s'[: count > 1]}"
        for name, count in sorted(gone.items())
    )
    return Trimmed(replace(scene, meshes=meshes) if gone else scene, notes)


def _trim_mesh(mesh: Mesh, materials: Sequence[Material], gone: Counter[str]) -> Mesh:
    trimmed = tuple(_trim(primitive, materials, gone) for primitive in mesh.primitives)
    same = all(a is b for a, b in zip(trimmed, mesh.primitives, strict=True))
    return mesh if same else replace(mesh, primitives=trimmed)


def _trim(primitive: Primitive, materials: Sequence[Material], gone: Counter[str]) -> Primitive:
    used = uv_sets(primitive, materials)
    needless, blank = _needless(primitive, used), _blank(primitive, used)
    if "TANGENT" in primitive.attributes and not needs_tangents(primitive, materials):
        needless = needless | {"TANGENT"}
    if not needless and not blank:
        return primitive
    gone.update(sorted(needless | blank))

    def left(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name: np.zeros_like(array) if name in blank else array
            for name, array in arrays.items()
            if name not in needless
        }

    targets = tuple(left(target) for target in primitive.targets)
    return weld(replace(primitive, attributes=left(primitive.attributes), targets=targets))


def _needless(primitive: Primitive, used: frozenset[int]) -> set[str]:
    """UV sets above the last that is used."""
    last = max(used, default=-1)
    return {name for name in primitive.attributes if name.startswith("TEXCOORD_") and int(name[9:]) > last}


def _blank(primitive: Primitive, used: frozenset[int]) -> set[str]:
    """Unused UV sets below one that is used: glTF wants their numbers without gaps, so they stay, as zeros."""
    names = {f"TEXCOORD_{n}" for n in range(max(used, default=0)) if n not in used}
    return {name for name in names & primitive.attributes.keys() if primitive.attributes[name].any()}
