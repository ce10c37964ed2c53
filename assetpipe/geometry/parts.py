"""Surface -> the same without parts that are too small to be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.geometry.directions import crosses
from assetpipe.geometry.kernels.union import label_groups
from assetpipe.geometry.surface import Ints, Surface

Doubles = NDArray[np.float64]
UNSEEN_AREA = (
    0.01  # of the asset: parts smaller than a pixel that make up more than this are seen together, as a texture is
)


@dataclass(frozen=True, eq=False)
class Pieces:
    """The connected pieces of a source surface."""

    of_wedge: Ints
    """(w,) the piece of each wedge of the source."""
    diameters: Doubles
    """(pieces,) metres, of the box."""
    areas: Doubles
    """(pieces,) square metres, copies counted."""


def find_pieces(surface: Surface) -> Pieces:
    """Triangles that share a vertex belong to one piece."""
    faces = surface.wedge_vertex[surface.corners]
    labels = label_groups(np.concatenate([faces[:, :2], faces[:, 1:]]), len(surface.positions))
    _, of_vertex = np.unique(labels, return_inverse=True)
    order = np.argsort(of_vertex, kind="stable")
    starts = np.flatnonzero(np.diff(of_vertex[order], prepend=-1))
    ordered = surface.positions[order]
    extents = np.maximum.reduceat(ordered, starts) - np.minimum.reduceat(ordered, starts)
    area = np.linalg.norm(crosses(surface.positions, faces), axis=1) / 2 * surface.copies
    areas = np.bincount(of_vertex[faces[:, 0]], area, len(starts))
    diameters = np.linalg.norm(extents.astype(np.float64), axis=1)
    return Pieces(of_vertex[surface.wedge_vertex].astype(np.int32), diameters, areas.astype(np.float64))


def unseen(pieces: Pieces, pixel: float) -> NDArray[np.bool_]:
    """(pieces,) smaller than `pixel` metres, smallest first, as long as all together are next to nothing."""
    order = np.argsort(pieces.diameters, kind="stable")
    share = np.cumsum(pieces.areas[order]) <= UNSEEN_AREA * pieces.areas.sum()
    small = np.zeros(len(order), bool)
    small[order] = share & (pieces.diameters[order] < pixel)
    return small


def without(surface: Surface, pieces: Pieces, gone: NDArray[np.bool_]) -> Surface:
    """Only the faces of pieces that are not `gone` (pieces,); vertices and wedges keep their numbers."""
    kept = ~gone[pieces.of_wedge[surface.origin[surface.corners[:, 0]]]]
    return replace(surface, corners=surface.corners[kept], group=surface.group[kept], copies=surface.copies[kept])
