"""Scene -> World: the triangles that it draws, where they are drawn, and points spread over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import TRIANGLES, Array, Floats, Primitive, Scene
from assetpipe.geometry.pose import Pose
from assetpipe.queries.closest import Hierarchy
from assetpipe.transforms import Doubles, Placement, drawn_triangles

Longs = NDArray[np.int64]
CHUNK = 2_000_000  # triangles in memory and in one hierarchy at a time
R2 = (0.7548776662466927, 0.5698402909980532)  # Roberts' sequence (2018): even cover of the unit square without dice


@dataclass(frozen=True, eq=False)
class Samples:
    points: Floats
    """(n, 3) metres about the world's centre."""
    faces: Longs
    """(n,) drawn triangle that each lies on."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """To each of n points."""

    far: Floats
    """(n,) metres."""
    faces: Longs
    """(n,) drawn triangle; -1 where none lies within reach."""


@dataclass(frozen=True)
class Block:
    """One copy of a primitive."""

    mesh: int
    primitive: int
    triangles: int


@dataclass(frozen=True, eq=False)
class World:
    """The triangles that a scene draws, in metres about `centre`: float32 is enough there."""

    scene: Scene
    centre: Doubles

    @cached_property
    def triangles(self) -> int:
        return drawn_triangles(self.scene)

    @cached_property
    def blocks(self) -> list[Block]:
        """What is drawn, in order."""
        return [
            Block(placement.mesh, number, primitive.triangles)
            for placement, number, primitive in self._shown()
            for _ in placement.matrices
        ]

    def spread(self, count: int) -> Samples:
        """`count` points, as many per area everywhere."""
        ends = np.cumsum([areas.sum() for areas in self._areas])
        steps = (np.arange(count) + 0.5) / count * ends[-1]
        found, first = [], 0
        for at, (corners, areas) in enumerate(zip(self._chunks(), self._areas, strict=True)):
            start = ends[at - 1] if at else 0.0
            number = np.flatnonzero((steps >= start) & (steps < ends[at]))
            inside = np.searchsorted(np.cumsum(areas), steps[number] - start, side="right")
            faces = np.minimum(inside, len(areas) - 1)
            found.append(Samples(_points(corners, faces, number), faces + first))
            first += len(areas)
        return _joined(found)

    def vertices(self, count: int) -> Samples:
        """`count` or fewer, spread over the list of triangles."""
        every = max(1, 3 * self.triangles // count)
        found, first = [], 0
        for corners in self._chunks():
            picked = np.arange(0, len(corners), every)
            found.append(Samples(corners[picked], picked // 3 + first))
            first += len(corners) // 3
        return _joined(found)

    def nearest(self, points: Floats, reach: float) -> Nearest:
        """To each of the (n, 3) points; `reach` where nothing is nearer."""
        far, faces, first = np.full(len(points), reach, np.float32), np.full(len(points), -1, np.int64), 0
        for hierarchy in self._hierarchies():
            far, found = hierarchy.nearest(points, far)
            faces = np.where(found >= 0, found + first, faces)
            first += hierarchy.triangles
        return Nearest(far, faces)

    def _chunks(self) -> Iterator[Floats]:
        """(3 f, 3) corners, of at most CHUNK triangles; always the same ones in the same order."""
        return iter(self._kept) if self.triangles <= 2 * CHUNK else self._make_chunks()

    def _hierarchies(self) -> Iterator[Hierarchy]:
        """One for each chunk."""
        return iter(self._kept_hierarchies) if self.triangles <= 2 * CHUNK else map(Hierarchy, self._make_chunks())

    @cached_property
    def _kept_hierarchies(self) -> list[Hierarchy]:
        return [Hierarchy(chunk) for chunk in self._kept]

    @cached_property
    def _kept(self) -> list[Floats]:
        return list(self._make_chunks())

    @cached_property
    def _areas(self) -> list[Doubles]:
        return [_areas(chunk) for chunk in self._chunks()]

    def _make_chunks(self) -> Iterator[Floats]:
        waiting: list[Floats] = []
        for corners in self._corners():
            if waiting and sum(map(len, waiting)) + len(corners) > 3 * CHUNK:
                yield np.concatenate(waiting)
                waiting = []
            waiting.append(corners)
        if waiting:
            yield np.concatenate(waiting)

    def _corners(self) -> Iterator[Floats]:
        """(3 f, 3) of at most CHUNK triangles of a block each."""
        pose = Pose(self.scene)
        for placement, _, primitive in self._shown():
            for vertices in pose.vertices(placement, primitive):
                points = (vertices - self.centre).astype(np.float32)
                for start in range(0, len(primitive.indices), 3 * CHUNK):
                    yield points[primitive.indices[start : start + 3 * CHUNK]]

    def _shown(self) -> Iterator[tuple[Placement, int, Primitive]]:
        for placement in Pose(self.scene).placements:
            for number, primitive in enumerate(self.scene.meshes[placement.mesh].primitives):
                if primitive.mode == TRIANGLES and len(primitive.indices):
                    yield placement, number, primitive


def _joined(samples: list[Samples]) -> Samples:
    return Samples(*(np.concatenate([getattr(each, name) for each in samples]) for name in ("points", "faces")))


def _areas(corners: Floats) -> Doubles:
    a, b, c = (corners[at::3].astype(np.float64) for at in range(3))
    areas: Doubles = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return areas


def _points(corners: Floats, triangles: Array, number: Array) -> Floats:
    """(n, 3): in each of the (n,) triangles the point that the (n,) numbers of the sequence give."""
    u, v = ((number * step) % 1.0 for step in R2)
    over = u + v > 1
    u, v = np.where(over, 1 - u, u)[:, None], np.where(over, 1 - v, v)[:, None]
    a, b, c = (corners[3 * triangles + at] for at in range(3))
    points: Floats = (a + u * (b - a) + v * (c - a)).astype(np.float32)
    return points
