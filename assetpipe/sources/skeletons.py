"""Document -> the same with skins whose joints hang together, and that name a skeleton only where it is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assetpipe.asset import Json, Node
from assetpipe.sources.document import Document

Parents = Mapping[int, int]
TREE = "put the joints under one node in the tool that wrote the source"


def mend_skeletons(document: Document) -> Document:
    """glTF 2.0, 3.7.3.2: joints have a common root, and `skeleton`, a hint, is such a root."""
    if "skins" not in document.json:
        return document
    for number in range(len(document.items("skins"))):
        document = _join(document, number)
    parents = find_parents(document.items("nodes"))
    skins = [_mend(document, skin, f"/skins/{n}", parents) for n, skin in enumerate(document.items("skins"))]
    return replace(document, json={**document.json, "skins": skins})


def find_parents(nodes: Sequence[Json]) -> dict[int, int]:
    return {child: number for number, node in enumerate(nodes) for child in node.get("children", ())}


def root_of(parents: Parents, node: int) -> int:
    while node in parents:
        node = parents[node]
    return node


def _join(document: Document, number: int) -> Document:
    """A new node, which moves nothing, above the trees that hold the joints."""
    nodes = document.items("nodes")
    parents = find_parents(nodes)
    roots = sorted({root_of(parents, joint) for joint in document.items("skins")[number]["joints"]})
    if len(roots) == 1:
        return document
    place, top = f"/skins/{number}/joints", len(nodes)
    scenes = [_grouped(document, scene, (roots, top), place) for scene in document.items("scenes")]
    document.notes.repair("W_SKIN", f"{place} have no common root: a node above them is it now")
    changed = {"nodes": [*nodes, {"children": roots}], **({"scenes": scenes} if scenes else {})}
    return replace(document, json={**document.json, **changed})


def _grouped(document: Document, scene: Json, group: tuple[list[int], int], place: str) -> Json:
    (roots, top), shown = group, scene.get("nodes", ())
    if not {*roots} & {*shown}:
        return scene
    if not {*roots} <= {*shown}:
        raise document.refuse("E_SKIN", place, "some are in a scene that the others are not in", TREE)
    return {**scene, "nodes": [*(node for node in shown if node not in roots), top]}


def _mend(document: Document, skin: Json, place: str, parents: Parents) -> Json:
    if "skeleton" not in skin or all(_is_under(parents, joint, skin["skeleton"]) for joint in skin["joints"]):
        return skin
    document.notes.repair("W_SKIN", f"{place}/skeleton is no common root of the joints: dropped")
    return {key: value for key, value in skin.items() if key != "skeleton"}


def _is_under(parents: Parents, node: int, top: int) -> bool:
    while node != top:
        if node not in parents:
            return False
        node = parents[node]
    return True


def show_joints(document: Document, rest: Json, nodes: Sequence[Node]) -> Json:
    """Joints into every scene that shows their mesh (glTF 2.0, 3.7.3.2), unless that would show other meshes too."""
    skinned = [
        (number, rest["skins"][node.skin]["joints"]) for number, node in enumerate(nodes) if node.skin is not None
    ]
    if not skinned:
        return rest
    parents = find_parents([node.json for node in nodes])
    tops = [(root_of(parents, number), root_of(parents, joints[0])) for number, joints in skinned]
    scenes = [_with_joints(document, scene, tops, nodes) for scene in rest["scenes"]]
    return {**rest, "scenes": scenes}


def _with_joints(document: Document, scene: Json, tops: Sequence[tuple[int, int]], nodes: Sequence[Node]) -> Json:
    shown = {*scene.get("nodes", ())}
    hidden = sorted({joint for mesh, joint in tops if mesh in shown} - shown)
    for root in hidden:
        place = f"/nodes/{root}"
        if _shows_mesh(nodes, root):
            raise document.refuse("E_SKIN", place, "joints under it are not in a scene that shows their mesh", TREE)
        document.notes.repair("W_SKIN", f"{place}: joints under it were not in a scene that shows their mesh: added")
    return {**scene, "nodes": [*scene["nodes"], *hidden]} if hidden else scene


def _shows_mesh(nodes: Sequence[Node], root: int) -> bool:
    stack = [root]
    while stack:
        node = nodes[stack.pop()]
        if node.mesh is not None:
            return True
        stack.extend(node.children)
    return False
