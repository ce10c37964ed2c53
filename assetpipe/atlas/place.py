"""Scene, Plan, pictures -> Scene: UVs lead into the atlas, members are one material, primitives of one material one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assetpipe.asset import Floats, Image, Json, Mesh, Primitive, Scene
from assetpipe.atlas.lookups import CLAMP, Pictures
from assetpipe.atlas.materials import merge_materials
from assetpipe.atlas.outlines import Outline
from assetpipe.atlas.painting import paint_sheet
from assetpipe.atlas.plan import Atlas, Plan
from assetpipe.atlas.primitives import merge_primitives
from assetpipe.atlas.slots import ANISOTROPY, find
from assetpipe.atlas.tangents import agree_on_tangents
from assetpipe.lossless import lossless

SAMPLER: Json = {"magFilter": 9729, "minFilter": 9987, "wrapS": CLAMP, "wrapT": CLAMP}
MATERIAL_POINTER = re.compile(r"^/materials/(\d+)(/|$)")


def place(scene: Scene, plan: Plan, pictures: Pictures) -> Scene:
    """Maps that nobody shows any more are left for pruning; members but the first of each atlas are gone."""
    source = scene
    for atlas in plan.atlases:
        scene = _with_atlas(scene, source, atlas, pictures)
    return _without_members(scene, plan)


def _with_atlas(scene: Scene, source: Scene, atlas: Atlas, pictures: Pictures) -> Scene:
    """The first member becomes the merged material."""
    scene, textures = _with_pictures(scene, _pictures(source, atlas, pictures))
    materials = list(scene.materials)
    materials[atlas.members[0]] = merge_materials(source, atlas, textures)
    moved = _placed_uvs(atlas)
    meshes = tuple(
        replace(mesh, primitives=tuple(_placed(each, moved.get((m, p))) for p, each in enumerate(mesh.primitives)))
        for m, mesh in enumerate(scene.meshes)
    )
    turning = "anisotropyTexture" in find(materials[atlas.members[0]].json, ANISOTROPY)
    return replace(
        scene, materials=tuple(materials), meshes=agree_on_tangents(meshes, atlas.members, all_need_them=turning)
    )


def _pictures(scene: Scene, atlas: Atlas, pictures: Pictures) -> Iterator[tuple[str, Image]]:
    """One at a time: a picture of 8192² is 200 MB."""
    for sheet in atlas.paints.sheets:
        texels = paint_sheet(scene, atlas, sheet, pictures)
        yield sheet.name, lossless(texels, f"atlas {sheet.name}")


def _with_pictures(scene: Scene, pictures: Iterable[tuple[str, Image]]) -> tuple[Scene, dict[str, int]]:
    images, textures = list(scene.images), list(scene.json.get("textures", ()))
    samplers = [*scene.json.get("samplers", ()), SAMPLER]
    found = {}
    for name, image in pictures:
        found[name] = len(textures)
        textures.append({"source": len(images), "sampler": len(samplers) - 1})
        images.append(image)
    document = {**scene.json, "samplers": samplers, "textures": textures} if found else scene.json
    return replace(scene, images=tuple(images), json=document), found


def _placed_uvs(atlas: Atlas) -> dict[tuple[int, int], tuple[Outline, Floats]]:
    """(mesh, primitive) -> its outline, and the UVs of all the outline's vertices"""
    found = {}
    layout = atlas.layout
    for at, each in enumerate(atlas.outlines):
        patch = each.patch_of_vertex + layout.first[at]
        texels = each.points * layout.scale[patch][:, None] + layout.shift[patch]
        uvs = (texels / np.array(layout.size)).astype(np.float32)
        found.update({key: (each, uvs[start : start + _count(each, key)]) for key, start in each.starts.items()})
    return found


def _count(outline: Outline, key: tuple[int, int]) -> int:
    later = [start for start in outline.starts.values() if start > outline.starts[key]]
    return min(later, default=len(outline.points)) - outline.starts[key]


def _placed(primitive: Primitive, moved: tuple[Outline, Floats] | None) -> Primitive:
    if moved is None:
        return primitive
    kept = {name: values for name, values in primitive.attributes.items() if not name.startswith("TEXCOORD_")}
    targets = tuple(
        {name: values for name, values in target.items() if not name.startswith("TEXCOORD_")}
        for target in primitive.targets
    )
    return replace(primitive, attributes={**kept, "TEXCOORD_0": moved[1]}, targets=targets)


def _without_members(scene: Scene, plan: Plan) -> Scene:
    """Materials are renumbered wherever they are named: in primitives, in variants, in animations."""
    leader = {at: atlas.members[0] for atlas in plan.atlases for at in atlas.members}
    kept = [at for at in range(len(scene.materials)) if leader.get(at, at) == at]
    places = {at: kept.index(leader.get(at, at)) for at in range(len(scene.materials))}
    among = {places[atlas.members[0]] for atlas in plan.atlases}
    materials = tuple(scene.materials[at] for at in kept)
    meshes = tuple(_renumbered_mesh(mesh, places, among) for mesh in scene.meshes)
    return replace(scene, materials=materials, meshes=meshes, json=_renumbered(scene.json, places))


def _renumbered_mesh(mesh: Mesh, places: Mapping[int, int], among: set[int]) -> Mesh:
    primitives = [replace(each, json=_renumbered_primitive(each.json, places)) for each in mesh.primitives]
    return replace(mesh, primitives=tuple(merge_primitives(primitives, among)))


def _renumbered_primitive(json: Json, places: Mapping[int, int]) -> Json:
    """Mappings of variants included."""
    found = {key: places[value] if key == "material" else value for key, value in json.items()}
    variants = json.get("extensions", {}).get("KHR_materials_variants")
    if variants:
        mappings = [{**mapping, "material": places[mapping["material"]]} for mapping in variants.get("mappings", ())]
        found["extensions"] = {**json["extensions"], "KHR_materials_variants": {**variants, "mappings": mappings}}
    return found


def _renumbered(value: Any, places: Mapping[int, int]) -> Any:
    """JSON pointers to materials."""
    if isinstance(value, dict):
        return {key: _renumbered(own, places) for key, own in value.items()}
    if isinstance(value, list):
        return [_renumbered(own, places) for own in value]
    found = MATERIAL_POINTER.match(value) if isinstance(value, str) else None
    return f"/materials/{places[int(found[1])]}{value[found.end(1) :]}" if found else value
