"""Faces, what blocks the view -> which faces some ray from outside reaches (Warp's bounding volume hierarchy).

A ray is cast from a point of the face outwards, against the viewer's look. A face that is culled from behind blocks
only those who would see its front. Triangles are met as Woop, Benthin and Wald (2013) do it: edges are evaluated from
the same two corners on both of their sides, so that nothing slips through between neighbours. One source serves CPU and
CUDA; whether any face blocks is all that is asked, so neither the order of the hierarchy nor of threads matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array, Floats
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)

Ints = NDArray[np.int32]

NOBODY, FRONT, BOTH = 0, 1, 2
"""Who a face blocks, who sees it: none, those who look at its front, those on both sides."""
ROWS = 1 << 16  # rays that a face can be asked for
THREADS = 2
CHUNK = 1 << 14  # faces per launch
PAD = 1e-6  # of the radius: boxes of flat faces are given some depth, for their test rounds
# Roberts' sequence in four dimensions (2018): powers of the root of x^5 = x + 1.
R4 = tuple(1.1673039782614187**-power for power in (1, 2, 3, 4))


@wp.struct
class World:
    bvh: wp.uint64
    points: wp.array(dtype=wp.vec3)
    corners: wp.array(dtype=wp.vec3i)
    blocks: wp.array(dtype=int)
    opaque: wp.array(dtype=int)
    """the face of each box of the hierarchy"""
    directions: wp.array(dtype=wp.vec3)
    places: wp.array(dtype=wp.vec2)


class Onlookers:
    """Those who look at a world from all sides; its hierarchy is built once, 0.9 s for a million faces."""

    def __init__(self, points: Floats, corners: Ints, blocks: Ints, *, threads: int = THREADS) -> None:
        """(n, 3) in a ball of radius 1 about the origin, (f, 3) and (f,)."""
        load(__name__)
        self._threads = threads
        opaque = np.flatnonzero(blocks).astype(np.int32)
        self._bvh = _hierarchy(points, corners[opaque]) if len(opaque) else None
        self._world = World()
        self._world.bvh = wp.uint64(self._bvh.id if self._bvh else 0)
        self._world.points = wp.array(points, dtype=wp.vec3, device="cpu")
        self._world.corners = wp.array(corners, dtype=wp.vec3i, device="cpu")
        self._world.blocks = wp.array(blocks, dtype=int, device="cpu")
        self._world.opaque = wp.array(opaque, dtype=int, device="cpu")
        directions, places = _rays()
        self._world.directions = wp.array(directions, dtype=wp.vec3, device="cpu")
        self._world.places = wp.array(places, dtype=wp.vec2, device="cpu")

    def see(self, faces: Ints, sides: Ints, rays: tuple[Ints, Ints]) -> Floats:
        """(n, 3) the way by which a ray from each of the faces (n,), drawn on `sides` (n,), escaped; 0 where none did.
        `rays`: (n,) the first of each face and (n,) the one to stop before; every face has ROWS of its own."""
        return self._cast(_see, [faces, sides, *rays], [])

    def follow(self, faces: Ints, sides: Ints, ways: Floats) -> Floats:
        """As `see`, but with the WAYS directions next to each of the `ways` (n, 3) in place of all that a face has."""
        return self._cast(_follow, [faces, sides], [ways])

    def _cast(self, kernel: Any, asked: list[Ints], ways: list[Floats]) -> Floats:
        if self._bvh is None:
            return np.ones((len(asked[0]), 3), np.float32)
        columns = [*(np.ascontiguousarray(each, np.int32) for each in asked), *ways]
        with ThreadPoolExecutor(self._threads) as pool:
            chunks = _chunks(len(asked[0]))
            parts = list(pool.map(lambda chunk: self._launch(kernel, [each[chunk] for each in columns]), chunks))
        return np.concatenate([np.zeros((0, 3), np.float32), *parts])

    def _launch(self, kernel: Any, columns: list[Array]) -> Floats:
        kinds = {1: int, 2: wp.vec3}
        asked = [wp.array(each, dtype=kinds[each.ndim], device="cpu") for each in columns]
        found = wp.zeros(len(columns[0]), dtype=wp.vec3, device="cpu")
        wp.launch(kernel, dim=len(found), inputs=[self._world, *asked, found], device="cpu")
        ways: Floats = found.numpy()
        return ways


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


def _hierarchy(points: Floats, corners: Ints) -> Any:
    lower, upper = points[corners[:, 0]], points[corners[:, 0]]
    for corner in (1, 2):
        lower, upper = np.minimum(lower, points[corners[:, corner]]), np.maximum(upper, points[corners[:, corner]])
    pad = np.float32(PAD)
    boxes = [wp.array(each, dtype=wp.vec3, device="cpu") for each in (lower - pad, upper + pad)]
    return wp.Bvh(*boxes)


@cache
def _rays() -> tuple[Array, Array]:
    """(ROWS, 3) directions over the upper half of the unit sphere and (ROWS, 2) places in the unit square, spread
    evenly in all four dimensions at once. Marsaglia (1972): without sine and cosine, which round differently from one
    machine to the next."""
    steps = (np.arange(1, 2 * ROWS, dtype=np.float64)[:, None] * R4) % 1.0
    disc, places = 2 * steps[:, :2] - 1, steps[:, 2:]
    square = disc[:, 0] * disc[:, 0] + disc[:, 1] * disc[:, 1]
    inside = np.flatnonzero(square < 1)[:ROWS]
    x, y = (disc[inside] * np.sqrt(2 - square[inside])[:, None]).T
    directions = np.stack([x, y, 1 - square[inside]], axis=-1)
    return directions.astype(np.float32), places[inside].astype(np.float32)


CLEAR = wp.constant(1.0e-5)
"""Of the radius: rays start this far in front of the face; what lies nearer does not hide it."""
MIX = wp.constant(1640531535)
"""2^32 less 2^32 / golden ratio"""
WAYS = wp.constant(32)
"""Rays about a way that is known: from along it to 0.5 aside."""
PULL = wp.constant(0.005)
"""How far points on the border of a face are pulled in, as a share of the face."""


@wp.func
def _place(at: wp.vec2, ray: int) -> wp.vec3:
    """Weights of the three corners: by turns anywhere on the face and along its border, which often shows alone."""
    s, t = at[0], at[1]
    if (ray / 2) % 2 == 0:
        if s + t > 1.0:
            s = 1.0 - s
            t = 1.0 - t
        return wp.vec3(1.0 - s - t, s, t)
    inner = PULL / 3.0
    u = inner + (1.0 - PULL) * s
    v = inner + (1.0 - PULL) * (1.0 - s)
    if t < 1.0 / 3.0:
        return wp.vec3(inner, u, v)
    if t < 2.0 / 3.0:
        return wp.vec3(u, inner, v)
    return wp.vec3(u, v, inner)


@wp.func
def _is_met(a: wp.vec3, b: wp.vec3, c: wp.vec3, d: wp.vec3, x: int, y: int, z: int) -> bool:
    """Whether a ray from the origin along d meets the triangle; z is the longest axis of d."""
    sx, sy = d[x] / d[z], d[y] / d[z]
    ax, ay = a[x] - sx * a[z], a[y] - sy * a[z]
    bx, by = b[x] - sx * b[z], b[y] - sy * b[z]
    cx, cy = c[x] - sx * c[z], c[y] - sy * c[z]
    u = cx * by - cy * bx
    v = ax * cy - ay * cx
    w = bx * ay - by * ax
    if (u < 0.0 or v < 0.0 or w < 0.0) and (u > 0.0 or v > 0.0 or w > 0.0):
        return False
    total = u + v + w
    if total == 0.0:
        return False
    return (u * a[z] + v * b[z] + w * c[z]) / total / d[z] > 0.0


@wp.func
def _escapes(world: World, origin: wp.vec3, d: wp.vec3) -> bool:
    z = wp.int32(2)
    if wp.abs(d[0]) > wp.abs(d[1]) and wp.abs(d[0]) > wp.abs(d[2]):
        z = wp.int32(0)
    elif wp.abs(d[1]) > wp.abs(d[2]):
        z = wp.int32(1)
    x = (z + 1) % 3
    y = (z + 2) % 3
    query = wp.bvh_query_ray(world.bvh, origin, d)
    leaf = wp.int32(0)
    while wp.bvh_query_next(query, leaf):
        face = world.opaque[leaf]
        corner = world.corners[face]
        a = world.points[corner[0]] - origin
        b = world.points[corner[1]] - origin
        c = world.points[corner[2]] - origin
        blocks = world.blocks[face] == 2 or wp.dot(wp.cross(b - a, c - a), d) > 0.0
        if blocks and _is_met(a, b, c, d, x, y, z):
            return False
    return True


@wp.func
def _start(world: World, face: int) -> int:
    """Each face starts elsewhere in the sequence: neighbours look through other gaps."""
    return int((wp.uint32(face) * wp.uint32(MIX)) >> wp.uint32(16)) % world.directions.shape[0]


@wp.kernel
def _see(
    world: World,
    faces: wp.array(dtype=int),
    sides: wp.array(dtype=int),
    first: wp.array(dtype=int),
    stop: wp.array(dtype=int),
    ways: wp.array(dtype=wp.vec3),
) -> None:
    i = wp.tid()
    corner = world.corners[faces[i]]
    a, b, c = world.points[corner[0]], world.points[corner[1]], world.points[corner[2]]
    n = wp.normalize(wp.cross(b - a, c - a))
    u = wp.normalize(b - a)
    v = wp.cross(n, u)
    start = _start(world, faces[i])
    for ray in range(first[i], stop[i]):
        row = (start + ray) % world.directions.shape[0]
        turn = world.directions[row]
        up = wp.float32(1.0)
        if sides[i] == 2 and ray % 2 == 1:
            up = wp.float32(-1.0)
        weight = _place(world.places[row], ray)
        origin = a * weight[0] + b * weight[1] + c * weight[2] + n * (up * CLEAR)
        d = u * turn[0] + v * turn[1] + n * (up * turn[2])
        if _escapes(world, origin, d):
            ways[i] = d
            break


@wp.kernel
def _follow(
    world: World,
    faces: wp.array(dtype=int),
    sides: wp.array(dtype=int),
    guides: wp.array(dtype=wp.vec3),
    ways: wp.array(dtype=wp.vec3),
) -> None:
    i = wp.tid()
    corner = world.corners[faces[i]]
    a, b, c = world.points[corner[0]], world.points[corner[1]], world.points[corner[2]]
    n = wp.normalize(wp.cross(b - a, c - a))
    start = _start(world, faces[i])
    wide = wp.float32(0.0)
    for ray in range(WAYS):
        row = (start + ray) % world.directions.shape[0]
        turn = world.directions[row]
        aside = wp.vec3(turn[0], turn[1], 2.0 * turn[2] - 1.0)
        d = wp.normalize(guides[i] + aside * wide)
        up = wp.float32(1.0)
        if wp.dot(d, n) < 0.0:
            up = wp.float32(-1.0)
        if up > 0.0 or sides[i] == 2:
            weight = _place(world.places[row], ray)
            origin = a * weight[0] + b * weight[1] + c * weight[2] + n * (up * CLEAR)
            if _escapes(world, origin, d):
                ways[i] = d
                break
        wide = wp.max(wide * 1.14, 0.01)
