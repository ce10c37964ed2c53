"""Curves and numbers in, `Part`s out: triangles with normals, and UVs in metres so that patterns keep their scale.

Hard edges lie between parts, smooth ones within a part. Lengths are metres, angles radians, +Y is up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Displace = Callable[[Array, Array], Array]
GRAIN = 1e-6  # metres: points nearer than this are one point when normals are smoothed


@dataclass(frozen=True, eq=False)
class Part:
    """A smooth piece of surface."""

    points: Array
    """(n, 3) float64, metres."""
    normals: Array
    """(n, 3) float64, unit length."""
    uvs: Array
    """(n, 2) float64, metres along the surface unless the model says otherwise."""
    faces: Array
    """(m, 3) int64, counter-clockwise seen from outside."""

    def __len__(self) -> int:
        return len(self.faces)


def sheet(points: ArrayLike, uvs: ArrayLike | None = None) -> Part:
    """(rows, columns, 3) points as a surface that faces along (columns x rows)."""
    lattice = np.asarray(points, float)
    rows, columns = lattice.shape[:2]
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    faces = np.stack([a, b, d, a, d, c], axis=-1).reshape(-1, 3)
    flat = np.asarray(arc_uvs(lattice) if uvs is None else uvs, float).reshape(-1, 2)
    return smooth(lattice.reshape(-1, 3), flat, faces)


def smooth(points: Array, uvs: Array, faces: Array) -> Part:
    """Normals weighted by area, shared by all vertices at one place; triangles without area are left out."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    crosses = np.cross(b - a, c - a)
    solid = np.linalg.norm(crosses, axis=1) > 1e-13
    faces, crosses = faces[solid], crosses[solid]
    place = same_place(points)
    total = np.stack(
        [np.bincount(place[faces].ravel(), np.repeat(crosses[:, k], 3), place.max() + 1) for k in range(3)], axis=1
    )[place]
    return compact(Part(points, unit(total), uvs, faces))


def compact(part: Part) -> Part:
    """Without the vertices that no triangle uses."""
    used = np.zeros(len(part.points), bool)
    used[part.faces] = True
    renamed = np.cumsum(used) - 1
    return Part(part.points[used], part.normals[used], part.uvs[used], renamed[part.faces])


def same_place(points: Array) -> Array:
    """(n,) the same number for points that lie together."""
    cells = np.round(points / GRAIN).astype(np.int64)
    key = cells[:, 0] * 73856093 + cells[:, 1] * 19349669 * 1024 + cells[:, 2] * 83492791 * 1048576
    inverse: Array = np.unique(key, return_inverse=True)[1]
    return inverse


def arc_uvs(lattice: Array) -> Array:
    """(rows, columns, 2) distance along the longest row and along the middle column."""
    across = np.linalg.norm(np.diff(lattice, axis=1), axis=2)
    along = np.linalg.norm(np.diff(lattice, axis=0), axis=2)
    u = np.concatenate([[0.0], np.cumsum(across[np.argmax(across.sum(axis=1))])])
    v = np.concatenate([[0.0], np.cumsum(along.mean(axis=1))])
    return np.stack(np.meshgrid(u, v), axis=-1)


def lathe(profile: ArrayLike, segments: int = 64, *, crease: float = 35.0, squash: float = 1.0) -> Part:
    """A profile of (radius, height), bottom to top, turned about +Y; corners sharper than `crease` degrees stay hard.

    `squash` scales the depth (z). A profile that runs from top to bottom faces inwards.
    """
    line = np.asarray(profile, float)
    turn = np.linspace(0, 2 * np.pi, segments + 1)
    turn[-1] = 0.0
    pieces = [line[first : last + 1] for first, last in smooth_runs(line, crease)]
    sheets = []
    for piece in pieces:
        radius, height = piece[:, :1], piece[:, 1:]
        spin = np.stack([radius * np.sin(turn), height + 0 * turn, squash * radius * np.cos(turn)], axis=-1)
        angle = np.linspace(0, 2 * np.pi, segments + 1) * max(float(radius.max()), 1e-4)
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(piece, axis=0), axis=1))])
        sheets.append(sheet(spin, np.stack(np.meshgrid(angle, along), axis=-1)))
    return join(sheets)


def smooth_runs(line: Array, crease: float) -> list[tuple[int, int]]:
    """(first, last) point of each run of a polyline between its sharp corners."""
    steps = unit(np.diff(line, axis=0))
    sharp = np.einsum("nk,nk->n", steps[:-1], steps[1:]) < np.cos(np.radians(crease))
    cuts = [0, *(np.flatnonzero(sharp) + 1).tolist(), len(line) - 1]
    return list(pairwise(cuts))


