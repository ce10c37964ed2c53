"""Scene -> where and how large its nodes show each mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Json, Scene


@dataclass(frozen=True, eq=False)
class Placement:
    """A mesh as one node shows it."""

    mesh: int
    matrix: Array
    """(4, 4) float64, mesh to world; that of the first joint for a skinned mesh."""
    scale: float
    """The most that it stretches any direction, instances, all joints and animated scales included."""


def placements(scene: Scene) -> list[Placement]:
    """One per node that shows a mesh."""
    world = _world_matrices(scene)
    stretches = _stretches(world)
    animated = _animated_scales(scene)
    skins = {skin: _bones(scene, skin, world) for skin in {node.skin for node in scene.nodes} if skin is not None}
    return [
        Placement(
            node.mesh,
            world[at] if node.skin is None else skins[node.skin][0],
            (stretches[at] if node.skin is None else _stretches(skins[node.skin]).max())
            * _instance_scale(scene, node.json)
            * animated.get(at, 1.0),
        )
        for at, node in enumerate(scene.nodes)
        if node.mesh is not None
    ]


def _stretches(matrices: Array) -> Array:
    """Largest singular value of the linear part of each of the (n, 4, 4)."""
    values: Array = np.linalg.norm(matrices[:, :3, :3], 2, axis=(1, 2))
    return values


def _bones(scene: Scene, skin: int, world: Array) -> Array:
    """(joints, 4, 4) mesh to world at rest."""
    json = scene.json["skins"][skin]
    joints: Array = world[json["joints"]]
    if "inverseBindMatrices" not in json:
        return joints
    inverse = scene.arrays[json["inverseBindMatrices"]].reshape(-1, 4, 4)[: len(joints)]
    # glTF stores matrices by columns: an array read row by row holds the transpose.
    bones: Array = joints @ inverse.transpose(0, 2, 1).astype(float)
    return bones


def _instance_scale(scene: Scene, node: Json) -> float:
    instances = node.get("extensions", {}).get("EXT_mesh_gpu_instancing", {}).get("attributes", {})
    return float(np.abs(scene.arrays[instances["SCALE"]]).max(initial=0)) if "SCALE" in instances else 1.0


def _animated_scales(scene: Scene) -> dict[int, float]:
    """node -> how much larger than at rest an animation makes it, of those that one enlarges."""
    grown: dict[int, float] = {}
    for animation in scene.json.get("animations", ()):
        for channel in animation["channels"]:
            target = channel["target"]
            if target["path"] == "scale" and "node" in target:
                output = scene.arrays[animation["samplers"][channel["sampler"]]["output"]]
                rest = max(max(np.abs(scene.nodes[target["node"]].json.get("scale", (1.0,)))), 1e-3)
                grown[target["node"]] = max(grown.get(target["node"], 1.0), float(np.abs(output).max(initial=0) / rest))
    return grown


def _world_matrices(scene: Scene) -> Array:
    """(nodes, 4, 4) float64; a node that no other names as child is a root."""
    world = np.array([_local_matrix(node.json) for node in scene.nodes]).reshape(-1, 4, 4)
    children = {child for node in scene.nodes for child in node.children}
    stack = [index for index in range(len(world)) if index not in children]
    while stack:
        parent = stack.pop()
        for child in scene.nodes[parent].children:
            world[child] = world[parent] @ world[child]
            stack.append(child)
    return world


def _local_matrix(node: Json) -> Array:
    """(4, 4) float64, for column vectors."""
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    matrix = np.eye(4)
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix[:3, :3] = rotation * np.array(node.get("scale", (1.0, 1.0, 1.0)))
    matrix[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return matrix
