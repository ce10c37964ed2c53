"""Scene -> for each vertex of its skinned meshes where it hangs: the mean of its joints' places, by weight.

A level bends only where it has edges. A straight sleeve has none to spare at the elbow while only its shape at rest
counts. So where a vertex hangs steers the collapse as its texture coordinates do: it changes at the elbow and nowhere
else, by as much as there is to bend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assetpipe.asset import Array, Floats, Primitive, Scene
from assetpipe.transforms import Doubles, placements, world_matrices

WIDTH = 3


def hang(scene: Scene, primitives: Sequence[tuple[int, Primitive]]) -> Floats | None:
    """(vertices of all, 3) metres for primitives with the number of their mesh; zeros where one is not skinned. None
    where nothing is, or all hangs at one place."""
    joints = _joints(scene) if scene.json.get("skins") else {}
    if not joints:
        return None
    found = [
        _anchors(primitive, joints[mesh]) if mesh in joints else np.zeros((len(primitive.positions), WIDTH), np.float32)
        for mesh, primitive in primitives
    ]
    varied = any(len(values) and bool((values != values[0]).any()) for values in found)
    return np.concatenate(found) if varied else None


def _joints(scene: Scene) -> dict[int, Doubles]:
    """Mesh -> (joints, 3) where they stand at rest, of the first node that shows it with a skin."""
    world, found = world_matrices(scene), dict[int, Doubles]()
    for placement in placements(scene):
        if placement.skin is not None:
            joints = scene.json["skins"][placement.skin]["joints"]
            found.setdefault(placement.mesh, world[joints][:, :3, 3])
    return found


def _anchors(primitive: Primitive, joints: Doubles) -> Floats:
    sets = sorted(name for name in primitive.attributes if name.startswith("JOINTS_"))
    total: Array = np.zeros((len(primitive.positions), WIDTH))
    for name in sets:
        numbers, weights = primitive.attributes[name], primitive.attributes[name.replace("JOINTS", "WEIGHTS")]
        for column in range(numbers.shape[1]):
            if weights[:, column].any():
                total += weights[:, column, None] * joints[np.minimum(numbers[:, column], len(joints) - 1)]
    return total.astype(np.float32)
