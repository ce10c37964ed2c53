"""Source, its levels -> the levels with what they lost baked into their textures.

Two reasons. Where textures' seams were let go, UVs lead nowhere: the triangles are unwrapped anew and all maps baked.
Where decimation took folds and stitches, the level's normals are off: the source's are baked into its normal map, in
the UVs that it has, or in new ones where it has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Json, Material, Mesh, Primitive, Scene
from assetpipe.baking import BakeRequest, Staged, bake, stage_source
from assetpipe.baking.materials import BASE_COLOUR, NORMAL
from assetpipe.geometry import Decimated
from assetpipe.geometry.unwrap import Unwrapping, unwrap
from assetpipe.lossless import lossless
from assetpipe.queries.device import Device
from assetpipe.queries.uv_raster import paint_square
from assetpipe.rebaking.loss import LAYER, normals_off
from assetpipe.rebaking.maps import layers_of, maps_of, textures_of, with_maps, with_pictures
from assetpipe.rebaking.surfaces import Key, keys_of, mesh_scales, primitives_of, surface_of
from assetpipe.textures import TextureCache

REACH = 2.0
"""Times a level's largest deviation, within which its source is looked for."""
OVERLAP = 0.002
"""Of the covered texels may belong to two places: the slivers along charts' edges."""
TEXELS_EACH = 8
"""For each triangle of the source: more would show nothing that it has."""
LEAST_PX = 64
LOOK_PX = 1024
"""Of the square on which overlaps are looked for."""
EDGE = 1e-4
GUTTER = {512: 4}
"""Texels between charts by side of the picture; 8 for larger ones."""
SAMPLER: Json = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}
VARIANTS = "KHR_materials_variants"


@dataclass(frozen=True)
class Asked:
    """Of all levels."""

    always: bool
    """Whether levels are baked that look right without."""
    degrees: float
    """That normals may be off, on average, before that is worth a normal map."""
    px: Sequence[int]
    """Sides of the levels' pictures, in their order."""
    device: Device


@dataclass(frozen=True, eq=False)
class Stage:
    """A material of the source, ready to be baked from."""

    material: int | None
    staged: Staged
    maps: frozenset[str]
    """That textures fill."""
    texels: int
    """Along a side, that the source has something to say of."""


@dataclass(frozen=True)
class Plan:
    """What a material of a level gets."""

    maps: frozenset[str]
    unwrapped: bool
    uv_set: int
    why: str


def rebake(source: Scene, levels: Sequence[Decimated], asked: Asked, cache: TextureCache) -> list[Decimated]:
    """`levels` as `decimate` made them from `source`; those that lack nothing come back as they are."""
    made = list(levels)
    changed = [at for at, level in enumerate(levels) if level.deviation.max or asked.always]
    for material in sorted(_shown(source), key=lambda at: -1 if at is None else at) if changed else ():
        stage = _stage(source, material, asked, cache)
        for at in changed if stage else ():
            assert stage
            made[at] = _rebaked(made[at], stage, 0.0 if asked.always else asked.degrees, asked.px[at])
    return made


def _shown(scene: Scene) -> set[int | None]:
    return {each.material for mesh in scene.meshes for each in mesh.primitives if each.triangles}


def _stage(source: Scene, at: int | None, asked: Asked, cache: TextureCache) -> Stage | None:
    """None for a material that nothing can be baked for."""
    material = Material({}) if at is None else source.materials[at]
    keys = keys_of(source, at)
    maps = maps_of(material)
    if maps is None or _has_variants(source, keys):
        return None
    normal_set = _looked_up(material) if NORMAL in maps else None
    primitives = primitives_of(source, keys, tangent_set=normal_set)
    surface = surface_of(primitives, mesh_scales(source))
    staged = stage_source(surface, (*layers_of(source, material, cache), LAYER), asked.device)
    sides = [max(texture.pixels.shape[:2]) for texture in textures_of(source, material, cache).values()]
    texels = max([*sides, math.isqrt(TEXELS_EACH * surface.triangles), LEAST_PX])
    coloured = surface.colours is not None and "baseColor" not in {slot.name for slot in material.textures}
    return Stage(at, staged, frozenset(maps | ({BASE_COLOUR} if coloured else set())), texels)


def _has_variants(source: Scene, keys: Sequence[Key]) -> bool:
    """Other materials would be looked up with the new UVs too."""
    return any(VARIANTS in source.meshes[at].primitives[number].json.get("extensions", {}) for at, number in keys)


