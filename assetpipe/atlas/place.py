"""Scene, Plan, pictures -> Scene: UVs lead into the atlas, members are one material, primitives of one material one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assetpipe.asset import Floats, Image, Json, Mesh, Primitive, Scene
from assetpipe.atlas.looks import Atlas
from assetpipe.atlas.lookups import CLAMP, NEAREST, Pictures, is_blocky
from assetpipe.atlas.materials import merge_materials
from assetpipe.atlas.outlines import Outline
from assetpipe.atlas.painting import paint_sheet
from assetpipe.atlas.plan import Plan
from assetpipe.atlas.primitives import merge_primitives
from assetpipe.atlas.tangents import agree_on_tangents
from assetpipe.atlas.worth import materials_gone
from assetpipe.lossless import lossless
from assetpipe.slots import ANISOTROPY, find
from assetpipe.worn import VARIANTS, Key, Worn, dressed, mappings

SAMPLER: Json = {"magFilter": 9729, "minFilter": 9987, "wrapS": CLAMP, "wrapT": CLAMP}
MATERIAL_POINTER = re.compile(r"^/materials/(\d+)(/|$)")


def place(scene: Scene, plan: Plan, pictures: Pictures) -> Scene:
    """Maps that nobody shows any more are left for pruning; members' materials that nobody else shows are gone."""
    source, made = scene, []
    for atlas in plan.atlases:
        scene, materials = _with_atlas(scene, source, atlas, pictures)
        made.append(materials)
    return _without_members(scene, source, plan, made)


def _with_atlas(scene: Scene, source: Scene, atlas: Atlas, pictures: Pictures) -> tuple[Scene, list[int]]:
    """One material more for each look: their numbers."""
    scene, textures = _with_pictures(scene, _pictures(source, atlas, pictures), _sampler(source, atlas))
    merged = [
        merge_materials(source, each.paints, {sheet.name: textures[each.recipe(sheet)] for sheet in each.paints.sheets})
        for each in atlas.looks.each
    ]
    numbers = list(range(len(scene.materials), len(scene.materials) + len(merged)))
    moved, worn = _placed_uvs(atlas), tuple(numbers[look] for look in atlas.looks.of)
    meshes = [
        replace(
            mesh, primitives=tuple(_placed(each, moved.get((m, p)), worn) for p, each in enumerate(mesh.primitives))
        )
        for m, mesh in enumerate(scene.meshes)
    ]
    turning = any("anisotropyTexture" in find(each.json, ANISOTROPY) for each in merged)
    agreed = agree_on_tangents(meshes, moved, all_need_them=turning)
    return replace(scene, materials=(*scene.materials, *merged), meshes=agreed), numbers


def _pictures(scene: Scene, atlas: Atlas, pictures: Pictures) -> Iterator[tuple[Hashable, Image]]:
    """One at a time: a picture of 8192² is 200 MB."""
    for recipe, (look, sheet) in atlas.pictures.items():
        texels = paint_sheet(scene, atlas, (look, sheet), pictures)
        yield recipe, lossless(texels, f"atlas {sheet.name}")


def _sampler(scene: Scene, atlas: Atlas) -> Json:
    """Members agree."""
    blocky = is_blocky(scene, scene.materials[atlas.looks.each[0].members[0]])
    return {**SAMPLER, "magFilter": NEAREST} if blocky else SAMPLER


def _with_pictures(
    scene: Scene, pictures: Iterable[tuple[Hashable, Image]], sampler: Json
) -> tuple[Scene, dict[Hashable, int]]:
    images, textures = list(scene.images), list(scene.json.get("textures", ()))
    samplers = [*scene.json.get("samplers", ()), sampler]
    found: dict[Hashable, int] = {}
    for recipe, image in pictures:
        found[recipe] = len(textures)
        textures.append({"source": len(images), "sampler": len(samplers) - 1})
        images.append(image)
    document = {**scene.json, "samplers": samplers, "textures": textures} if found else scene.json
    return replace(scene, images=tuple(images), json=document), found


