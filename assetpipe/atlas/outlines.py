"""Scene, a member of a group -> its outline: all its triangles in texels of its finest map, cut into patches.

A chart is what indices hold together. Charts that share texels (mirrored halves, repeated parts, hard edges inside a
picture) are one patch, which moves as a whole; so what was unique stays unique, and what was shared stays shared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import TRIANGLES, Array, Primitive, Scene
from assetpipe.atlas.flat import applied, determinant
from assetpipe.atlas.kernels.overlaps import label_overlaps
from assetpipe.atlas.lookups import REPEAT, Doubles, Lookup
from assetpipe.groups import label_pieces
from assetpipe.queries.uv_raster import cover
from assetpipe.worn import Worn, worn_by

Ints = NDArray[np.int32]
Part = tuple[int, int, Primitive]
"""Mesh, which of its primitives, and that."""
WINDOW = 2048
"""Cells per side in which overlaps are looked for: texels, or more of them where an outline spans more."""

FOLD = 0.002
"""Of a member's UVs may be slivers that lie over others."""
FOLD_WINDOW = 1024
"""The square of it are the cells in which that is looked for, of all charts together."""


@dataclass(frozen=True)
class Frame:
    """The plane in which a material's patches lie: a UV set, in texels of the material's finest map."""

    uv_set: int
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    period: tuple[int, int]
    """texels after which everything repeats, 0 where it does not"""
    unique: bool
    """whether all maps follow from this plane, so that what overlaps in it looks the same"""
    folded: bool = False
    """whether a chart lies on itself in a plane from which not all maps follow: what overlaps looks different"""

    @property
    def map(self) -> Doubles:
        """(2, 3) UVs -> texels"""
        return np.array(self.matrix)


@dataclass(frozen=True)
class Subject:
    """A member, as far as its outline asks."""

    worn: Worn
    lookups: tuple[Lookup, ...]
    """of all that it wears, the finest first"""
    facing: tuple[Lookup, ...] = ()
    """those of vectors, which stand along the tangents of their UVs"""
    is_tile: bool = False


@dataclass(frozen=True, eq=False)
class Outline:
    subject: Subject
    frame: Frame
    points: Doubles
    """(v, 2) texels; charts that a whole number of periods apart show the same were brought together"""
    uvs: Mapping[int, Array]
    """other UV sets that maps are looked up with -> (v, 2)"""
    corners: Ints
    """(t, 3)"""
    patch: Ints
    """(t,)"""
    patch_of_vertex: Ints
    """(v,)"""
    areas: Doubles
    """(patches,) square metres"""
    texels: Doubles
    """(patches,) of the triangles, what overlaps counted again"""
    starts: Mapping[tuple[int, int], int]
    """(mesh, primitive) -> its first vertex"""
    finest: float
    """texels of the level's picture per texel of the map: below 1 for maps larger than any level shows"""

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        return self.subject.lookups

    @property
    def is_tile(self) -> bool:
        """One patch, cut along the borders of a tile that all of it shows: what lies about it is how the tile goes
        on."""
        return self.subject.is_tile

    @property
    def patches(self) -> int:
        return len(self.areas)

    def faces(self, patch: int) -> Ints:
        """Triangles of a patch."""
        order, starts = self._by_patch
        return order[starts[patch] : starts[patch + 1]]

    @cached_property
    def _by_patch(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.patch, kind="stable").astype(np.int32)
        starts = np.searchsorted(self.patch[order], np.arange(self.patches + 1)).astype(np.int32)
        return order, starts


def parts_of(scene: Scene) -> dict[Worn, list[Part]]:
    """Of all members, in one go: there may be a thousand."""
    found: dict[Worn, list[Part]] = {}
    for (mesh, at), worn in worn_by(scene).items():
        each = scene.meshes[mesh].primitives[at]
        if each.mode == TRIANGLES and each.triangles:
            found.setdefault(worn, []).append((mesh, at, each))
    return found


