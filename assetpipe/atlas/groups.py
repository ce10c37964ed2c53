"""Scene -> which of its materials may become one, and why the others may not.

What cannot be a texel must agree: alpha mode, sidedness, refraction, colours of volumes. A coat, a sheen or a specular
colour that a material lacks is a texel of zero (or one), so that those who have it and those who lack it may merge; a
material that lets light through stays apart from one that does not, for it is drawn in a pass of its own. What shows
other materials in other variants may merge with what may merge with it in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from assetpipe.asset import TRIANGLES, Json, Material, Scene
from assetpipe.atlas.lookups import are_along, is_blocky
from assetpipe.atlas.paints import FACING
from assetpipe.slots import SLOTS, laid
from assetpipe.worn import Worn, worn_by

POINTER = "KHR_animation_pointer"
PREFIX = "KHR_materials_"
SHARED = frozenset({"clearcoat", "sheen", "specular", "emissive_strength"})
"""Extensions that a material without them has at zero; all they say are factors and maps."""
SCALARS = {
    "unlit": (),
    "ior": ("ior",),
    "dispersion": ("dispersion",),
    "transmission": (),
    "volume": ("attenuationDistance", "attenuationColor"),
    "diffuse_transmission": (),
    "iridescence": ("iridescenceIor",),
    "anisotropy": ("anisotropyRotation",),
}
"""What these say and texels cannot; only materials that have them alike may merge."""
UNLIKE = "no other material has their alpha mode, sides, filter and extensions"


@dataclass(frozen=True)
class Groups:
    mergeable: tuple[tuple[Worn, ...], ...]
    """Rows of materials of each group of two or more."""
    alone: dict[int, str]
    """Material -> why it stays as it is, in words."""


def group_materials(scene: Scene) -> Groups:
    """Only materials that triangles show count."""
    alone = dict(_set_apart(scene))
    groups: dict[str, list[Worn]] = {}
    for worn in sorted(_shown(scene)):
        if alone.keys().isdisjoint(worn) and min(worn) >= 0:
            likeness = [_likeness(scene, scene.materials[at]) for at in worn]
            groups.setdefault(json.dumps(likeness), []).append(worn)
    lone = {at: UNLIKE for group in groups.values() if len(group) == 1 for at in group[0]}
    return Groups(tuple(tuple(group) for group in groups.values() if len(group) > 1), {**lone, **alone})


def _shown(scene: Scene) -> set[Worn]:
    """By triangles; UVs that are missing are seen to by the reader."""
    worn = worn_by(scene)
    return {worn[mesh, at] for mesh, at in worn if scene.meshes[mesh].primitives[at].triangles}


def _set_apart(scene: Scene) -> Iterator[tuple[int, str]]:
    for at, material in enumerate(scene.materials):
        unknown = _unknown(material)
        if unknown:
            yield at, f"{unknown} is unknown here"
    for worn in sorted(set(worn_by(scene).values())):
        yield from _apart_in_variants(scene, worn)
    if POINTER in json.dumps(scene.json.get("animations", [])):
        for at in range(len(scene.materials)):
            if f'"/materials/{at}/' in json.dumps(scene.json["animations"]):
                yield at, "an animation changes it"
    for (mesh, own), worn in worn_by(scene).items():
        if scene.meshes[mesh].primitives[own].mode != TRIANGLES:
            yield from ((at, "lines or points show it") for at in sorted(set(worn)) if at >= 0)


def _apart_in_variants(scene: Scene, worn: Worn) -> Iterator[tuple[int, str]]:
    own = [at for at in sorted(set(worn)) if at >= 0]
    slots = [slot for at in own for slot in scene.materials[at].textures if slot.name in FACING]
    planes = [laid(slot.info) for slot in slots]
    if min(worn) < 0:
        yield from ((at, "where it is shown, a variant shows no material") for at in own)
    elif not all(are_along(planes[0], each) for each in planes):
        yield from ((at, "the vectors in its maps follow tangents of different UVs") for at in own)


def _unknown(material: Material) -> str:
    """An extension or a texture that this version does not know."""
    known = {PREFIX + name for name in SHARED | SCALARS.keys()}
    extensions = [name for name in material.json.get("extensions", {}) if name not in known]
    slots = [slot.name for slot in material.textures if slot.name not in SLOTS]
    return next(iter([*extensions, *slots]), "")


def _likeness(scene: Scene, material: Material) -> str:
    mode = material.alpha_mode
    extensions: Json = material.json.get("extensions", {})
    said = {
        name: [extensions[PREFIX + name].get(key) for key in SCALARS[name]]
        for name in sorted(SCALARS)
        if PREFIX + name in extensions
    }
    said["ior"] = [said.get("ior", [1.5])[0] or 1.5]
    cutoff = material.json.get("alphaCutoff", 0.5) if mode == "MASK" else None
    return json.dumps([mode, cutoff, material.double_sided, is_blocky(scene, material), said], sort_keys=True)
