"""Surface -> the same without parts that are too small to be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.geometry.directions import crosses
from assetpipe.geometry.surface import Ints, Surface
from assetpipe.groups import label_pieces

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
UNSEEN_AREA = 0.01  # of the asset: many parts smaller than a pixel are seen together, as a texture is
LEAST = 4  # triangles of a closed piece
CROWD = 0.9  # of a budget, for all pieces at their least


@dataclass(frozen=True, eq=False)
class Pieces:
    """The connected pieces of a source surface."""

    of_wedge: Ints
    """(w,) the piece of each wedge of the source."""
    diameters: Doubles
    """(pieces,) metres, of the box."""
    areas: Doubles
    """(pieces,) square metres, copies counted."""
    drawn: Doubles
    """(pieces,) triangles, copies counted."""
    copies: Doubles
    """(pieces,)"""


def find_pieces(surface: Surface) -> Pieces:
    """Triangles that share a vertex belong to one piece."""
    faces = surface.wedge_vertex[surface.corners]
    labels = label_pieces(faces, len(surface.positions))
    _, of_vertex = np.unique(labels, return_inverse=True)
    order = np.argsort(of_vertex, kind="stable")
    starts = np.flatnonzero(np.diff(of_vertex[order], prepend=-1))
    ordered = surface.positions[order]
    extents = np.maximum.reduceat(ordered, starts) - np.minimum.reduceat(ordered, starts)
    area = np.linalg.norm(crosses(surface.positions, faces), axis=1) / 2 * surface.copies
    of_face = of_vertex[faces[:, 0]]
    counts, drawn = np.bincount(of_face), np.bincount(of_face, surface.copies)
    return Pieces(
        of_wedge=of_vertex[surface.wedge_vertex].astype(np.int32),
        diameters=np.linalg.norm(extents.astype(np.float64), axis=1),
        areas=np.bincount(of_face, area).astype(np.float64),
        drawn=drawn.astype(np.float64),
        copies=np.divide(drawn, counts),
    )


def unseen(pieces: Pieces, pixel: float) -> Bools:
    """(pieces,) smaller than `pixel` metres, smallest first, as long as all together are next to nothing."""
    order = np.argsort(pieces.diameters, kind="stable")
    share = np.cumsum(pieces.areas[order]) <= UNSEEN_AREA * pieces.areas.sum()
    return _mark(order[share & (pieces.diameters[order] < pixel)], pieces)


def crowded_out(pieces: Pieces, triangles: int) -> Bools:
    """(pieces,) the smallest, where `triangles` are too few to draw all pieces at their least. Left in, they would
    take every triangle from the large ones, which can give."""
    order = np.argsort(-pieces.diameters, kind="stable")
    needs = np.cumsum(np.minimum(pieces.drawn, LEAST * pieces.copies)[order])
    return _mark(order[1:][needs[1:] > CROWD * triangles], pieces)


def without(surface: Surface, pieces: Pieces, gone: Bools) -> Surface:
    """Only the faces of pieces that are not `gone` (pieces,); vertices and wedges keep their numbers."""
    if not gone.any():
        return surface
    kept = ~gone[pieces.of_wedge[surface.origin[surface.corners[:, 0]]]]
    return replace(surface, corners=surface.corners[kept], group=surface.group[kept], copies=surface.copies[kept])


def _mark(which: NDArray[np.int64], pieces: Pieces) -> Bools:
    marked = np.zeros(len(pieces.diameters), bool)
    marked[which] = True
    return marked