def outline(subject: Subject, parts: Sequence[Part], px: int, scales: Mapping[int, float]) -> Outline:
    """`px`: the longest side of a picture of the finest level; `scales`: of the meshes that are shown."""
    lookups = subject.lookups
    corners, starts = _joined(parts)
    uv_sets = sorted({lookup.uv_set for lookup in lookups})
    uvs = {n: np.concatenate([_uvs(each, n) for _, _, each in parts]) for n in uv_sets}
    chart = _numbered(label_pieces(corners, sum(len(each.positions) for _, _, each in parts)))
    frame = _frame(subject, uvs, (corners, chart))
    source = uvs[frame.uv_set] if uv_sets else np.zeros((len(np.concatenate([p.positions for _, _, p in parts])), 2))
    points = applied(frame.map, source)
    points = _brought_home(points, chart, frame.period)
    apart = lookups and not subject.is_tile
    patch = _patches(points, corners, chart, frame) if apart else np.zeros(len(points), np.int32)
    of_face = patch[corners[:, 0]]
    count = int(patch.max(initial=-1)) + 1
    metres: Doubles = np.bincount(of_face, np.concatenate(list(_face_areas(parts, scales))), count).astype(np.float64)
    texels = np.bincount(of_face, _flat_areas(points, corners), count).astype(np.float64)
    longest = max((max(lookup.size) for lookup in lookups), default=1)
    others = {n: values for n, values in uvs.items() if n != frame.uv_set}
    finest = min(1.0, px / longest)
    return Outline(subject, frame, points, others, corners, of_face, patch, metres, texels, starts, finest)


def _joined(parts: Sequence[Part]) -> tuple[Ints, dict[tuple[int, int], int]]:
    starts, corners, start = {}, [], 0
    for mesh, at, each in parts:
        starts[mesh, at] = start
        corners.append(each.indices.reshape(-1, 3).astype(np.int64) + start)
        start += len(each.positions)
    return np.concatenate(corners).astype(np.int32), starts


def _uvs(primitive: Primitive, uv_set: int) -> Array:
    """A set that is missing is zeros, as graphics hardware has it."""
    uvs = primitive.attributes.get(f"TEXCOORD_{uv_set}")
    return np.zeros((len(primitive.positions), 2), np.float32) if uvs is None else uvs


def _frame(subject: Subject, uvs: Mapping[int, Array], faces: tuple[Ints, Ints]) -> Frame:
    """`faces`: corners, and the charts of vertices."""
    lookups = subject.lookups
    if not lookups:
        return Frame(0, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), (0, 0), unique=True)
    if len(uvs) == 1:
        plane = _plane(subject)
        rows = (plane.matrix * (lookups[0].density / plane.density if plane.density else 1.0)).tolist()
        return Frame(plane.uv_set, (tuple(rows[0]), tuple(rows[1])), _period(lookups), unique=True)
    return _frame_of_many(subject, uvs, faces)


def _plane(subject: Subject) -> Lookup:
    """The finest map's, unless vectors would be turned or mirrored in it."""
    finest = subject.lookups[0]
    return next((each for each in subject.facing if each.density and not each.is_along(finest)), finest)


def _frame_of_many(subject: Subject, uvs: Mapping[int, Array], faces: tuple[Ints, Ints]) -> Frame:
    """That of vectors where there are any, else of several sets the one that repeats least and lies nowhere on itself,
    at the density that keeps the finest map."""
    flat = {n: values.astype(np.float64) for n, values in uvs.items()}
    spans = {n: float(_flat_areas(values, faces[0]).sum()) for n, values in flat.items()}
    folded = {n: _is_folded(values, faces) for n, values in flat.items()}
    facing = next((each for each in subject.facing if each.density and spans[each.uv_set]), None)
    turn = np.eye(2) if facing is None else np.reshape(facing.turn, (2, 2))
    best = min(spans, key=lambda n: (spans[n] == 0, folded[n], spans[n], n)) if facing is None else facing.uv_set
    span = spans[best] or 1.0
    side = max(lookup.density * (spans[lookup.uv_set] / span) ** 0.5 for lookup in subject.lookups)
    (a, b), (c, d) = (turn / abs(float(determinant(turn))) ** 0.5 * float(max(1, round(side)))).tolist()
    return Frame(best, ((a, b, 0.0), (c, d, 0.0)), (0, 0), unique=False, folded=folded[best])