def _rebaked(level: Decimated, stage: Stage, degrees: float, px: int) -> Decimated:
    keys = keys_of(level.scene, stage.material)
    plan = _plan(level, stage, keys, degrees) if keys else None
    if plan is None:
        return level
    side = min(px, 1 << (stage.texels - 1).bit_length())
    scene, notes = level.scene, (plan.why,) if plan.why else ()
    if plan.unwrapped:
        unwrapping = Unwrapping(side, GUTTER.get(side, 8), replaces=True, materials=frozenset({stage.material}))
        found = unwrap(scene, unwrapping)
        scene, notes = found.scene, (*notes, *found.notes)
    if not plan.maps:
        return replace(level, notes=(*level.notes, *notes))
    primitives = primitives_of(scene, keys, tangent_set=plan.uv_set)
    request = BakeRequest(side, REACH * level.deviation.max, maps=tuple(sorted(plan.maps)), uv_set=plan.uv_set)
    baked = bake(stage.staged, surface_of(primitives, mesh_scales(scene)), request)
    pictures = {name: lossless(texels, f"baked {name}") for name, texels in baked.maps.items()}
    scene, textures = with_pictures(scene, pictures, SAMPLER)
    bare = {key: _bare(each) if plan.unwrapped else each for key, each in primitives.items()}
    scene = _with_material(_with_primitives(scene, bare), stage.material, textures, plan.uv_set)
    return replace(level, scene=scene, notes=(*level.notes, *notes))


def _plan(level: Decimated, stage: Stage, keys: Sequence[Key], degrees: float) -> Plan | None:
    material = Material({}) if stage.material is None else level.scene.materials[stage.material]
    primitives = primitives_of(level.scene, keys, tangent_set=None)
    off = normals_off(stage.staged, surface_of(primitives, mesh_scales(level.scene)), REACH * level.deviation.max)
    name, why = material.name or "what has no name", f"normals, {off:.1f} degrees off, baked from the source"
    if level.torn and stage.maps:
        return Plan(stage.maps | {NORMAL}, True, 0, f"{name}: unwrapped anew and baked from the source")
    if off < degrees:
        return None
    at = _looked_up(material)
    if all(f"TEXCOORD_{at}" in each.attributes for each in primitives.values()):
        if _is_unique(primitives, at):
            return Plan(frozenset({NORMAL}), False, at, f"{name}: {why}")
        if degrees:
            return Plan(
                frozenset(), False, at, f"{name}: normals {off:.1f} degrees off; UVs that overlap can hold none"
            )
    return Plan(stage.maps | {NORMAL}, True, 0, f"{name}: unwrapped; {why}")


def _looked_up(material: Material) -> int:
    """The UV set for a normal map."""
    infos = {slot.name: slot.info for slot in material.textures}
    info = infos.get("normal") or next(iter(infos.values()), {})
    moved = info.get("extensions", {}).get("KHR_texture_transform", {})
    return int(moved.get("texCoord", info.get("texCoord", 0)))


def _is_unique(primitives: Mapping[Key, Primitive], uv_set: int) -> bool:
    """Whether every triangle has texels of its own, within the picture."""
    corners = np.concatenate([each.attributes[f"TEXCOORD_{uv_set}"][each.indices] for each in primitives.values()])
    if not np.isfinite(corners).all() or corners.min() < -EDGE or corners.max() > 1 + EDGE:
        return False
    return paint_square(corners.reshape(-1, 3, 2).astype(np.float64) * LOOK_PX, LOOK_PX).overlap <= OVERLAP


def _bare(primitive: Primitive) -> Primitive:
    """Without what the new base colour holds."""
    kept = {name: values for name, values in primitive.attributes.items() if name != "COLOR_0"}
    targets = tuple({name: each[name] for name in each if name != "COLOR_0"} for each in primitive.targets)
    return replace(primitive, attributes=kept, targets=targets)


def _with_primitives(scene: Scene, made: Mapping[Key, Primitive]) -> Scene:
    meshes: list[Mesh] = []
    for at, mesh in enumerate(scene.meshes):
        own = tuple(made.get((at, number), each) for number, each in enumerate(mesh.primitives))
        meshes.append(replace(mesh, primitives=own))
    return replace(scene, meshes=tuple(meshes))


def _with_material(scene: Scene, at: int | None, textures: Mapping[str, int], uv_set: int) -> Scene:
    """What has no material gets one."""
    if at is not None:
        changed = with_maps(scene.materials[at], textures, uv_set=uv_set)
        return replace(scene, materials=(*scene.materials[:at], changed, *scene.materials[at + 1 :]))
    number = len(scene.materials)
    meshes = tuple(
        replace(mesh, primitives=tuple(_shown_by(each, number) for each in mesh.primitives)) for mesh in scene.meshes
    )
    return replace(scene, meshes=meshes, materials=(*scene.materials, with_maps(Material({}), textures)))


def _shown_by(primitive: Primitive, material: int) -> Primitive:
    if primitive.material is not None or not primitive.triangles:
        return primitive
    return replace(primitive, json={**primitive.json, "material": material})
