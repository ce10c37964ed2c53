"""Scene -> which of its materials may become one, and why the others may not.

What cannot be a texel must agree: alpha mode, sidedness, refraction, colours of volumes. A coat, a sheen or a specular
colour that a material lacks is a texel of zero (or one), so that those who have it and those who lack it may merge; a
material that lets light through stays apart from one that does not, for it is drawn in a pass of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from assetpipe.asset import TRIANGLES, Json, Material, Scene
from assetpipe.atlas.lookups import NEAREST, sampler_of
from assetpipe.atlas.slots import SLOTS

VARIANTS = "KHR_materials_variants"
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


@dataclass(frozen=True)
class Groups:
    mergeable: tuple[tuple[int, ...], ...]
    """Materials, by index, of each group of two or more."""
    alone: dict[int, str]
    """Material -> why it stays as it is, in words."""


def group_materials(scene: Scene) -> Groups:
    """Only materials that triangles show count."""
    alone = dict(_set_apart(scene))
    groups: dict[str, list[int]] = {}
    for at in sorted(_shown(scene) - alone.keys()):
        groups.setdefault(_likeness(scene, scene.materials[at]), []).append(at)
    return Groups(tuple(tuple(group) for group in groups.values() if len(group) > 1), alone)


def _shown(scene: Scene) -> set[int]:
    """By triangles; UVs that are missing are seen to by the reader."""
    return {
        each.material
        for mesh in scene.meshes
        for each in mesh.primitives
        if each.material is not None and each.triangles
    }


def _set_apart(scene: Scene) -> Iterator[tuple[int, str]]:
    for at, material in enumerate(scene.materials):
        unknown = _unknown(material)
        if unknown:
            yield at, f"{unknown} is unknown here"
    for at in _named_by_variants(scene):
        yield at, "variants of the asset name it"
    if POINTER in json.dumps(scene.json.get("animations", [])):
        for at in range(len(scene.materials)):
            if f'"/materials/{at}/' in json.dumps(scene.json["animations"]):
                yield at, "an animation changes it"
    for mesh in scene.meshes:
        for each in mesh.primitives:
            if each.mode != TRIANGLES and each.material is not None:
                yield each.material, "lines or points show it"


def _unknown(material: Material) -> str:
    """An extension or a texture that this version does not know."""
    known = {PREFIX + name for name in SHARED | SCALARS.keys()}
    extensions = [name for name in material.json.get("extensions", {}) if name not in known]
    slots = [slot.name for slot in material.textures if slot.name not in SLOTS]
    return next(iter([*extensions, *slots]), "")


def _named_by_variants(scene: Scene) -> Iterator[int]:
    for mesh in scene.meshes:
        for each in mesh.primitives:
            mappings = each.json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
            if mappings and each.material is not None:
                yield each.material
            yield from (mapping["material"] for mapping in mappings)


def _likeness(scene: Scene, material: Material) -> str:
    mode = material.alpha_mode
    extensions: Json = material.json.get("extensions", {})
    said = {
        name: [extensions[PREFIX + name].get(key) for key in SCALARS[name]]
        for name in sorted(SCALARS)
        if PREFIX + name in extensions
    }
    said["ior"] = [said.get("ior", [1.5])[0] or 1.5]
    # A pixelated look is one that the author chose.
    blocky = any(sampler_of(scene, slot).get("magFilter") == NEAREST for slot in material.textures)
    cutoff = material.json.get("alphaCutoff", 0.5) if mode == "MASK" else None
    return json.dumps([mode, cutoff, material.double_sided, blocky, said], sort_keys=True)