def _is_folded(points: Doubles, faces: tuple[Ints, Ints]) -> bool:
    """Whether charts lie on themselves: mirrored halves of a product that share a picture, turns of a thread seen from
    its end. Each is drawn on a sheet of its own."""
    corners, chart = faces
    corners = corners[np.isfinite(points[corners]).all(axis=(1, 2))]
    of_face = _numbered(chart[corners[:, 0]])
    low, high = np.full((2, int(of_face.max(initial=-1)) + 1, 2), np.inf)
    for k in range(3):
        np.minimum.at(low, of_face, points[corners[:, k]])
        np.minimum.at(high, of_face, -points[corners[:, k]])
    extent = -high - low
    cell = max(math.sqrt(float(extent.prod(axis=1).sum())), float(extent.sum()) / FOLD_WINDOW) / FOLD_WINDOW
    if not 0 < cell < math.inf:
        return False
    sheets = np.ceil(extent / cell).astype(np.int64) + 1
    placed = (points[corners] - low[of_face][:, None]) / cell
    return cover(placed, sheets, of_face).overlap > FOLD


def _period(lookups: Sequence[Lookup]) -> tuple[int, int]:
    """Only where all maps are placed alike does one shift serve them all."""
    if len({(lookup.turn, lookup.move) for lookup in lookups}) > 1:
        return 0, 0
    along = [all(lookup.wrap[axis] == REPEAT for lookup in lookups) for axis in (0, 1)]
    width, height = lookups[0].size
    return width * along[0], height * along[1]


def _numbered(labels: Ints) -> Ints:
    _, numbers = np.unique(labels, return_inverse=True)
    return numbers.astype(np.int32)


def _brought_home(points: Doubles, chart: Ints, period: tuple[int, int]) -> Doubles:
    """Each chart moved by whole periods, so that its least coordinates lie in the first."""
    moved = points.copy()
    for axis in (0, 1):
        if period[axis]:
            least = np.full(int(chart.max(initial=-1)) + 1, np.inf)
            np.minimum.at(least, chart, points[:, axis])
            # A chart that begins a rounding error before the picture's edge begins at it.
            moved[:, axis] -= (np.floor(least / period[axis] + 1e-4) * period[axis])[chart]
    return moved


def _patches(points: Doubles, corners: Ints, chart: Ints, frame: Frame) -> Ints:
    """(v,) numbers of patches"""
    if not frame.unique:
        return chart
    used = points[corners.reshape(-1)]
    low = np.floor(used.min(axis=0))
    extent = np.maximum(used.max(axis=0) - low, 1.0)
    cell = max(1.0, float(extent.max()) / (WINDOW - 2))
    width, height = (int(side) + 2 for side in extent / cell)
    of_face = chart[corners[:, 0]]
    return _numbered(label_overlaps((points - low) / cell, corners, of_face, (width, height))[chart])


def _face_areas(parts: Sequence[Part], scales: Mapping[int, float]) -> Iterator[Doubles]:
    """Square metres."""
    for mesh, _, each in parts:
        a, b, c = (each.positions[each.indices[k::3]].astype(np.float64) for k in range(3))
        yield np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2 * (scales.get(mesh) or 1.0) ** 2


def _flat_areas(points: Doubles, corners: Ints) -> Doubles:
    a, b, c = (points[corners[:, k]] for k in range(3))
    found: Doubles = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / 2
    return found
