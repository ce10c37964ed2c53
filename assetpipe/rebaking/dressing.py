"""A level's scene -> the same with other UVs, primitives and materials: what has baked maps is dressed for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from assetpipe.asset import Json, Material, Mesh, Primitive, Scene
from assetpipe.geometry.unwrap import Unwrapped
from assetpipe.worn import NOTHING, Key, Worn, dressed, worn_by

SAMPLER: Json = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}


def shown(scene: Scene) -> list[Worn]:
    """What triangles wear, each once."""
    found = worn_by(scene)
    return sorted({worn for (mesh, at), worn in found.items() if scene.meshes[mesh].primitives[at].triangles})


def with_set(scene: Scene, found: Unwrapped, uv_set: int) -> Scene:
    """The new UVs as the set that was asked for, those that there were as they were."""
    if uv_set == 0:
        return found.scene
    made = {}
    for (mesh, at), source in found.sources.items():
        new, old = (each.meshes[mesh].primitives[at] for each in (found.scene, scene))
        sets = {"TEXCOORD_0": old.attributes["TEXCOORD_0"][source], f"TEXCOORD_{uv_set}": new.attributes["TEXCOORD_0"]}
        made[mesh, at] = replace(new, attributes={**new.attributes, **sets})
    return with_primitives(found.scene, made)


def with_primitives(scene: Scene, made: Mapping[Key, Primitive]) -> Scene:
    meshes: list[Mesh] = []
    for at, mesh in enumerate(scene.meshes):
        own = tuple(made.get((at, number), each) for number, each in enumerate(mesh.primitives))
        meshes.append(replace(mesh, primitives=own))
    return replace(scene, meshes=tuple(meshes))


def with_own_materials(scene: Scene, worn: Worn) -> tuple[Scene, Worn]:
    """Materials that other primitives show, too, are there twice afterwards; the numbers of those that they do not."""
    every = worn_by(scene)
    shared = {at for other in every.values() if other != worn for at in other} & set(worn) - {NOTHING}
    if not shared:
        return scene, worn
    copies = {at: len(scene.materials) + number for number, at in enumerate(sorted(shared))}
    own = tuple(copies.get(at, at) for at in worn)
    meshes = tuple(
        replace(
            mesh,
            primitives=tuple(
                replace(each, json=dressed(each.json, own)) if every[at, number] == worn else each
                for number, each in enumerate(mesh.primitives)
            ),
        )
        for at, mesh in enumerate(scene.meshes)
    )
    materials = (*scene.materials, *(scene.materials[at] for at in sorted(shared)))
    return replace(scene, materials=materials, meshes=meshes), own


def with_material(scene: Scene, at: int, change: Callable[[Material], Material]) -> Scene:
    """What has no material gets one."""
    if at != NOTHING:
        made = change(scene.materials[at])
        return replace(scene, materials=(*scene.materials[:at], made, *scene.materials[at + 1 :]))
    number = len(scene.materials)
    meshes = tuple(
        replace(mesh, primitives=tuple(_shown_by(each, number) for each in mesh.primitives)) for mesh in scene.meshes
    )
    return replace(scene, meshes=meshes, materials=(*scene.materials, change(Material({}))))


def _shown_by(primitive: Primitive, material: int) -> Primitive:
    if primitive.material is not None or not primitive.triangles:
        return primitive
    return replace(primitive, json={**primitive.json, "material": material})