def tube(path: ArrayLike, section: ArrayLike, *, closed: bool = False, scale: ArrayLike = 1.0) -> Part:
    """A (k, 2) section, counter-clockwise, carried along a (n, 3) path without twisting; open ends get flat caps.

    The section's x axis starts as near to +Y as the path allows. `scale` is one number, or one per point of the path.
    """
    line, ring = np.asarray(path, float), np.asarray(section, float)
    tangent, normal = frames(line, closed=closed)
    binormal = np.cross(tangent, normal)
    size = np.broadcast_to(np.asarray(scale, float), len(line))[:, None, None]
    ring = np.concatenate([ring, ring[:1]])
    rows = line[:, None] + size * (ring[None, :, :1] * normal[:, None] + ring[None, :, 1:] * binormal[:, None])
    if closed:
        rows = np.concatenate([rows, rows[:1]])
        return sheet(rows)
    ends = [sheet(np.stack([np.broadcast_to(line[0], rows[0].shape), rows[0]]))]
    ends.append(sheet(np.stack([rows[-1], np.broadcast_to(line[-1], rows[-1].shape)])))
    return join([sheet(rows), *ends])


def bar(path: ArrayLike, section: ArrayLike, *, scale: ArrayLike = 1.0) -> Part:
    """A tube with hard edges: each side of the section is a surface of its own. `scale` may be (n, 2)."""
    line, ring = np.asarray(path, float), np.asarray(section, float)
    tangent, normal = frames(line, closed=False)
    binormal = np.cross(tangent, normal)
    size = np.broadcast_to(np.asarray(scale, float), (len(line), 2))
    shape = np.concatenate([ring, ring[:1]])[None] * size[:, None]
    rows = line[:, None] + shape[..., :1] * normal[:, None] + shape[..., 1:] * binormal[:, None]
    sides = [sheet(rows[:, k : k + 2]) for k in range(len(ring))]
    ends = [sheet(np.stack([np.broadcast_to(line[0], rows[0].shape), rows[0]]))]
    ends.append(sheet(np.stack([rows[-1], np.broadcast_to(line[-1], rows[-1].shape)])))
    return join([*sides, *ends])


def chamfered(width: float, height: float, cut: float) -> Array:
    """(8, 2) counter-clockwise section of a bar with its corners cut off."""
    x, y = width / 2, height / 2
    quarter = np.array([(x, y - cut), (x - cut, y)])
    left, down = quarter[::-1] * [-1, 1], quarter * -1
    return np.concatenate([quarter, left, down, quarter[::-1] * [1, -1]])


def frames(line: Array, *, closed: bool) -> tuple[Array, Array]:
    """Tangents and normals that do not twist about the line; on a closed line the leftover twist is spread over it."""
    step = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0) if closed else np.gradient(line, axis=0)
    tangent = unit(step)
    up = np.array([0.0, 1.0, 0.0]) if abs(tangent[0, 1]) < 0.9 else np.array([0.0, 0.0, 1.0])
    normal = [unit(up - tangent[0] * (up @ tangent[0]))]
    for here in tangent[1:]:
        normal.append(unit(normal[-1] - here * (normal[-1] @ here)))
    normals = np.array(normal)
    if not closed:
        return tangent, normals
    last = unit(normals[-1] - tangent[0] * (normals[-1] @ tangent[0]))
    twist = np.arctan2(np.cross(last, normals[0]) @ tangent[0], last @ normals[0])
    angle = (np.arange(len(line)) / len(line) * twist)[:, None]
    return tangent, normals * np.cos(angle) + np.cross(tangent, normals) * np.sin(angle)


def soft_box(size: Sequence[float], radius: float, step: float) -> Part:
    """A box with round edges about the origin; each side has its own UVs in metres, as cloth cut to panels."""
    half = np.asarray(size, float) / 2
    spacing = [box_ticks(h, radius, step) for h in half]
    sides = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            across, along = (axis + 1) % 3, (axis + 2) % 3
            if sign < 0:
                across, along = along, across
            u, v = np.meshgrid(spacing[across], spacing[along])
            points = np.empty((*u.shape, 3))
            points[..., across], points[..., along], points[..., axis] = u, v, sign * half[axis]
            upright = (v, u) if across == 1 else (u, v)
            sides.append(sheet(points, np.stack(upright, axis=-1)))
    box = join(sides)
    core = np.clip(box.points, -(half - radius), half - radius)
    return smooth(core + radius * unit(box.points - core), box.uvs, box.faces)


