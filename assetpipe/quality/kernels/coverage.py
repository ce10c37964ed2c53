"""Triangles in parallel projection -> the pixels whose centres they cover.

Corners are snapped to a lattice of SUBPIXELS per pixel and everything after that is integers: triangles that share an
edge leave no gap, and the same pixels come out on every machine and in any order of threads (a pixel is only ever set).
A span is solved for each row instead of testing each pixel: a fan of thin triangles across the picture costs its rows,
not the area of their boxes.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

SUBPIXELS = wp.constant(wp.int64(4096))
FAR = wp.constant(536870912.0)
"""2^29 subpixels, 64 pictures of 2048 aside: products of two differences stay below 2^62."""
NOWHERE = wp.constant(wp.int32(-2147483648))


@wp.struct
class Lens:
    eye: wp.vec3d
    right: wp.vec3d
    """a point's offset from the eye times this is its offset from the picture's middle, subpixels"""
    up: wp.vec3d
    middle: wp.float64
    """of the picture, subpixels from the centre of its first pixel"""


@wp.kernel
def project(points: wp.array(dtype=wp.vec3), lens: Lens, first: int, seen: wp.array(dtype=wp.vec2i)) -> None:
    i = wp.tid() + first
    p = points[i]
    d = wp.vec3d(wp.float64(p[0]), wp.float64(p[1]), wp.float64(p[2])) - lens.eye
    x, y = lens.middle + wp.dot(d, lens.right), lens.middle - wp.dot(d, lens.up)
    limit = wp.float64(FAR)
    if wp.isfinite(x) and wp.isfinite(y):
        x, y = wp.clamp(x, -limit, limit), wp.clamp(y, -limit, limit)
        seen[i] = wp.vec2i(wp.int32(wp.floor(x + wp.float64(0.5))), wp.int32(wp.floor(y + wp.float64(0.5))))
    else:
        seen[i] = wp.vec2i(NOWHERE, NOWHERE)


@wp.func
def _floored(a: wp.int64, b: wp.int64) -> wp.int64:
    """a / b rounded down; b > 0."""
    q = a / b
    if q * b > a:
        q = q - wp.int64(1)
    return q


@wp.kernel
def cover(
    corners: wp.array(dtype=int),
    both_sides: wp.array(dtype=wp.uint8),
    seen: wp.array(dtype=wp.vec2i),
    first: int,
    covered: wp.array2d(dtype=wp.uint8),
) -> None:
    """`both_sides`: per triangle; the others show only where their corners turn counter-clockwise."""
    f = wp.tid() + first
    a, b, c = seen[corners[3 * f]], seen[corners[3 * f + 1]], seen[corners[3 * f + 2]]
    if a[0] == NOWHERE or b[0] == NOWHERE or c[0] == NOWHERE:
        return
    last_row, last_column = wp.int64(covered.shape[0] - 1), wp.int64(covered.shape[1] - 1)
    zero, one = wp.int64(0), wp.int64(1)
    top = _floored(wp.int64(wp.min(a[1], wp.min(b[1], c[1]))) - one, SUBPIXELS) + one
    bottom = _floored(wp.int64(wp.max(a[1], wp.max(b[1], c[1]))), SUBPIXELS)
    left = _floored(wp.int64(wp.min(a[0], wp.min(b[0], c[0]))) - one, SUBPIXELS) + one
    right = _floored(wp.int64(wp.max(a[0], wp.max(b[0], c[0]))), SUBPIXELS)
    top, bottom = wp.max(top, zero), wp.min(bottom, last_row)
    left, right = wp.max(left, zero), wp.min(right, last_column)
    if top > bottom or left > right:
        return
    ax, ay = wp.int64(a[0]), wp.int64(a[1])
    bx, by = wp.int64(b[0]), wp.int64(b[1])
    cx, cy = wp.int64(c[0]), wp.int64(c[1])
    turn = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    # Rows count downwards: counter-clockwise to the viewer is negative here.
    if turn == zero or (turn > zero and both_sides[f] == wp.uint8(0)):
        return
    if turn < zero:
        bx, by, cx, cy = cx, cy, bx, by
    row = wp.int64(top)
    while row <= bottom:
        y = row * SUBPIXELS
        low, high = left * SUBPIXELS, right * SUBPIXELS
        for edge in range(3):
            px, py, qx, qy = ax, ay, bx, by
            if edge == 1:
                px, py, qx, qy = bx, by, cx, cy
            if edge == 2:
                px, py, qx, qy = cx, cy, ax, ay
            # Inside, (q - p) x (point - p) >= 0: solved for the point's x.
            run, fall = (qx - px) * (y - py), qy - py
            if fall > zero:
                high = wp.min(high, px + _floored(run, fall))
            if fall < zero:
                low = wp.max(low, px - _floored(run, -fall))
        column = _floored(low - one, SUBPIXELS) + one
        end = _floored(high, SUBPIXELS)
        while column <= end:
            covered[wp.int32(row), wp.int32(column)] = wp.uint8(1)
            column = column + one
        row = row + one
