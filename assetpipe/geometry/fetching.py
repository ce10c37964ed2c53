"""Joined, decimated Surface -> where on the source its wedges lie, and what the source has there.

For what the collapse does not solve: joints and weights, morph targets, custom attributes. Each is mixed from the
corners of the source's face that lies nearest (`walk`). What moves a vertex is looked up once for all its wedges, or a
seam would tear open when it moves; all else on the wedge's own side of its seams.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.influences import strongest
from assetpipe.geometry.join import Joined
from assetpipe.geometry.kernels.walk import walk
from assetpipe.geometry.surface import Ints, Surface

Key = tuple[int | None, str]
"""Morph target, or None for the shape itself, and semantic."""


@dataclass(frozen=True, eq=False)
class Places:
    """Of n wedges."""

    sources: Ints
    """(n, 3) source vertices, through all parts."""
    shares: Array
    """(n, 3) float64 that each has, sum 1."""

    def of(self, rows: Array) -> Places:
        return Places(self.sources[rows], self.shares[rows])


@dataclass(frozen=True, eq=False)
class Origins:
    """Found when first asked for: most surfaces have nothing to fetch."""

    joined: Joined
    surface: Surface

    @cached_property
    def of_vertices(self) -> Places:
        """(w,) the same for all wedges of a vertex that moved. One that stayed keeps its wedges' own numbers."""
        source, surface = self.joined.surface, self.surface
        leaders = _leaders(source, surface)
        starts = source.wedge_vertex[surface.origin]
        faces = source.wedge_vertex[source.corners]
        found = walk(faces, source.positions, surface.positions, starts[leaders])
        places = self._places(*found, surface.origin[leaders]).of(surface.wedge_vertex)
        same = starts == starts[leaders][surface.wedge_vertex]
        stayed = same & (source.positions[starts] == surface.positions[surface.wedge_vertex]).all(axis=1)
        own = self.joined.wedge_source[surface.origin]
        return Places(np.where(stayed[:, None], own[:, None], places.sources), places.shares)

    @cached_property
    def of_wedges(self) -> Places:
        """(w,) without crossing a seam or a border."""
        source, surface = self.joined.surface, self.surface
        points = surface.positions[surface.wedge_vertex]
        found = walk(source.corners, source.positions[source.wedge_vertex], points, surface.origin)
        return self._places(*found, surface.origin)

    def _places(self, faces: Array, shares: Array, origin: Ints) -> Places:
        """A wedge whose origin has no face left takes its origin as it is."""
        wedges = self.joined.surface.corners[np.maximum(faces, 0)]
        lost = faces < 0
        wedges[lost], shares[lost] = origin[lost, None], (1, 0, 0)
        return Places(self.joined.wedge_source[wedges], shares)


def mix(joined: Joined, places: Places, key: Key, like: Array) -> Array:
    """(n, k) values of the source; `like` (…, k) says which type and width. Zeros where a part has none such."""
    corners = gather(joined, places.sources.reshape(-1), key, like).reshape(len(places.sources), 3, -1)
    mixed: Array = (corners * places.shares[:, :, None]).sum(axis=1).astype(like.dtype)
    return mixed


def bind(joined: Joined, places: Places, number: int) -> dict[str, Array]:
    """JOINTS_0 and WEIGHTS_0 of wedges in a part, if it has any; the source's own where one set is all there is and a
    wedge lies on a vertex."""
    names = _sets(joined, number)
    if "JOINTS_0" not in joined.parts[number].source.attributes:
        return {}
    rows, flat = len(places.sources), places.sources.reshape(-1)
    joints, weights = (
        np.concatenate(
            [gather(joined, flat, (None, f"{kind}_{name}"), np.zeros((0, 4), like)) for name in names], axis=1
        )
        for kind, like in (("JOINTS", np.uint16), ("WEIGHTS", np.float32))
    )
    shared = weights.astype(np.float64) * places.shares.reshape(-1, 1)
    found = strongest(joints.reshape(rows, -1), shared.reshape(rows, -1))
    if len(names) == 1:
        at = 3 * np.arange(rows) + places.shares.argmax(axis=1)
        whole = places.shares.max(axis=1, keepdims=True) == 1
        found = np.where(whole, joints[at], found[0]), np.where(whole, weights[at], found[1])
    return dict(zip(("JOINTS_0", "WEIGHTS_0"), found, strict=True))


def _sets(joined: Joined, number: int) -> list[str]:
    """The n of every JOINTS_n in the mesh of a part."""
    parts = [part.source.attributes for part in joined.parts if part.mesh == joined.parts[number].mesh]
    return sorted({name.removeprefix("JOINTS_") for part in parts for name in part if name.startswith("JOINTS_")})


def gather(joined: Joined, sources: Array, key: Key, like: Array) -> Array:
    """Values of (n,) source vertices, which may be those of another primitive across a border."""
    numbers = np.searchsorted(joined.starts, sources, side="right") - 1
    values = np.zeros((len(sources), *like.shape[1:]), like.dtype)
    for number in np.unique(numbers):
        found = _read(joined.parts[number].source, key)
        if found is not None and found.shape[1:] == like.shape[1:]:
            rows = numbers == number
            values[rows] = found[sources[rows] - joined.starts[number]]
    return values


def _leaders(source: Surface, surface: Surface) -> Array:
    """(v,) of each vertex the wedge whose origin lies nearest to it."""
    away = source.positions[source.wedge_vertex[surface.origin]] - surface.positions[surface.wedge_vertex]
    order = np.lexsort(((away.astype(np.float64) ** 2).sum(axis=1), surface.wedge_vertex))
    leaders = np.zeros(len(surface.positions), np.int64)
    leaders[surface.wedge_vertex[order[::-1]]] = order[::-1]
    return leaders


def _read(primitive: Primitive, key: Key) -> Array | None:
    target, name = key
    if target is None:
        return primitive.attributes.get(name)
    return primitive.targets[target].get(name) if target < len(primitive.targets) else None
