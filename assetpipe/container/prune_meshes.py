"""Scene -> the scene without primitives that draw nothing, meshes that hold none, and meshes that no node shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import replace

from assetpipe.asset import Json, Mesh, Node, Scene

POINTER = "KHR_animation_pointer"
MESH_POINTER = re.compile(r"^/meshes/(\d+)(/|$)")
# What a node may only have together with a mesh.
WITH_MESH = ("mesh", "skin", "weights")
INSTANCING = "EXT_mesh_gpu_instancing"


def prune_meshes(scene: Scene) -> Scene:
    """Meshes are renumbered wherever they are named: in nodes and in KHR_animation_pointer."""
    meshes = [
        replace(mesh, primitives=tuple(own for own in mesh.primitives if len(own.indices))) for mesh in scene.meshes
    ]
    shown = {node.mesh for node in scene.nodes}
    kept = [at for at, mesh in enumerate(meshes) if at in shown and mesh.primitives]
    places = {old: new for new, old in enumerate(kept)}
    if places == {at: at for at in range(len(scene.meshes))} and not _lost_primitives(scene, meshes):
        return scene
    nodes = tuple(Node(_renumber_node(node.json, places)) for node in scene.nodes)
    bare = {at for at, node in enumerate(nodes) if node.mesh is None}
    document = _renumber_animations(scene.json, places, bare)
    return replace(scene, nodes=nodes, meshes=tuple(meshes[at] for at in kept), json=document)


def _lost_primitives(scene: Scene, meshes: list[Mesh]) -> bool:
    return any(len(old.primitives) != len(new.primitives) for old, new in zip(scene.meshes, meshes, strict=True))


def _renumber_node(node: Json, places: Mapping[int, int]) -> Json:
    if "mesh" not in node:
        return node
    if node["mesh"] in places:
        return {**node, "mesh": places[node["mesh"]]}
    bare = {key: value for key, value in node.items() if key not in WITH_MESH}
    extensions = {key: value for key, value in node.get("extensions", {}).items() if key != INSTANCING}
    return {key: value for key, value in {**bare, "extensions": extensions}.items() if key != "extensions" or value}


def _renumber_animations(document: Json, places: Mapping[int, int], bare: Set[int]) -> Json:
    animations = [_renumber_animation(animation, places, bare) for animation in document.get("animations", ())]
    filled = [animation for animation in animations if animation["channels"]]
    rest = {key: value for key, value in document.items() if key != "animations" or filled}
    return {**rest, "animations": filled} if filled else rest


def _renumber_animation(animation: Json, places: Mapping[int, int], bare: Set[int]) -> Json:
    """A channel that animates a mesh that is gone goes with it, and one that weighs its morph targets."""
    channels = [
        _renumber_channel(channel, places)
        for channel in animation["channels"]
        if channel["target"]["path"] != "weights" or channel["target"].get("node") not in bare
    ]
    return {**animation, "channels": [channel for channel in channels if channel]}


def _renumber_channel(channel: Json, places: Mapping[int, int]) -> Json | None:
    extensions = channel["target"].get("extensions", {})
    found = MESH_POINTER.match(extensions.get(POINTER, {}).get("pointer", ""))
    if not found:
        return channel
    if int(found[1]) not in places:
        return None
    pointer = f"/meshes/{places[int(found[1])]}{extensions[POINTER]['pointer'][found.end(1) :]}"
    target = {**channel["target"], "extensions": {**extensions, POINTER: {**extensions[POINTER], "pointer": pointer}}}
    return {**channel, "target": target}
