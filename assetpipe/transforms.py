"""Scene -> where each mesh is drawn: world matrices of the nodes, placements of the meshes, instances included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Json, Node, Scene

Doubles = NDArray[np.float64]
INSTANCING = "EXT_mesh_gpu_instancing"


@dataclass(frozen=True, eq=False)
class Placement:
    """One node that shows a mesh."""

    node: int
    mesh: int
    matrices: Doubles
    """(copies, 4, 4) mesh to world, one for each instance. A skinned mesh has the identity: its joints place it."""
    skin: int | None = None


def world_matrices(scene: Scene) -> Doubles:
    """(nodes, 4, 4) node to world, column vectors; of every node, those outside the default scene included."""
    world = np.array([_local_matrix(node.json) for node in scene.nodes]).reshape(-1, 4, 4)
    for node, parent in _tree(scene, _parentless(scene)):
        if parent is not None:
            world[node] = world[parent] @ world[node]
    return world


def joint_matrices(scene: Scene, skin: int, world: Doubles) -> Doubles:
    """(joints, 4, 4) mesh to world, at rest."""
    json = scene.json["skins"][skin]
    joints: Doubles = world[json["joints"]]
    if "inverseBindMatrices" not in json:
        return joints
    inverse = scene.arrays[json["inverseBindMatrices"]].astype(np.float64).reshape(-1, 4, 4)[: len(joints)]
    # Accessors hold matrices column by column: read row by row, they are the transposes.
    matrices: Doubles = joints @ inverse.transpose(0, 2, 1)
    return matrices


def placements(scene: Scene) -> list[Placement]:
    """Every mesh that the default scene shows, in depth-first order."""
    world = world_matrices(scene)
    return [_placement(scene, at, mesh, world[at]) for at, mesh in _shown(scene)]


def drawn_triangles(scene: Scene) -> int:
    """Triangles that the default scene draws: a mesh that ten nodes show counts ten times."""
    return sum(scene.meshes[mesh].triangles * _copies(scene, at) for at, mesh in _shown(scene))


def largest_scale(matrices: Doubles) -> float:
    """The most that any of the (n, 4, 4) matrices stretches any direction."""
    if not len(matrices):
        return 0.0
    linear = np.nan_to_num(matrices[:, :3, :3], posinf=0.0, neginf=0.0)
    return float(np.linalg.svd(linear, compute_uv=False).max())


def mesh_scales(scene: Scene) -> dict[int, float]:
    """Metres per unit of each mesh, where a node shows it largest."""
    scales: dict[int, float] = {}
    for placement in placements(scene):
        scales[placement.mesh] = max(scales.get(placement.mesh, 0.0), largest_scale(placement.matrices))
    return scales


def transform(matrix: Doubles, points: NDArray[np.floating]) -> Doubles:
    """(n, 3) points by one (4, 4) matrix. Term by term: BLAS rounds as the machine likes, and takes longer."""
    if (matrix == np.eye(4)).all():
        return points.astype(np.float64) + 0.0  # no -0, as below
    x, y, z = (points[:, axis].astype(np.float64) for axis in range(3))
    moved = np.empty((len(points), 3))
    for row in range(3):
        moved[:, row] = x * matrix[row, 0] + y * matrix[row, 1] + z * matrix[row, 2] + matrix[row, 3]
    return moved


def trs_matrices(translation: Doubles, rotation: Doubles, scale: Doubles) -> Doubles:
    """(n, 3), (n, 4) xyzw and (n, 3) -> (n, 4, 4)."""
    length = np.linalg.norm(rotation, axis=1, keepdims=True)
    x, y, z, w = np.divide(rotation, length, out=np.tile([0.0, 0, 0, 1], (len(rotation), 1)), where=length > 0).T
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    matrices = np.tile(np.eye(4), (len(rotation), 1, 1))
    matrices[:, :3, :3] = turned * scale[:, None, :]
    matrices[:, :3, 3] = translation
    return matrices


def _placement(scene: Scene, at: int, mesh: int, world: Doubles) -> Placement:
    node = scene.nodes[at]
    if node.skin is not None:
        return Placement(at, mesh, np.eye(4)[None], node.skin)
    instances = _instances(scene, node)
    return Placement(at, mesh, world[None] if instances is None else world @ instances)


def _shown(scene: Scene) -> list[tuple[int, int]]:
    """(node, mesh) of the default scene."""
    meshes = [(at, scene.nodes[at].mesh) for at, _ in _tree(scene, _roots(scene))]
    return [(at, mesh) for at, mesh in meshes if mesh is not None]


def _tree(scene: Scene, roots: Sequence[int]) -> list[tuple[int, int | None]]:
    """(node, its parent) below the roots, parents first; a node met twice counts once, so cycles end."""
    found: dict[int, int | None] = {}
    waiting: list[tuple[int, int | None]] = [(root, None) for root in reversed(roots)]
    while waiting:
        at, parent = waiting.pop()
        if at not in found:
            found[at] = parent
            waiting.extend((child, at) for child in reversed(scene.nodes[at].children))
    return list(found.items())


def _roots(scene: Scene) -> Sequence[int]:
    """Of `scene`, else of the first scene; a document without scenes shows all its roots."""
    scenes = scene.json.get("scenes", ())
    if scenes:
        roots: Sequence[int] = scenes[scene.json.get("scene", 0)].get("nodes", ())
        return roots
    return _parentless(scene)


def _parentless(scene: Scene) -> list[int]:
    children = {child for node in scene.nodes for child in node.children}
    return [at for at in range(len(scene.nodes)) if at not in children]


def _local_matrix(node: Json) -> Doubles:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    parts = [node.get("translation", (0, 0, 0)), node.get("rotation", (0, 0, 0, 1)), node.get("scale", (1, 1, 1))]
    if parts[1] == (0, 0, 0, 1):  # nine in ten nodes: no need for the general formula
        matrix = np.diag([*map(float, parts[2]), 1.0])
        matrix[:3, 3] = parts[0]
        return matrix
    moved, turned, scaled = (np.array([part], np.float64) for part in parts)
    return cast(Doubles, trs_matrices(moved, turned, scaled)[0])


def _instance_arrays(scene: Scene, node: Node) -> dict[str, Doubles] | None:
    attributes = node.json.get("extensions", {}).get(INSTANCING, {}).get("attributes")
    if not attributes:
        return None
    return {name: scene.arrays[index].astype(np.float64) for name, index in attributes.items() if name[0] != "_"}


def _instances(scene: Scene, node: Node) -> Doubles | None:
    arrays = _instance_arrays(scene, node)
    if not arrays:
        return None
    count = min(len(array) for array in arrays.values())
    rest = {"TRANSLATION": (0.0, 0.0, 0.0), "ROTATION": (0.0, 0.0, 0.0, 1.0), "SCALE": (1.0, 1.0, 1.0)}
    values = [arrays[name][:count] if name in arrays else np.tile(rest[name], (count, 1)) for name in rest]
    return trs_matrices(*values)


def _copies(scene: Scene, at: int) -> int:
    node = scene.nodes[at]
    attributes = node.json.get("extensions", {}).get(INSTANCING, {}).get("attributes")
    if not attributes or node.skin is not None:
        return 1
    return min(len(scene.arrays[index]) for index in attributes.values())
