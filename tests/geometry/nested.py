"""Scenes in which things stand in one another, for what nobody sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Json, Material, Mesh, Node, Primitive, Scene
from tests import shapes

BALL = shapes.sphere(16).triangles
GLASSES: dict[str, Json] = {
    "blend": {"alphaMode": "BLEND"},
    "mask": {"alphaMode": "MASK"},
    "transmission": {"extensions": {"KHR_materials_transmission": {"transmissionFactor": 1}}},
    "diffuse": {"extensions": {"KHR_materials_diffuse_transmission": {}}},
}
DOUBLE: Json = {"doubleSided": True}


def scene(*parts: tuple[Primitive, Json], materials: tuple[Json, ...] = (), **document: object) -> Scene:
    """Each part a mesh on a node of its own, the node with what is given."""
    nodes = tuple(Node({"mesh": at, **node}) for at, (_, node) in enumerate(parts))
    meshes = tuple(Mesh((primitive,)) for primitive, _ in parts)
    whole: Json = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": list(range(len(nodes)))}], **document}
    return Scene(nodes, meshes, tuple(Material(each) for each in materials), json=whole)


def ball(radius: float = 1.0, material: int | None = None) -> Primitive:
    return shapes.sphere(16, radius, material)


def turned(primitive: Primitive) -> Primitive:
    """Inside out."""
    return replace(primitive, indices=np.ascontiguousarray(primitive.indices.reshape(-1, 3)[:, ::-1]).reshape(-1))


def left(made: Scene) -> list[int]:
    """Triangles of each mesh."""
    return [mesh.triangles for mesh in made.meshes]


def open_box(size: float = 1.0, *, lid: float = 1.0) -> Primitive:
    """Walls that are drawn on both sides and a lid over so much of the top."""
    box = shapes.box(size, 0)
    top = np.isclose(box.positions[box.indices.reshape(-1, 3)][:, :, 1], size / 2).all(axis=1)
    positions = box.positions.copy()
    corners = np.unique(box.indices.reshape(-1, 3)[top])
    positions[corners, 0] = np.where(positions[corners, 0] > 0, size * (lid - 0.5), -size / 2)
    return replace(box, attributes={**box.attributes, "POSITION": positions})


def assembly(seed: int) -> Scene:
    """Two dozen shapes, some in others, some of glass, some mirrored, some with both sides drawn."""
    rng = np.random.default_rng(seed)
    materials: tuple[Json, ...] = ({}, {}, DOUBLE, GLASSES["blend"], {**GLASSES["mask"], **DOUBLE})
    makers = [
        lambda size, material: shapes.sphere(12, size, material),
        lambda size, material: shapes.box(2 * size, material),
        lambda size, material: shapes.torus(12, size, 0.4 * size, material),
        lambda size, material: turned(shapes.box(1.6 * size, material)),
    ]
    parts = []
    for _ in range(24):
        part = makers[rng.integers(4)](rng.choice([0.1, 0.3, 0.6, 1.2]), int(rng.integers(5)))
        turn = rng.normal(size=4)
        place: Json = {
            "translation": rng.uniform(-0.8, 0.8, 3).tolist(),
            "rotation": (turn / np.linalg.norm(turn)).tolist(),
            "scale": (rng.choice([-1.0, 1.0], 3) * rng.uniform(0.5, 1.2, 3)).tolist(),
        }
        parts.append((part, place))
    return scene(*parts, materials=materials)
