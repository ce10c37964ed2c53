"""Charts in texture space -> which of them share a cell: union-find, serial, so that the same ones lead."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.groups import root, unite
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]
FAR = wp.constant(wp.float64(1.0e8))
SLACK = wp.constant(wp.float64(1.0e-3))


def label_overlaps(points: Array, corners: Array, charts: Array, window: tuple[int, int]) -> Ints:
    """(v, 2) points in cells of a (width, height) window, (t, 3) triangles, (t,) the chart of each -> (charts,) the
    lowest chart that others lead to which share a cell with it."""
    load(__name__)
    count = int(charts.max(initial=-1)) + 1
    parent = wp.array(np.arange(count, dtype=np.int32), dtype=int, device="cpu")
    owner = wp.full((window[1], window[0]), -1, dtype=int, device="cpu")
    given = [
        wp.array(np.ascontiguousarray(points, np.float64), dtype=wp.vec2d, device="cpu"),
        wp.array(np.ascontiguousarray(corners, np.int32), dtype=int, device="cpu"),
        wp.array(np.ascontiguousarray(charts, np.int32), dtype=int, device="cpu"),
    ]
    wp.launch(_unite_overlaps, dim=1, inputs=[*given, owner, parent], device="cpu")
    labels: Ints = parent.numpy()
    return labels


@wp.func
def edge_apart(a: wp.vec2d, b: wp.vec2d, c: wp.vec2d, centre: wp.vec2d, half: wp.float64) -> bool:
    """Whether the line through a and b has the square on one side and c on the other."""
    nx = b[1] - a[1]
    ny = a[0] - b[0]
    side = nx * (c[0] - a[0]) + ny * (c[1] - a[1])
    reach = half * (wp.abs(nx) + wp.abs(ny))
    at = nx * (centre[0] - a[0]) + ny * (centre[1] - a[1])
    if side < wp.float64(0.0):
        return at - reach > wp.float64(0.0)
    return at + reach < wp.float64(0.0)


@wp.func
def touches(a: wp.vec2d, b: wp.vec2d, c: wp.vec2d, centre: wp.vec2d, half: wp.float64) -> bool:
    """Triangle and square share a point (separating axes). A triangle without area is a line or a point."""
    if wp.min(wp.min(a[0], b[0]), c[0]) > centre[0] + half or wp.max(wp.max(a[0], b[0]), c[0]) < centre[0] - half:
        return False
    if wp.min(wp.min(a[1], b[1]), c[1]) > centre[1] + half or wp.max(wp.max(a[1], b[1]), c[1]) < centre[1] - half:
        return False
    if edge_apart(a, b, c, centre, half) or edge_apart(b, c, a, centre, half):
        return False
    return not edge_apart(c, a, b, centre, half)


@wp.func
def _within(a: wp.vec2d, b: wp.vec2d, low: wp.float64, high: wp.float64) -> wp.vec2d:
    """Least and greatest x of what lies between two rows of an edge; the first is the greater where nothing does."""
    rise = b[1] - a[1]
    if wp.max(a[1], b[1]) < low or wp.min(a[1], b[1]) > high:
        return wp.vec2d(FAR, -FAR)
    if wp.abs(rise) < wp.float64(1.0e-6):
        return wp.vec2d(wp.min(a[0], b[0]), wp.max(a[0], b[0]))
    nothing, all_of_it = wp.float64(0.0), wp.float64(1.0)
    one = a[0] + (b[0] - a[0]) * wp.clamp((low - a[1]) / rise, nothing, all_of_it)
    other = a[0] + (b[0] - a[0]) * wp.clamp((high - a[1]) / rise, nothing, all_of_it)
    return wp.vec2d(wp.min(one, other), wp.max(one, other))


@wp.func
def columns(a: wp.vec2d, b: wp.vec2d, c: wp.vec2d, y: int, half: wp.float64) -> wp.vec2i:
    """First and last column whose square in row `y` a triangle may touch: of a fan's 20,000 thin ones, boxes hold a
    thousand times as many."""
    middle = wp.float64(y) + wp.float64(0.5)
    low, high = middle - half - SLACK, middle + half + SLACK
    ab, bc, ca = _within(a, b, low, high), _within(b, c, low, high), _within(c, a, low, high)
    first = wp.min(wp.min(ab[0], bc[0]), ca[0]) - half - wp.float64(1.0)
    last = wp.max(wp.max(ab[1], bc[1]), ca[1]) + half
    return wp.vec2i(int(wp.floor(first)), int(wp.floor(last)))


@wp.kernel
def _unite_overlaps(
    points: wp.array(dtype=wp.vec2d),
    corners: wp.array2d(dtype=int),
    charts: wp.array(dtype=int),
    owner: wp.array2d(dtype=int),
    parent: wp.array(dtype=int),
) -> None:
    half = wp.float64(0.5)
    for i in range(corners.shape[0]):
        a = points[corners[i, 0]]
        b = points[corners[i, 1]]
        c = points[corners[i, 2]]
        left = wp.max(int(wp.floor(wp.min(wp.min(a[0], b[0]), c[0]))), 0)
        top = wp.max(int(wp.floor(wp.min(wp.min(a[1], b[1]), c[1]))), 0)
        right = wp.min(int(wp.floor(wp.max(wp.max(a[0], b[0]), c[0]))), owner.shape[1] - 1)
        bottom = wp.min(int(wp.floor(wp.max(wp.max(a[1], b[1]), c[1]))), owner.shape[0] - 1)
        for y in range(top, bottom + 1):
            reached = columns(a, b, c, y, half)
            for x in range(wp.max(left, reached[0]), wp.min(right, reached[1]) + 1):
                centre = wp.vec2d(wp.float64(x) + half, wp.float64(y) + half)
                if touches(a, b, c, centre, half):
                    if owner[y, x] < 0:
                        owner[y, x] = charts[i]
                    else:
                        unite(parent, owner[y, x], charts[i])
    for i in range(parent.shape[0]):
        parent[i] = root(parent, i)
