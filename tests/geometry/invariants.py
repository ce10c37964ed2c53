"""What holds for every level of every scene: each question answered from the arrays alone, not by the decimator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from assetpipe.asset import Array, Mesh, Primitive, Scene


@dataclass(frozen=True, eq=False)
class Soup:
    """The triangles of a mesh, vertices of equal positions joined."""

    points: Array
    """(n, 3) float64"""
    faces: Array
    """(f, 3)"""

    @property
    def crosses(self) -> Array:
        a, b, c = (self.points[self.faces[:, at]] for at in range(3))
        return np.cross(b - a, c - a)

    @property
    def edges(self) -> tuple[Array, Array]:
        """(e, 2) of vertices, and how many faces each has."""
        ends = np.sort(np.concatenate([np.roll(self.faces, at, axis=1)[:, :2] for at in range(3)]), axis=1)
        return np.unique(ends, axis=0, return_counts=True)

    @property
    def euler(self) -> int:
        return len(np.unique(self.faces)) - len(self.edges[0]) + len(self.faces)

    @property
    def is_closed(self) -> bool:
        return bool((self.edges[1] == 2).all())

    @property
    def rims(self) -> list[int]:
        """How many open edges end at each vertex that has some."""
        edges, uses = self.edges
        return np.unique(edges[uses == 1], return_counts=True)[1].tolist()

    @property
    def crowded(self) -> int:
        """Faces at the edge that has the most."""
        return int(self.edges[1].max(initial=0))

    @property
    def degenerate(self) -> int:
        pointed = (self.faces == np.roll(self.faces, 1, axis=1)).any(axis=1)
        return int((pointed | ~self.crosses.any(axis=1)).sum())

    @property
    def repeated(self) -> int:
        """Faces that lie on an earlier one, whichever way they turn."""
        return len(self.faces) - len(np.unique(np.sort(self.faces, axis=1), axis=0))


def soup_of(mesh: Mesh) -> Soup:
    corners = np.concatenate([np.zeros((0, 3), np.float32), *(p.positions[p.indices] for p in mesh.primitives)])
    points, at = np.unique(corners + np.float32(0), axis=0, return_inverse=True)
    return Soup(points.astype(np.float64), at.reshape(-1, 3))


def unsound(scene: Scene) -> Iterator[str]:
    """What is wrong with the arrays."""
    for mesh in scene.meshes:
        for primitive in mesh.primitives:
            yield from _unsound(primitive)


def _unsound(primitive: Primitive) -> Iterator[str]:
    count = len(primitive.positions)
    if len(primitive.indices) == 0 or len(primitive.indices) % 3:
        yield f"{len(primitive.indices)} indices"
    if primitive.indices.max(initial=0) >= count or len(np.unique(primitive.indices)) != count:
        yield "indices out of range, or vertices that nothing uses"
    for name, values in primitive.attributes.items():
        if len(values) != count:
            yield f"{name}: {len(values)} of {count}"
        if not np.isfinite(values).all():
            yield f"{name}: not finite"
    for name in {"NORMAL", "TANGENT"} & primitive.attributes.keys():
        length = np.linalg.norm(primitive.attributes[name][:, :3].astype(np.float64), axis=1)
        if np.abs(length - 1).max() > 1e-3:
            yield f"{name}: length {length.min()}..{length.max()}"
    if "COLOR_0" in primitive.attributes and not ((c := primitive.attributes["COLOR_0"]) == c.clip(0, 1)).all():
        yield "colours outside 0..1"
    yield from _unbound(primitive)


def _unbound(primitive: Primitive) -> Iterator[str]:
    weights = [values for name, values in primitive.attributes.items() if name.startswith("WEIGHTS_")]
    if weights:
        every = np.concatenate(weights, axis=1)
        if (every < 0).any() or np.abs(every.sum(axis=1) - 1).max() > 1e-3:
            yield f"weights sum to {every.sum(axis=1).min()}..{every.sum(axis=1).max()}"
        if ((every > 0).sum(axis=1) > 4).any():
            yield "more than four influences"


def charts_of(scene: Scene, name: str = "TEXCOORD_0") -> dict[int, Array]:
    """Chart -> (f, 3, 2) texture coordinates of its triangles."""
    found: dict[int, list[Array]] = {}
    for mesh in scene.meshes:
        for primitive in mesh.primitives:
            uvs = primitive.attributes[name].astype(np.float64)[primitive.indices].reshape(-1, 3, 2)
            chart = primitive.attributes["_CHART"][primitive.indices].reshape(-1, 3)
            for number in np.unique(chart):
                found.setdefault(int(number), []).append(uvs[(chart == number).any(axis=1)])
    return {number: np.concatenate(parts) for number, parts in found.items()}


def strays(inner: Array, outer: Array) -> float:
    """How far any of the (n, 2) points lies outside the hull of the (m, 2), over the hull's extent."""
    extent = float(np.ptp(outer, axis=0).max()) or 1.0
    try:
        planes = ConvexHull(outer).equations
    except QhullError:  # on a line: the box will do
        low, high = outer.min(axis=0), outer.max(axis=0)
        return float(np.maximum(low - inner, inner - high).max(initial=0.0)) / extent
    return float((inner @ planes[:, :2].T + planes[:, 2]).max(initial=0.0)) / extent


def uv_areas(triangles: Array) -> Array:
    """(f,) signed, of (f, 3, 2)."""
    e, f = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return (e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0]) / 2


def brute_distances(points: Array, corners: Array) -> tuple[Array, Array]:
    """(n,) from each of the (n, 3) points to the nearest of the (f, 3, 3) triangles, and which; tries all."""
    a, b, c = (corners[None, :, at] for at in range(3))
    p = points[:, None]
    inside = _in_plane(p, a, b, c)
    rims = np.min([_to_edge(p, *ends) for ends in ((a, b), (b, c), (c, a))], axis=0)
    every = np.where(np.isfinite(inside), inside, rims)
    nearest = every.argmin(axis=1)
    return every[np.arange(len(points)), nearest], nearest


def _to_edge(p: Array, a: Array, b: Array) -> Array:
    e = b - a
    t = ((p - a) * e).sum(-1) / np.maximum((e * e).sum(-1), 1e-300)
    return np.linalg.norm(p - a - e * np.clip(t, 0, 1)[..., None], axis=-1)


def _in_plane(p: Array, a: Array, b: Array, c: Array) -> Array:
    """Infinity where the foot on the plane lies outside."""
    normal = np.cross(b - a, c - a)
    size = np.maximum(np.linalg.norm(normal, axis=-1), 1e-300)
    sides = [(np.cross(y - x, p - x) * normal).sum(-1) >= 0 for x, y in ((a, b), (b, c), (c, a))]
    height = np.abs(((p - a) * normal).sum(-1)) / size
    return np.where(np.logical_and.reduce(sides) & (size > 1e-300), height, np.inf)
