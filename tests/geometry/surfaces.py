"""Small surfaces for the tests of the collapse, and what can be asked of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.surface import Surface
from tests import shapes


def surface(positions: Array, corners: Array, attributes: Array | None = None, group: Array | None = None) -> Surface:
    """Corners index rows of positions and attributes (UVs) alike; equal positions become one vertex."""
    points, vertex = np.unique(np.asarray(positions, np.float32).reshape(-1, 3), axis=0, return_inverse=True)
    corners = np.asarray(corners, np.int32).reshape(-1, 3)
    values = np.asarray(attributes if attributes is not None else np.zeros((len(vertex), 0)), np.float32)
    return Surface(
        positions=points,
        corners=corners,
        wedge_vertex=vertex.reshape(-1).astype(np.int32),
        attributes=values,
        weights=np.full(values.shape[1], 0.1, np.float32),
        group=np.zeros(len(corners), np.int32) if group is None else np.asarray(group, np.int32),
        copies=np.ones(len(corners), np.int32),
        origin=np.arange(len(values), dtype=np.int32),
        uv_sets=values.shape[1] // 2,
    )


def of(shape: Primitive) -> Surface:
    """A shape with its texture coordinates."""
    return surface(shape.positions, shape.indices, shape.attributes["TEXCOORD_0"])


def bare(shape: Primitive) -> Surface:
    """A shape without attributes: positions alone, no seams."""
    points, vertex = np.unique(shape.positions, axis=0, return_inverse=True)
    return surface(points, vertex.reshape(-1)[shape.indices])


def plane(columns: int, rows: int, tilt: float = 0.3) -> Surface:
    uvs, indices = shapes.grid(columns, rows)
    x, y = uvs[:, 0], uvs[:, 1]
    return surface(np.stack([x, y, tilt * x - 0.2 * y], axis=-1), indices, uvs)


def soup_of_boxes(count: int, seed: int = 0) -> Surface:
    """Closed pieces of twelve triangles each, of different sizes, that touch nowhere."""
    box = bare(shapes.box())
    rng = np.random.default_rng(seed)
    places, sizes = rng.uniform(-10, 10, (count, 1, 3)), rng.uniform(0.01, 0.1, (count, 1, 1))
    points = (box.positions[None] * sizes + places).reshape(-1, 3).astype(np.float32)
    corners = box.wedge_vertex[box.corners][None] + np.arange(count)[:, None, None] * len(box.positions)
    return surface(points, corners)


def random_soup(points: int, faces: int, seed: int) -> Surface:
    """Triangles between random points: nothing about it is manifold."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, points, (faces, 3))
    return surface(rng.uniform(-1, 1, (points, 3)), corners, rng.uniform(0, 1, (points, 2)))


def join(*parts: Surface) -> Surface:
    """Parts as meshes of one asset: they share no vertex."""
    vertices = np.cumsum([0, *(len(part.positions) for part in parts)])
    wedges = np.cumsum([0, *(len(part.attributes) for part in parts)])
    return replace(
        parts[0],
        positions=np.concatenate([part.positions for part in parts]),
        corners=np.concatenate([part.corners + at for part, at in zip(parts, wedges, strict=False)]).astype(np.int32),
        wedge_vertex=np.concatenate([p.wedge_vertex + at for p, at in zip(parts, vertices, strict=False)]).astype(
            np.int32
        ),
        attributes=np.concatenate([part.attributes for part in parts]),
        group=np.concatenate([part.group for part in parts]),
        copies=np.concatenate([part.copies for part in parts]),
        origin=np.arange(wedges[-1], dtype=np.int32),
    )


def faces_of(model: Surface) -> Array:
    """(f, 3) vertices."""
    return model.wedge_vertex[model.corners]


def normals_of(model: Surface) -> Array:
    """(f, 3), as long as twice the area."""
    a, b, c = (model.positions[faces_of(model)[:, i]].astype(float) for i in range(3))
    return np.cross(b - a, c - a)


def edge_counts(model: Surface) -> Counter[tuple[int, int]]:
    """How many faces each edge has."""
    faces = faces_of(model)
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return Counter(map(tuple, ends.tolist()))


def euler(model: Surface) -> int:
    used = len(np.unique(faces_of(model)))
    return used - len(edge_counts(model)) + len(model.corners)


def same_bytes(one: Surface, other: Surface) -> bool:
    names = ("positions", "corners", "wedge_vertex", "attributes", "group", "copies", "origin")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)
