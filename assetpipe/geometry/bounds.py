"""Scene -> Bounds: the space that it takes on screen."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Primitive, Scene
from assetpipe.geometry.kernels.order import column_ranges
from assetpipe.geometry.pose import Pose
from assetpipe.geometry.welding import map_vertices
from assetpipe.rows import used_rows
from assetpipe.transforms import Doubles, Placement

Point = tuple[float, float, float]
MANY = 200_000_000  # vertices over all copies: beyond, the corners of a mesh's box stand for its vertices
AT_ONCE = 16_384
"""Vertices, so that what they are on the way stays in the processor's cache: half a million take 15 ms, at once 29."""


@dataclass(frozen=True)
class Bounds:
    """Metres, of what is drawn; a scene that draws nothing has the point at the origin."""

    min: Point
    max: Point
    radius: float
    """Of the sphere about the box's centre that holds every vertex."""

    @property
    def centre(self) -> Point:
        x, y, z = ((low + high) / 2 for low, high in zip(self.min, self.max, strict=True))
        return (x, y, z)


def scene_bounds(scene: Scene) -> Bounds:
    """Of every vertex that the default scene draws, skins at rest, morph weights at their defaults."""
    pose, seen = Pose(scene), _Seen()
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for points in _drawn_points(pose, seen):
        lowest, highest = column_ranges(points)
        low, high = np.minimum(low, lowest), np.maximum(high, highest)
    if not np.isfinite(high - low).all():
        return Bounds((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
    centre = (low + high) / 2
    squared = max(_farthest(points, centre) for points in _drawn_points(pose, seen))
    return Bounds(_point(low), _point(high), float(np.sqrt(squared)))


def _farthest(points: Doubles, centre: Doubles) -> float:
    """Squared."""
    x, y, z = (np.square(points[:, axis] - centre[axis]) for axis in range(3))
    return float((x + y + z).max(initial=0.0))


class _Seen(dict[int, NDArray[np.bool_] | None]):
    """Of a primitive, by its identity: which vertices it draws, None: all. Looked up once for both rounds."""

    def of(self, primitive: Primitive) -> NDArray[np.bool_] | None:
        if id(primitive) not in self:
            used = used_rows(primitive.indices, len(primitive.positions))
            self[id(primitive)] = None if used.all() else used
        return self[id(primitive)]


def _drawn_points(pose: Pose, seen: _Seen) -> Iterator[Doubles]:
    """(n, 3) metres, one block for each primitive and copy; blocks without points are left out."""
    for placement in pose.placements:
        for primitive in pose.scene.meshes[placement.mesh].primitives:
            if len(primitive.indices):
                yield from _blocks(pose, placement, primitive, seen.of(primitive))


def _blocks(
    pose: Pose, placement: Placement, primitive: Primitive, used: NDArray[np.bool_] | None
) -> Iterator[Doubles]:
    copies = len(placement.matrices)
    if copies > 1 and copies * len(primitive.positions) > MANY:
        points = primitive.positions if used is None else primitive.positions[used]
        yield _corners(points.min(axis=0), points.max(axis=0), placement.matrices)
        return
    for at in range(0, len(primitive.positions), AT_ONCE):
        few = slice(at, at + AT_ONCE)
        some = map_vertices(primitive, operator.itemgetter(few))  # indices aside, which nobody looks at
        for vertices in pose.vertices(placement, some):
            yield vertices if used is None else vertices[used[few]]


def _corners(low: Doubles, high: Doubles, matrices: Doubles) -> Doubles:
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3).astype(np.float64)
    moved: Doubles = corners @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]
    return moved.reshape(-1, 3)


def _point(values: Doubles) -> Point:
    x, y, z = (float(value) for value in values)
    return (x, y, z)
