"""Two scenes -> how far their surfaces lie apart in the world, at rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Deviation, Floats, Scene
from assetpipe.geometry.bounds import Bounds, scene_bounds
from assetpipe.geometry.pose import Pose
from assetpipe.queries.closest import Hierarchy
from assetpipe.transforms import Doubles, drawn_triangles

_making = Lock()
CHUNK = 2_000_000  # triangles in memory and in one hierarchy at a time
R2 = (0.7548776662466927, 0.5698402909980532)  # Roberts' sequence (2018): even cover of the unit square without dice


def measure_deviation(source: Scene, level: Scene, *, samples: int = 50_000) -> Deviation:
    """Metres from `samples` points spread evenly over each surface to the nearest point of the other. As many vertices
    of each count for `max` too: a spike has little area. A level without triangles lies as far away as the source is
    wide."""
    (here, one), there = _source(source), scene_bounds(level)
    other = World(level, one.centre)
    apart = float(np.linalg.norm(one.centre - there.centre))
    reach = here.radius + apart + there.radius
    if not one.triangles or not other.triangles:
        return Deviation(reach, reach) if one.triangles else Deviation(0.0, 0.0)
    pairs = ((one, other), (other, one))
    spread = np.concatenate([_far(a.spread(samples), b, reach) for a, b in pairs]).astype(np.float64)
    tips = np.concatenate([_far(a.vertices(samples), b, reach) for a, b in pairs])
    return Deviation(float(max(spread.max(), tips.max())), float(np.sqrt((spread**2).mean())))


def forget_source() -> None:
    """Let the kept hierarchy go: a hundred bytes for each triangle of the source."""
    _keep_source.cache_clear()


def _source(scene: Scene) -> tuple[Bounds, World]:
    """Kept for the next level: sorting the source's triangles is most of the work. Levels are measured side by side;
    the first to come makes what the others wait for."""
    with _making:
        return _keep_source(scene)


@lru_cache(maxsize=1)
def _keep_source(scene: Scene) -> tuple[Bounds, World]:
    bounds = scene_bounds(scene)
    return bounds, World(scene, np.array(bounds.centre))


@dataclass(frozen=True, eq=False)
class World:
    """The triangles that a scene draws, in metres about `centre`: float32 is enough there."""

    scene: Scene
    centre: Doubles

    @cached_property
    def triangles(self) -> int:
        return drawn_triangles(self.scene)

    def chunks(self) -> Iterator[Floats]:
        """(3 f, 3) corners, of at most CHUNK triangles; always the same ones in the same order."""
        return iter(self._kept) if self.triangles <= 2 * CHUNK else self._make_chunks()

    def hierarchies(self) -> Iterator[Hierarchy]:
        """One for each chunk."""
        return iter(self._kept_hierarchies) if self.triangles <= 2 * CHUNK else map(Hierarchy, self._make_chunks())

    @cached_property
    def _kept_hierarchies(self) -> list[Hierarchy]:
        return [Hierarchy(chunk) for chunk in self._kept]

    @cached_property
    def _kept(self) -> list[Floats]:
        return list(self._make_chunks())

    def _make_chunks(self) -> Iterator[Floats]:
        waiting: list[Floats] = []
        for corners in self._blocks():
            if waiting and sum(map(len, waiting)) + len(corners) > 3 * CHUNK:
                yield np.concatenate(waiting)
                waiting = []
            waiting.append(corners)
        if waiting:
            yield np.concatenate(waiting)

    def _blocks(self) -> Iterator[Floats]:
        pose = Pose(self.scene)
        for placement in pose.placements:
            for primitive in self.scene.meshes[placement.mesh].primitives:
                if primitive.mode == TRIANGLES and len(primitive.indices):
                    for vertices in pose.vertices(placement, primitive):
                        points = (vertices - self.centre).astype(np.float32)
                        for start in range(0, len(primitive.indices), 3 * CHUNK):
                            yield points[primitive.indices[start : start + 3 * CHUNK]]

    @cached_property
    def _areas(self) -> list[Doubles]:
        return [_areas(chunk) for chunk in self.chunks()]

    def spread(self, count: int) -> Floats:
        """(count, 3) points, as many per area everywhere."""
        ends = np.cumsum([areas.sum() for areas in self._areas])
        steps = (np.arange(count) + 0.5) / count * ends[-1]
        found = []
        for at, (corners, areas) in enumerate(zip(self.chunks(), self._areas, strict=True)):
            start = ends[at - 1] if at else 0.0
            number = np.flatnonzero((steps >= start) & (steps < ends[at]))
            inside = np.searchsorted(np.cumsum(areas), steps[number] - start, side="right")
            found.append(_points(corners, np.minimum(inside, len(areas) - 1), number))
        return np.concatenate(found)

    def vertices(self, count: int) -> Floats:
        """(count or fewer, 3), spread over the list of triangles."""
        every = max(1, 3 * self.triangles // count)
        return np.concatenate([chunk[::every] for chunk in self.chunks()])


def _far(points: Floats, world: World, reach: float) -> Floats:
    """(n,) metres from each of the (n, 3) points to the world's surface."""
    far = np.full(len(points), reach, np.float32)
    for hierarchy in world.hierarchies():
        far = hierarchy.distances(points, far)
    return far


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