def _placed_uvs(atlas: Atlas) -> dict[Key, Floats]:
    """(v, 2) of each primitive"""
    found = {}
    layout = atlas.layout
    for at, each in enumerate(atlas.outlines):
        patch = each.patch_of_vertex + layout.first[at]
        texels = each.points * layout.scale[patch][:, None] + layout.shift[patch]
        uvs = (texels / np.array(layout.size)).astype(np.float32)
        found.update({key: uvs[start : start + _count(each, key)] for key, start in each.starts.items()})
    return found


def _count(outline: Outline, key: Key) -> int:
    later = [start for start in outline.starts.values() if start > outline.starts[key]]
    return min(later, default=len(outline.points)) - outline.starts[key]


def _placed(primitive: Primitive, uvs: Floats | None, worn: Worn) -> Primitive:
    if uvs is None:
        return primitive
    kept = {name: values for name, values in primitive.attributes.items() if not name.startswith("TEXCOORD_")}
    targets = tuple(
        {name: values for name, values in target.items() if not name.startswith("TEXCOORD_")}
        for target in primitive.targets
    )
    attributes = {**kept, "TEXCOORD_0": uvs}
    return replace(primitive, attributes=attributes, targets=targets, json=dressed(primitive.json, worn))


def _without_members(scene: Scene, source: Scene, plan: Plan, made: Sequence[Sequence[int]]) -> Scene:
    """`made`: the numbers of each atlas's materials. All are renumbered wherever they are named: in primitives, in
    variants, in animations."""
    leader: dict[int, int] = {}
    gone = materials_gone(source, [worn for atlas in plan.atlases for worn in atlas.members])
    for atlas, numbers in zip(plan.atlases, made, strict=True):
        for look, number in zip(atlas.looks.each, numbers, strict=True):
            leader.update({at: number for at in look.members if at in gone and at not in leader})
    # What is made stands where the first that it was made of stood.
    order = dict.fromkeys(leader.get(at, at) for at in range(len(scene.materials)))
    new = {at: place for place, at in enumerate(order)}
    places = {at: new[leader.get(at, at)] for at in range(len(scene.materials))}
    among = {places[numbers[atlas.looks.of[0]]] for atlas, numbers in zip(plan.atlases, made, strict=True)}
    meshes = tuple(_renumbered_mesh(mesh, places, among) for mesh in scene.meshes)
    materials = tuple(scene.materials[at] for at in order)
    return replace(scene, materials=materials, meshes=meshes, json=_renumbered(scene.json, places))


def _renumbered_mesh(mesh: Mesh, places: Mapping[int, int], among: set[int]) -> Mesh:
    primitives = [replace(each, json=_renumbered_primitive(each.json, places)) for each in mesh.primitives]
    return replace(mesh, primitives=tuple(merge_primitives(primitives, among)))


def _renumbered_primitive(json: Json, places: Mapping[int, int]) -> Json:
    """Mappings of variants included."""
    found = {key: places[value] if key == "material" else value for key, value in json.items()}
    if mappings(json):
        rows = [{**mapping, "material": places[mapping["material"]]} for mapping in mappings(json)]
        variants = {**json["extensions"][VARIANTS], "mappings": rows}
        found["extensions"] = {**json["extensions"], VARIANTS: variants}
    return found


def _renumbered(value: Any, places: Mapping[int, int]) -> Any:
    """JSON pointers to materials."""
    if isinstance(value, dict):
        return {key: _renumbered(own, places) for key, own in value.items()}
    if isinstance(value, list):
        return [_renumbered(own, places) for own in value]
    found = MATERIAL_POINTER.match(value) if isinstance(value, str) else None
    return f"/materials/{places[int(found[1])]}{value[found.end(1) :]}" if found else value
