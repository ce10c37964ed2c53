"""Triangles -> which squares of a lattice they reach: cells that a patch needs, texels that a triangle owns."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.atlas.kernels.overlaps import columns, touches
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


@wp.struct
class Lattice:
    """Where square (0, 0) of each patch lies, and what it holds."""

    scale: wp.array(dtype=wp.float64)
    left: wp.array(dtype=int)
    top: wp.array(dtype=int)
    width: wp.array(dtype=int)
    start: wp.array(dtype=int)


def cover_cells(points: Array, corners: Array, patch: Array, boxes: Array, scale: Array) -> tuple[Bytes, Ints]:
    """(v, 2) points, (t, 3) triangles, (t,) patches, (p, 4) left, top, width, height in cells, (p,) cells per unit ->
    the cells of all patches, row by row, 1 where one must be kept for the patch; and where each patch begins.

    A cell is kept when a triangle comes nearer to its centre than a cell's side, along both axes: those are the texels
    that a bilinear lookup reads on the mip level that has one texel for a cell.
    """
    load(__name__)
    sizes = boxes[:, 2] * boxes[:, 3]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    lattice = Lattice()
    lattice.scale = wp.array(np.ascontiguousarray(scale, np.float64), dtype=wp.float64, device="cpu")
    lattice.left, lattice.top, lattice.width = (
        wp.array(np.ascontiguousarray(boxes[:, k], np.int32), dtype=int, device="cpu") for k in range(3)
    )
    lattice.start = wp.array(starts[:-1], dtype=int, device="cpu")
    cells = wp.zeros(max(1, int(starts[-1])), dtype=wp.uint8, device="cpu")
    given = [_vectors(points), _indices(corners), _indices(patch), lattice]
    wp.launch(_cover, dim=len(corners), inputs=[*given, cells], device="cpu")
    covered: Bytes = cells.numpy()[: starts[-1]]
    return covered, starts


def own_texels(points: Array, corners: Array, window: tuple[int, int, int, int]) -> Ints:
    """(v, 2) points in texels, (t, 3) triangles, a window of left, top, width, height -> (height, width) the triangle
    that holds the texel's centre, else one that a bilinear lookup there reads this texel for; -1: none."""
    load(__name__)
    left, top, width, height = window
    owner = wp.full((height, width), -1, dtype=int, device="cpu")
    given = [_vectors(points), _indices(corners)]
    wp.launch(_own, dim=len(corners), inputs=[*given, left, top, owner], device="cpu")
    owned = owner.numpy()
    owned[owned >= len(corners)] -= len(corners)
    found: Ints = owned
    return found


def _vectors(points: Array) -> wp.array:
    return wp.array(np.ascontiguousarray(points, np.float64), dtype=wp.vec2d, device="cpu")


def _indices(values: Array) -> wp.array:
    return wp.array(np.ascontiguousarray(values, np.int32), dtype=int, device="cpu")


@wp.kernel
def _cover(
    points: wp.array(dtype=wp.vec2d),
    corners: wp.array2d(dtype=int),
    patch: wp.array(dtype=int),
    lattice: Lattice,
    cells: wp.array(dtype=wp.uint8),
) -> None:
    t = wp.tid()
    p = patch[t]
    s = lattice.scale[p]
    a = points[corners[t, 0]] * s
    b = points[corners[t, 1]] * s
    c = points[corners[t, 2]] * s
    reach = wp.float64(0.5)
    half = wp.float64(1.0 - 1.0e-6)
    x0 = int(wp.floor(wp.min(wp.min(a[0], b[0]), c[0]) - reach))
    x1 = int(wp.floor(wp.max(wp.max(a[0], b[0]), c[0]) + reach))
    y0 = int(wp.floor(wp.min(wp.min(a[1], b[1]), c[1]) - reach))
    y1 = int(wp.floor(wp.max(wp.max(a[1], b[1]), c[1]) + reach))
    for y in range(y0, y1 + 1):
        reached = columns(a, b, c, y, half)
        for x in range(wp.max(x0, reached[0]), wp.min(x1, reached[1]) + 1):
            centre = wp.vec2d(wp.float64(x) + reach, wp.float64(y) + reach)
            if touches(a, b, c, centre, half):
                cells[lattice.start[p] + (y - lattice.top[p]) * lattice.width[p] + x - lattice.left[p]] = wp.uint8(1)


@wp.kernel
def _own(
    points: wp.array(dtype=wp.vec2d),
    corners: wp.array2d(dtype=int),
    left: int,
    top: int,
    owner: wp.array2d(dtype=int),
) -> None:
    t = wp.tid()
    a = points[corners[t, 0]]
    b = points[corners[t, 1]]
    c = points[corners[t, 2]]
    reach = wp.float64(0.5)
    half = wp.float64(1.0 - 1.0e-6)
    x0 = wp.max(int(wp.floor(wp.min(wp.min(a[0], b[0]), c[0]) - reach)), left)
    x1 = wp.min(int(wp.floor(wp.max(wp.max(a[0], b[0]), c[0]) + reach)), left + owner.shape[1] - 1)
    y0 = wp.max(int(wp.floor(wp.min(wp.min(a[1], b[1]), c[1]) - reach)), top)
    y1 = wp.min(int(wp.floor(wp.max(wp.max(a[1], b[1]), c[1]) + reach)), top + owner.shape[0] - 1)
    for y in range(y0, y1 + 1):
        reached = columns(a, b, c, y, half)
        for x in range(wp.max(x0, reached[0]), wp.min(x1, reached[1]) + 1):
            centre = wp.vec2d(wp.float64(x) + reach, wp.float64(y) + reach)
            if touches(a, b, c, centre, half):
                value = t
                if touches(a, b, c, centre, wp.float64(0.0)):
                    value = t + corners.shape[0]
                wp.atomic_max(owner, y - top, x - left, value)
