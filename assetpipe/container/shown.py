"""Scene -> where and how large its nodes show each mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Json, Scene
from assetpipe.transforms import joint_matrices, world_matrices


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
    world = world_matrices(scene)
    stretches = _stretches(world)
    animated = _animated_scales(scene)
    skins = {node.skin: joint_matrices(scene, node.skin, world) for node in scene.nodes if node.skin is not None}
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