def box_ticks(half: float, radius: float, step: float) -> Array:
    """Coordinates along an edge: equal angles in the round, equal steps in the flat."""
    turns = max(3, round(radius * 0.8 / step))
    bend = radius * np.tan(np.linspace(0, np.pi / 4, turns + 1)[1:])
    flat = np.linspace(-(half - radius), half - radius, max(2, round(2 * (half - radius) / step)) + 1)
    return np.concatenate([-(half - radius) - bend[::-1], flat, half - radius + bend])


def displace(part: Part, change: Displace) -> Part:
    """`change(points, normals)` gives the new points; normals are smoothed anew over the whole part."""
    return smooth(change(part.points, part.normals), part.uvs, part.faces)


def split(part: Part, chosen: Array) -> tuple[Part, Part]:
    """The triangles chosen by an (m,) mask, and the rest; normals stay, so no edge shows where they meet."""
    return compact(replace(part, faces=part.faces[chosen])), compact(replace(part, faces=part.faces[~chosen]))


def join(parts: Iterable[Part]) -> Part:
    listed = list(parts)
    starts = np.cumsum([0, *(len(part.points) for part in listed)])
    faces = [part.faces + start for part, start in zip(listed, starts, strict=False)]
    columns = [np.concatenate([getattr(part, name) for part in listed]) for name in ("points", "normals", "uvs")]
    return Part(*columns, np.concatenate(faces))


def place(part: Part, move: ArrayLike = (0, 0, 0), turn: Array | None = None, scale: ArrayLike = 1.0) -> Part:
    """Scaled, turned by a (3, 3) matrix, moved; a mirror turns the triangles round."""
    factors = np.broadcast_to(np.asarray(scale, float), 3)
    rotation = np.eye(3) if turn is None else turn
    points = part.points * factors @ rotation.T + np.asarray(move, float)
    normals = unit(part.normals / factors) @ rotation.T
    faces = part.faces[:, ::-1] if np.prod(factors) < 0 else part.faces
    return replace(part, points=points, normals=normals, faces=faces)


def turned(x: float = 0, y: float = 0, z: float = 0) -> Array:
    """(3, 3) rotation about z, then y, then x; degrees."""
    a, b, c = np.radians([x, y, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    rotation: Array = about_x @ about_y @ about_z
    return rotation


def facing(direction: ArrayLike) -> Array:
    """(3, 3) rotation that takes +Y to `direction`, and +X as near to +Y as can be."""
    y = unit(np.asarray(direction, float))
    hint = np.array([0.0, 1.0, 0.0]) if abs(y[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    z = unit(np.cross(hint, y))
    return np.stack([np.cross(y, z), y, z], axis=1)


def quaternion(rotation: Array) -> list[float]:
    """glTF's x, y, z, w of a (3, 3) rotation."""
    k = np.array(
        [
            [rotation[0, 0] - rotation[1, 1] - rotation[2, 2], 0, 0, 0],
            [rotation[0, 1] + rotation[1, 0], rotation[1, 1] - rotation[0, 0] - rotation[2, 2], 0, 0],
            [
                rotation[0, 2] + rotation[2, 0],
                rotation[1, 2] + rotation[2, 1],
                rotation[2, 2] - rotation[0, 0] - rotation[1, 1],
                0,
            ],
            [
                rotation[2, 1] - rotation[1, 2],
                rotation[0, 2] - rotation[2, 0],
                rotation[1, 0] - rotation[0, 1],
                np.trace(rotation),
            ],
        ]
    )
    vector = np.linalg.eigh(k)[1][:, -1]
    return [round(float(c), 7) + 0.0 for c in vector * np.copysign(1, vector[3])]


def circle(radius: float, sides: int, flat: float = 1.0) -> Array:
    """(sides, 2) counter-clockwise; `flat` scales the second axis."""
    angle = np.arange(sides) / sides * 2 * np.pi
    return radius * np.stack([np.cos(angle), flat * np.sin(angle)], axis=-1)


def spline(knots: ArrayLike, count: int, *, closed: bool = False) -> Array:
    """(count, k) points on a Catmull-Rom curve through the knots, evenly spaced along its length."""
    through = np.asarray(knots, float)
    if closed:
        padded = np.concatenate([through[-1:], through, through[:2]])
    else:
        padded = np.concatenate([2 * through[:1] - through[1:2], through, 2 * through[-1:] - through[-2:-1]])
    pieces = len(padded) - 3
    fine = np.linspace(0, pieces, pieces * 40 + 1)
    piece = np.minimum(fine.astype(int), pieces - 1)
    t = (fine - piece)[:, None]
    a, b, c, d = (padded[piece + k] for k in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    wanted = np.linspace(0, length[-1], count, endpoint=not closed)
    return np.stack([np.interp(wanted, length, column) for column in curve.T], axis=-1)


def unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Array = vectors / np.maximum(length, 1e-30)
    return result
