"""Which nodes are shown: glTF lets a document leave that open, a shop cannot."""

from __future__ import annotations

from collections.abc import Sequence

from assetpipe.asset import Json, Mesh, Node
from assetpipe.sources.notes import Notes


def show_all(nodes: Sequence[Node], meshes: Sequence[Mesh], notes: Notes) -> tuple[Node, ...]:
    """Nodes for the meshes of a document that has none."""
    if nodes:
        return tuple(nodes)
    notes.repair("W_SCENE", "no node shows the meshes: each is shown at the origin")
    return tuple(Node({"mesh": number}) for number in range(len(meshes)))


def choose_scene(document: Json, nodes: Sequence[Node], notes: Notes) -> Json:
    """The document with `scenes` and `scene`."""
    if "scenes" not in document:
        children = {child for node in nodes for child in node.children}
        roots = [number for number in range(len(nodes)) if number not in children]
        notes.repair("W_SCENE", "no scene: every root node is shown")
        return {**document, "scene": 0, "scenes": [{"nodes": roots}]}
    if "scene" in document:
        return document
    if len(document["scenes"]) > 1:
        notes.warn("W_SCENE", f"{len(document['scenes'])} scenes and none is the default: the first is shown")
    return {**document, "scene": 0}
