"""The noun of the decimator: every triangle of the asset in one index space, welded by position.

A *vertex* is a point in space. A *wedge* is one set of attributes at one vertex: a vertex on a UV seam, a hard edge or
a material border has several (Hoppe 1999, "New quadric metric for simplifying meshes with appearance attributes").
Meshes never share vertices; each is scaled, not rotated, to the largest size at which a node shows it, so that lengths
are metres everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Surface:
    positions: Floats
    """(v, 3) metres, one row per welded vertex, about each mesh's own origin."""
    corners: Ints
    """(f, 3) wedge of each face corner."""
    wedge_vertex: Ints
    """(w,) the vertex that each wedge sits at."""
    attributes: Floats
    """(w, k) what is solved for or interpolated when edges collapse: UV sets, normals, tangents, colours. Columns are
    in the order of `weights`; a column with weight 0 is carried along without steering the collapse."""
    weights: Floats
    """(k,) metres of surface error that one unit of each attribute's error is worth."""
    group: Ints
    """(f,) faces of different groups (mesh primitive = material) meet in a border, which is kept as a curve."""
    copies: Ints
    """(f,) how many times a face is drawn: a mesh that ten nodes show counts ten times against the budget."""
    origin: Ints
    """(w,) the wedge of the undecimated surface that each wedge is nearest to: what cannot be interpolated (joints,
    morph targets, custom attributes) is looked for from there."""
    uv_sets: int = 0
    """The first columns of `attributes` are this many UV sets, two columns each: their triangles are not to flip."""
    doubts: Floats | None = None
    """(v,) how many times farther the surface was seen to stray there than the collapse estimates; None: nowhere."""

    @property
    def drawn(self) -> int:
        """Triangles drawn, copies counted."""
        return int(self.copies.sum())

    def doubting(self, doubts: Floats) -> Surface:
        return replace(self, doubts=doubts)


@dataclass(frozen=True)
class Target:
    """Where the descent stops for one level."""

    triangles: int
    """Never more than this many drawn triangles: the descent goes on past `error` until it is met."""
    error: float
    """Metres: below `triangles`, the descent goes on only while the surface strays less than this."""


@dataclass(frozen=True, eq=False)
class Copy:
    """The surface as it was when a target was met."""

    surface: Surface
    error: float
    """Metres: the kernel's own estimate of how far the surface strays."""
    reached: bool
    """False: nothing more could be collapsed and `triangles` is still exceeded."""
    stage: int
    """Of the rights that it took to get there, or to a finer level: see kernels/collapse.py."""
    rest: Any = None
    """The descent as it was there, to go on from, if it was kept."""
    halfway: Any = None
    """The same halfway there, for large surfaces: what comes later may be gone through again under new doubts."""
