"""Placement, primitive -> its vertices in the world, as drawn at rest: default morph weights, joints in place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive, Scene
from assetpipe.transforms import (
    Doubles,
    Placement,
    joint_matrices,
    largest_scale,
    placements,
    transform,
    world_matrices,
)


class Pose:
    """A scene at rest; matrices are worked out once, when first asked for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @cached_property
    def placements(self) -> list[Placement]:
        return placements(self.scene)

    @cached_property
    def _world(self) -> Doubles:
        return world_matrices(self.scene)

    def vertices(self, placement: Placement, primitive: Primitive) -> Iterator[Doubles]:
        """(vertices, 3) metres, once for each copy."""
        still = morphed(primitive, self._morph_weights(placement))
        if placement.skin is not None:
            yield skinned(still, primitive, self.joint_matrices(placement.skin))
            return
        for matrix in placement.matrices:
            yield transform(matrix, still)

    def joint_matrices(self, skin: int) -> Doubles:
        """(joints, 4, 4) mesh to world."""
        return joint_matrices(self.scene, skin, self._world)

    @cached_property
    def scales(self) -> list[float]:
        """For each mesh, metres per unit where it is shown largest; 1 for a mesh that is not shown."""
        scales = [0.0] * len(self.scene.meshes)
        for placement in self.placements:
            scales[placement.mesh] = max(scales[placement.mesh], largest_scale(self._matrices(placement)))
        return [scale or 1.0 for scale in scales]

    @cached_property
    def copies(self) -> list[int]:
        """For each mesh, how many times the default scene shows it."""
        copies = [0] * len(self.scene.meshes)
        for placement in self.placements:
            copies[placement.mesh] += len(placement.matrices)
        return copies

    def _matrices(self, placement: Placement) -> Doubles:
        return placement.matrices if placement.skin is None else self.joint_matrices(placement.skin)

    def _morph_weights(self, placement: Placement) -> list[float]:
        node, mesh = self.scene.nodes[placement.node].json, self.scene.meshes[placement.mesh].json
        weights: list[float] = node.get("weights") or mesh.get("weights") or []
        return weights


def morphed(primitive: Primitive, weights: list[float]) -> NDArray[np.floating]:
    """(vertices, 3) of the mesh, float32 where no morph target acts."""
    positions: NDArray[np.floating] = primitive.positions
    for weight, target in zip(weights, primitive.targets, strict=False):
        if weight and "POSITION" in target:
            positions = positions + float(weight) * target["POSITION"].astype(np.float64)
    return positions


def skinned(positions: NDArray[np.floating], primitive: Primitive, joints: Doubles) -> Doubles:
    """(vertices, 3) metres. A vertex without weights follows the first joint, so that it is drawn somewhere."""
    moved = np.zeros((len(positions), 3))
    total = np.zeros((len(positions), 1))
    for joint, weight in _influences(primitive):
        matrices = joints[np.minimum(joint, len(joints) - 1)]
        moved += weight[:, None] * (np.einsum("nij,nj->ni", matrices[:, :3, :3], positions) + matrices[:, :3, 3])
        total += weight[:, None]
    unbound = transform(joints[0], positions)
    return np.where(total > 0, np.divide(moved, total, out=moved, where=total > 0), unbound)


def _influences(primitive: Primitive) -> Iterator[tuple[Array, Array]]:
    at = 0
    while f"JOINTS_{at}" in primitive.attributes and f"WEIGHTS_{at}" in primitive.attributes:
        joints, weights = primitive.attributes[f"JOINTS_{at}"], primitive.attributes[f"WEIGHTS_{at}"]
        for column in range(joints.shape[1]):
            if weights[:, column].any():
                yield joints[:, column], weights[:, column].astype(np.float64)
        at += 1
