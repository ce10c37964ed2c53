"""Scene -> Sights: the faces that stand still in it, where they are drawn, who sees them and whose view they block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import TRIANGLES, Floats, Json, Material, Primitive, Scene
from assetpipe.geometry.motion import still_nodes
from assetpipe.geometry.uses import VARIANTS
from assetpipe.geometry.welding import first_equal
from assetpipe.queries.visibility import BOTH, FRONT, NOBODY, Ints
from assetpipe.transforms import Doubles, Placement, placements

Bools = NDArray[np.bool_]
LOOKED_THROUGH = frozenset(
    {"KHR_materials_transmission", "KHR_materials_diffuse_transmission", "KHR_materials_volume"},
)
MOST = 24_000_000  # drawn triangles looked at together: 150 bytes each


@dataclass(frozen=True)
class Run:
    """The faces start..stop are one copy of a primitive."""

    mesh: int
    primitive: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Sights:
    """One of the document's scenes."""

    points: Floats
    """(n, 3) in a ball of radius 1 about the origin; equal ones once."""
    corners: Ints
    """(f, 3), counter-clockwise from in front, mirrored copies too."""
    blocks: Ints
    """(f,) NOBODY, FRONT or BOTH"""
    sides: Ints
    """(f,) FRONT or BOTH: from where the face is drawn."""
    runs: tuple[Run, ...]

    @cached_property
    def areas(self) -> Floats:
        """(f,) of the radius squared."""
        a, b, c = (self.points[self.corners[:, at]] for at in range(3))
        x, y, z = (b - a).T
        s, t, r = (c - a).T
        squared = (y * r - z * t) ** 2 + (z * s - x * r) ** 2 + (x * t - y * s) ** 2
        areas: Floats = np.sqrt(squared) / np.float32(2)
        return areas


def all_sights(scene: Scene) -> Iterator[Sights]:
    """For each of the document's scenes that draws something still."""
    still = still_nodes(scene)
    for each in _scenes(scene):
        sights = _sights(each, [place for place in placements(each) if place.node in still])
        if sights is not None:
            yield sights


def fixed_meshes(scene: Scene) -> frozenset[int]:
    """Meshes without morph targets that only still nodes show, all of them in one of the document's scenes: a viewer
    may bring in the others as it likes."""
    shown = {place.node for each in _scenes(scene) for place in placements(each)} & still_nodes(scene)
    loose = {node.mesh for at, node in enumerate(scene.nodes) if at not in shown}
    return frozenset(
        at
        for at, mesh in enumerate(scene.meshes)
        if at not in loose and not any(primitive.targets for primitive in mesh.primitives)
    )


def drawn_still(scene: Scene) -> int:
    """The most triangles that one of the document's scenes draws."""
    return max(
        sum(scene.meshes[place.mesh].triangles * len(place.matrices) for place in placements(each))
        for each in _scenes(scene)
    )


def _scenes(scene: Scene) -> list[Scene]:
    """The scene once for each of its scenes, that one the default."""
    count = len(scene.json.get("scenes", ()))
    return [replace(scene, json={**scene.json, "scene": at}) for at in range(count)] or [scene]


@dataclass(frozen=True, eq=False)
class _Copy:
    run: Run
    points: Doubles
    corners: Ints
    blocks: int
    sides: int


def _sights(scene: Scene, places: list[Placement]) -> Sights | None:
    copies = list(_copies(scene, places))
    if not copies:
        return None
    low = np.min([copy.points.min(axis=0) for copy in copies], axis=0)
    high = np.max([copy.points.max(axis=0) for copy in copies], axis=0)
    centre, radius = (low + high) / 2, float(np.sqrt(((high - low) ** 2).sum())) / 2
    if not radius > 0:
        return None
    starts = np.cumsum([0, *(len(copy.points) for copy in copies)])
    points = np.concatenate([((copy.points - centre) / radius).astype(np.float32) for copy in copies])
    corners = np.concatenate([copy.corners + start for copy, start in zip(copies, starts, strict=False)])
    first = first_equal([points])
    faces = [len(copy.corners) for copy in copies]
    return Sights(
        points,
        first[corners].astype(np.int32),
        np.repeat(np.array([copy.blocks for copy in copies], np.int32), faces),
        np.repeat(np.array([copy.sides for copy in copies], np.int32), faces),
        tuple(copy.run for copy in copies),
    )


def _copies(scene: Scene, places: list[Placement]) -> Iterator[_Copy]:
    start = 0
    for place in places:
        for at, primitive in enumerate(scene.meshes[place.mesh].primitives):
            if primitive.mode != TRIANGLES or not primitive.triangles or primitive.targets:
                continue
            blocks, sides = _blocks(primitive, scene.materials), _sides(primitive, scene.materials)
            for matrix in place.matrices:
                points = _moved(matrix, primitive)
                if np.isfinite(points).all():
                    run = Run(place.mesh, at, start, start + primitive.triangles)
                    yield _Copy(run, points, _corners(matrix, primitive), blocks, sides)
                    start = run.stop


def _moved(matrix: Doubles, primitive: Primitive) -> Doubles:
    """(n, 3) metres. Sums written out: a matrix product may round differently on another processor."""
    x, y, z = (primitive.positions[:, at].astype(np.float64) for at in range(3))
    return np.stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in matrix[:3]], axis=-1)


def _corners(matrix: Doubles, primitive: Primitive) -> Ints:
    """(f, 3); glTF: a negative determinant turns front to back."""
    corners = primitive.indices.reshape(-1, 3).astype(np.int32)
    return corners[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else corners


def _blocks(primitive: Primitive, materials: tuple[Material, ...]) -> int:
    """What every variant blocks."""
    worn = _materials(primitive, materials)
    if any(material.alpha_mode != "OPAQUE" or LOOKED_THROUGH & _extensions(material) for material in worn):
        return NOBODY
    return BOTH if all(material.double_sided for material in worn) else FRONT


def _sides(primitive: Primitive, materials: tuple[Material, ...]) -> int:
    """What one variant shows."""
    return BOTH if any(material.double_sided for material in _materials(primitive, materials)) else FRONT


def _materials(primitive: Primitive, materials: tuple[Material, ...]) -> list[Material]:
    """Of the primitive itself and of its variants; glTF's default material where it names none."""
    mappings = primitive.json.get("extensions", {}).get(VARIANTS, {}).get("mappings", ())
    named = [primitive.material, *(mapping.get("material") for mapping in mappings)]
    return [Material({}) if at is None or at >= len(materials) else materials[at] for at in dict.fromkeys(named)]


def _extensions(material: Material) -> set[str]:
    extensions: Json = material.json.get("extensions", {})
    return set(extensions)
