"""Flat shading: triangles that each have their own normal, by choice or because the source has no normals.

A level has fewer, larger triangles than its source. Where the source's facets were too small to be seen, they would be
seen in the level: there, its normals are smooth but for creases. Where they were seen, flat shading stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.creases import creased_normals, find_hinges
from assetpipe.geometry.directions import square_to
from assetpipe.geometry.kernels.facets import flat_triangles, touching
from assetpipe.geometry.welding import first_equal, map_vertices, weld
from assetpipe.groups import label_pieces

Bools = NDArray[np.bool_]
COS_TOLERANCE = float(np.cos(np.radians(1.0)))
SAMPLE, AROUND, FEW = 4096, 1024, 0.01
COPLANAR = np.radians(0.5)
SEEN_ANGLE = np.radians(4.0)
SHARED = 1.5
"""Normals of a triangle: half a one where a surface is smooth, one in a smooth strip a quad wide, two of flat quads."""
CREASE = float(np.radians(40.0))  # edges bent by more stay hard where facets are smoothed away


def flat_vertices(primitive: Primitive, places: Array) -> Bools:
    """(vertices,) those of connected pieces of which every corner's normal is its triangle's. `places` (vertices,):
    equal where positions are."""
    if "NORMAL" not in primitive.attributes:
        return np.ones(len(places), bool)
    triangles = primitive.indices.reshape(-1, 3)
    sample = _flat(primitive, triangles[:: max(1, len(triangles) // SAMPLE)])
    if sample.mean() < FEW:
        return np.zeros(len(places), bool)
    local = places - places.min() if np.ptp(places) < len(places) else first_equal([places])
    if _is_smooth(primitive, local):
        return np.zeros(len(places), bool)
    flat = _flat(primitive, triangles)
    if flat.all():
        return np.ones(len(places), bool)
    corners = local.astype(np.int32)[triangles]
    piece = label_pieces(corners, len(places))
    smooth = np.zeros(len(places), bool)
    smooth[piece[corners[~flat, 0]]] = True
    return ~smooth[piece[local]]


@dataclass(frozen=True)
class Facets:
    """The triangles of a surface as someone sees them who looks for facets."""

    length: float
    """Of a typical edge."""
    angle: float
    """At which its two triangles stand, radians; edges within a plane do not count."""

    def show(self, pixel: float) -> bool:
        """Whether flat shading can be told from smooth; `pixel` in units of the mesh."""
        return self.length > 2 * pixel and self.angle > SEEN_ANGLE


def measure_facets(primitive: Primitive) -> Facets:
    places = first_equal([primitive.positions])
    hinges = find_hinges(primitive.positions, places[primitive.indices].reshape(-1, 3))
    bent = np.abs(hinges.cosines) < np.cos(COPLANAR)
    if not bent.any():  # a plane, or facets too fine to be told from one
        return Facets(0.0, 0.0)
    ends = primitive.positions[primitive.indices[hinges.first[bent]]].astype(np.float64)
    length = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    return Facets(float(np.median(length)), float(np.median(np.arccos(np.clip(hinges.cosines[bent], -1, 1)))))


def _is_smooth(primitive: Primitive, places: Array) -> bool:
    """So finely tessellated that its normals are its triangles' too, but shared by triangles that stand at an angle: as
    CAD exports are, whose chamfers are hard edges between smooth faces. Told by what surrounds a sample of triangles:
    all hinges of a million would take three times as long as the rest of joining them."""
    corners = primitive.indices.reshape(-1, 3)
    around = np.zeros(len(places), bool)
    around[places[corners[:: max(1, len(corners) // AROUND)]]] = True
    corners = corners[touching(corners, around[places])]
    triangles = places[corners]
    here = corners[around[triangles]]
    wedges = first_equal([places[here], primitive.attributes["NORMAL"][here]])
    if 3 * np.count_nonzero(wedges == np.arange(len(wedges))) > SHARED * len(wedges):
        return False
    hinges = find_hinges(primitive.positions, triangles)
    bent = np.abs(hinges.cosines) < np.cos(COPLANAR)
    normals = primitive.attributes["NORMAL"][corners.reshape(-1)]
    across = np.equal(normals[hinges.first[bent]], normals[hinges.second[bent]]).all(axis=(1, 2))
    return bool(across.sum() > FEW * bent.sum())


def with_flat_normals(primitive: Primitive, flat: Bools, crease: float) -> Primitive:
    """Each triangle that is `flat` (f,) its own normal, but for edges bent by less than `crease` radians; vertices are
    shared where normals are equal."""
    split = map_vertices(primitive, lambda array: array[primitive.indices])
    triangles = first_equal([primitive.positions])[primitive.indices].reshape(-1, 3)
    normals = np.zeros((len(triangles), 3, 3), np.float32)
    normals[flat] = creased_normals(primitive.positions, triangles[flat], crease)
    normals[flat & ~normals.any(axis=(1, 2))] = (0.0, 1.0, 0.0)
    own = np.repeat(flat, 3)[:, None]
    before = split.attributes.get("NORMAL", np.zeros((len(own), 3), np.float32))
    directions = {"NORMAL": np.where(own, normals.reshape(-1, 3), before)}
    if "TANGENT" in split.attributes:
        tangents = split.attributes["TANGENT"]
        directions["TANGENT"] = np.where(own, square_to(directions["NORMAL"], tangents), tangents)
    indices = np.arange(len(primitive.indices), dtype=np.uint32)
    return weld(replace(split, attributes={**split.attributes, **directions}, indices=indices))


def _flat(primitive: Primitive, triangles: Array) -> Bools:
    """(f,) a triangle without area is as flat as any."""
    return flat_triangles(primitive.positions, primitive.attributes["NORMAL"], triangles, COS_TOLERANCE)
