"""Scene -> where and how large its nodes show each mesh."""

from __future__ import annotations

from collections.abc import Iterator
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
    matrices = _world_matrices(scene)
    return list(_placed(scene, matrices, _animated_scales(scene)))


def _placed(scene: Scene, matrices: list[Array], animated: dict[int, float]) -> Iterator[Placement]:
    for index, node in enumerate(scene.nodes):
        if node.mesh is None:
            continue
        bones = [matrices[index]] if node.skin is None else _bones(scene, node.skin, matrices)
        scale = max(_stretch(bone) for bone in bones)
        scale *= _instance_scale(scene, node.json) * animated.get(index, 1.0)
        yield Placement(node.mesh, bones[0], scale)


def _stretch(matrix: Array) -> float:
    """Largest singular value of the linear part."""
    return float(np.linalg.norm(matrix[:3, :3], 2))


def _bones(scene: Scene, skin: int, matrices: list[Array]) -> list[Array]:
    """Mesh to world by each joint of the skin, at rest."""
    json = scene.json["skins"][skin]
    joints = [matrices[joint] for joint in json["joints"]]
    if "inverseBindMatrices" not in json:
        return joints
    inverse = scene.arrays[json["inverseBindMatrices"]].reshape(-1, 4, 4)
    # glTF stores matrices by columns: an array read row by row holds the transpose.
    return [joint @ bind.T.astype(float) for joint, bind in zip(joints, inverse, strict=False)]


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


def _world_matrices(scene: Scene) -> list[Array]:
    """(4, 4) float64 per node; a node that no other names as child is a root."""
    local = [local_matrix(node.json) for node in scene.nodes]
    world: list[Array] = list(local)
    children = {child for node in scene.nodes for child in node.children}
    stack = [index for index in range(len(local)) if index not in children]
    while stack:
        parent = stack.pop()
        for child in scene.nodes[parent].children:
            world[child] = world[parent] @ local[child]
            stack.append(child)
    return world


def local_matrix(node: Json) -> Array:
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
