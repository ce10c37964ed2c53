"""Scene -> the same picture in fewer draw calls: what stands still and has one material becomes one primitive.

Nodes keep their names, places and children and lose their meshes (a crowd of them goes, too); the joined mesh stands in
the world, on a node of its own. What moves (animated, skinned, morphed) stays where it is, and so does what
is see-through: viewers sort it by node.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Mesh, Node, Primitive, Scene
from assetpipe.atlas.primitives import concatenate, likeness
from assetpipe.transforms import Doubles, Placement, placements, transform
from assetpipe.worn import mappings

GROWTH = 4.0
"""Triangles stored after, of those before: a mesh that a hundred nodes show costs a hundred times its bytes."""
CROWD = 500
"""Draw calls: Khronos's publishing targets allow no more for an item in a web catalogue. To get there a mesh is stored
as often as it is shown after all; and where more nodes than that lose their meshes, those that have nothing else go
(4,000 leaves of a plant: 1.2 MB of JSON in each level)."""
MOST = 4_000_000
"""Triangles stored to get there."""
NODE_POINTER = "/nodes/"
HARMLESS = frozenset({"KHR_lights_punctual"})
"""Extensions of a node that its mesh has no part in."""
NOTHING_ELSE = frozenset({"name", "matrix", "translation", "rotation", "scale"})
NAMELESS = frozenset({"KHR_lights_punctual", "KHR_materials_variants", "KHR_xmp_json_ld"})
"""Extensions of a document that name no nodes."""

Draws = list[tuple[Placement, int]]
"""Placements, each with a primitive of its mesh."""


@dataclass(frozen=True, eq=False)
class Joined:
    scene: Scene
    saved: int
    """draw calls"""


def join_draws(scene: Scene) -> Joined:
    groups = [draws for draws in _groups(scene).values() if len(draws) > 1]
    groups = _within_growth(scene, groups)
    if not groups:
        return Joined(scene, 0)
    primitives = tuple(concatenate([_in_world(scene, *draw) for draw in draws]) for draws in groups)
    gone = {(place.node, at) for draws in groups for place, at in draws}
    joined = _with_mesh(_without(scene, gone), Mesh(primitives, {"name": "joined"}))
    return Joined(_without_crowd(joined, {node for node, _ in gone}), len(gone) - len(primitives))


def _groups(scene: Scene) -> dict[str, Draws]:
    """What may be one primitive."""
    found: dict[str, Draws] = {}
    still = standing(scene)
    for place in placements(scene):
        mesh = scene.meshes[place.mesh]
        if place.node not in still:
            continue
        for at, each in enumerate(mesh.primitives):
            if _may_join(scene, each):
                found.setdefault(likeness(each) + json.dumps(mesh.json.get("extensions")), []).append((place, at))
    return found


def _may_join(scene: Scene, primitive: Primitive) -> bool:
    return primitive.mode == TRIANGLES and not primitive.targets and not is_clear(scene, primitive)


def is_clear(scene: Scene, primitive: Primitive) -> bool:
    """Whether it is see-through, in a variant at least."""
    shown = [primitive.material, *(mapping["material"] for mapping in mappings(primitive.json))]
    return any(at is not None and scene.materials[at].alpha_mode == "BLEND" for at in shown)


def standing(scene: Scene) -> set[int]:
    """Nodes whose meshes may be drawn from elsewhere."""
    if len(scene.json.get("scenes", ())) > 1:
        return set()
    moving = _moving(scene)
    return {
        place.node
        for place in placements(scene)
        if place.node not in moving and place.skin is None and "weights" not in scene.meshes[place.mesh].json
    }


def _moving(scene: Scene) -> set[int]:
    """Nodes that an animation or an extension may move or hide, with all below them."""
    moved = {node for skin in scene.json.get("skins", ()) for node in skin["joints"]}
    for animation in scene.json.get("animations", ()):
        for channel in animation["channels"]:
            pointer = json.dumps(channel["target"].get("extensions", {}))
            moved.update(at for at in range(len(scene.nodes)) if f'"{NODE_POINTER}{at}/' in pointer)
            moved.add(channel["target"].get("node", -1))
    moved.update(at for at, node in enumerate(scene.nodes) if node.json.get("extensions", {}).keys() - HARMLESS)
    waiting = sorted(moved - {-1})
    while waiting:
        children = [child for child in scene.nodes[waiting.pop()].children if child not in moved]
        moved.update(children)
        waiting.extend(children)
    return moved


def _within_growth(scene: Scene, groups: Sequence[Draws]) -> list[Draws]:
    """Meshes that many nodes show stay out, the costliest first, until the rest may be stored as often as shown; unless
    they are a crowd."""
    copies = Counter(place.mesh for place in placements(scene))
    spare = {mesh: scene.meshes[mesh].triangles * (count - 1) for mesh, count in copies.items()}
    left = (GROWTH - 1) * scene.triangles
    kept = set()
    for mesh in sorted(spare, key=lambda mesh: (spare[mesh], mesh)):
        left -= spare[mesh]
        if left >= 0 or not spare[mesh]:
            kept.add(mesh)
    kept |= _crowd(scene, groups, copies, kept)
    filtered = [[draw for draw in draws if draw[0].mesh in kept] for draws in groups]
    return [draws for draws in filtered if len(draws) > 1]


def _crowd(scene: Scene, groups: Sequence[Draws], copies: Mapping[int, int], kept: Set[int]) -> set[int]:
    """Of the other meshes, the smallest first, those without which no more than `CROWD` draw calls are left."""
    saved = Counter(place.mesh for draws in groups for place, _ in draws)
    calls = sum(len(scene.meshes[mesh].primitives) * count for mesh, count in copies.items())
    calls -= sum(saved[mesh] for mesh in kept)
    stored = scene.triangles + sum(scene.meshes[mesh].triangles * (copies[mesh] - 1) for mesh in kept)
    found = set()
    for mesh in sorted(saved.keys() - kept, key=lambda mesh: (scene.meshes[mesh].triangles, mesh)):
        stored += scene.meshes[mesh].triangles * (copies[mesh] - 1)
        if calls > CROWD and stored <= MOST:
            found.add(mesh)
            calls -= saved[mesh]
    return found


def _in_world(scene: Scene, place: Placement, at: int) -> Primitive:
    return moved(scene.meshes[place.mesh].primitives[at], place.matrices[0])


def moved(primitive: Primitive, matrix: Doubles) -> Primitive:
    """By a (4, 4) matrix; a mirror turns triangles and the sides of tangents over."""
    linear = matrix[:3, :3]
    mirrored = float(np.linalg.det(linear)) < 0
    attributes = dict(primitive.attributes)
    attributes["POSITION"] = transform(matrix, primitive.positions.astype(np.float64)).astype(np.float32)
    if "NORMAL" in attributes:
        attributes["NORMAL"] = _unit(_turned(np.linalg.pinv(linear).T, attributes["NORMAL"]), attributes["NORMAL"])
    if "TANGENT" in attributes:
        along = _unit(_turned(linear, attributes["TANGENT"][:, :3]), attributes["TANGENT"][:, :3])
        side = attributes["TANGENT"][:, 3:] * np.float32(-1 if mirrored else 1)
        attributes["TANGENT"] = np.concatenate([along, side], axis=1)
    corners = primitive.indices.reshape(-1, 3)
    indices = np.ascontiguousarray(corners[:, ::-1] if mirrored else corners).reshape(-1)
    return replace(primitive, attributes=attributes, indices=indices)


def _turned(linear: Array, vectors: Array) -> Doubles:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    return transform(matrix, vectors)


def _unit(vectors: Array, fallback: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Array = np.where(length > 0, vectors / np.maximum(length, 1e-30), fallback).astype(np.float32)
    return found


def _without(scene: Scene, gone: set[tuple[int, int]]) -> Scene:
    """(node, primitive of its mesh) that are drawn elsewhere now. Meshes keep their numbers, for pruning to change."""
    meshes = list(scene.meshes)
    rest: dict[tuple[int, tuple[int, ...]], int] = {}
    nodes = list(scene.nodes)
    for at in sorted({node for node, _ in gone}):
        mesh = scene.nodes[at].mesh
        assert mesh is not None
        left = tuple(_left(scene.meshes[mesh], at, gone))
        if not left:
            nodes[at] = Node({key: value for key, value in nodes[at].json.items() if key not in ("mesh", "weights")})
            continue
        if (mesh, left) not in rest:
            rest[mesh, left] = len(meshes)
            meshes.append(replace(meshes[mesh], primitives=tuple(meshes[mesh].primitives[own] for own in left)))
        nodes[at] = Node({**nodes[at].json, "mesh": rest[mesh, left]})
    shown = {node.mesh for node in nodes}
    emptied = [mesh if at in shown else replace(mesh, primitives=()) for at, mesh in enumerate(meshes)]
    return replace(scene, nodes=tuple(nodes), meshes=tuple(emptied))


def _left(mesh: Mesh, node: int, gone: set[tuple[int, int]]) -> Iterator[int]:
    return (own for own in range(len(mesh.primitives)) if (node, own) not in gone)


def _with_mesh(scene: Scene, mesh: Mesh) -> Scene:
    """On a new node at the root."""
    nodes = (*scene.nodes, Node({"mesh": len(scene.meshes), "name": "joined"}))
    document: Mapping[str, object] = scene.json
    if scene.json.get("scenes"):
        first = {**scene.json["scenes"][0], "nodes": [*scene.json["scenes"][0].get("nodes", ()), len(scene.nodes)]}
        document = {**scene.json, "scenes": [first]}
    return replace(scene, nodes=nodes, meshes=(*scene.meshes, mesh), json=dict(document))


def _without_crowd(scene: Scene, emptied: Set[int]) -> Scene:
    """Without nodes that were there for a mesh that is drawn elsewhere now, if they are many and nothing names them."""
    gone = {at for at in emptied if scene.nodes[at].json.keys() <= NOTHING_ELSE}
    named = scene.json.keys() & {"animations", "skins"} or scene.json.get("extensions", {}).keys() - NAMELESS
    scenes = scene.json.get("scenes", ())
    if len(gone) <= CROWD or named or len(scenes) != 1 or "extensions" in scenes[0]:
        return scene
    left = [at for at in range(len(scene.nodes)) if at not in gone]
    places = {old: new for new, old in enumerate(left)}

    def renumbered(numbers: Sequence[int]) -> list[int]:
        return [places[at] for at in numbers if at in places]

    nodes = []
    for at in left:
        own = {key: value for key, value in scene.nodes[at].json.items() if key != "children"}
        children = renumbered(scene.nodes[at].children)
        nodes.append(Node({**own, "children": children} if children else own))
    document = {**scene.json, "scenes": [{**scenes[0], "nodes": renumbered(scenes[0]["nodes"])}]}
    return replace(scene, nodes=tuple(nodes), json=document)
