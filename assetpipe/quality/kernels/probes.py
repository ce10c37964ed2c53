"""What surrounds a surface, found once for every second pixel and shared among its neighbours.

Interleaved sampling: pixels of every TILE x TILE cast different rays each, and a point takes the mean over the tile's
worth of pixels about it that see the same surface (Keller and Heidrich, "Interleaved sampling", 2001). 24 rays count
for a point then, where 1.5 are cast for a pixel.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

TILE = wp.constant(4)
PATTERNS = 8
"""of rays, one for each of a tile's pixels that cast: every second, as on a chessboard"""
_REACH = wp.constant(2)
_TURNED = wp.constant(0.8)
"""Cosine of the angle beyond which a neighbour looks elsewhere."""
ENOUGH = wp.constant(1.5)
"""Of a tile's PATTERNS; with fewer, a point casts rays of its own."""


@wp.struct
class Probes:
    """Of what the middle of every second pixel shows. No rows: none were cast."""

    place: wp.array2d(dtype=wp.vec3)
    flat: wp.array2d(dtype=wp.vec3)
    """the face's normal, towards the camera; 0 where there is nothing"""
    free: wp.array2d(dtype=wp.vec2)
    """see `surroundings`"""


@wp.func
def gathered(probes: Probes, at: wp.vec2i, p: wp.vec3, flat: wp.vec3, near: float) -> wp.vec3:
    """`free` about pixel `at` for point `p`, and how many pixels told; `near`: how far they may lie off its plane."""
    total = wp.vec2(0.0, 0.0)
    weights = wp.float32(0.0)
    for i in range(-_REACH, _REACH + 1):
        for j in range(-_REACH, _REACH + 1):
            row, column = at[1] + i, at[0] + j
            cast = (row + column) % 2 == 0
            if cast and row >= 0 and column >= 0 and row < probes.flat.shape[0] and column < probes.flat.shape[1]:
                other = probes.flat[row, column]
                if wp.dot(other, flat) > _TURNED and wp.abs(wp.dot(probes.place[row, column] - p, flat)) < near:
                    # Both ends of a row of five cast the same rays: together they count as one.
                    weight = 1.0
                    if wp.abs(i) == _REACH:
                        weight = weight * 0.5
                    if wp.abs(j) == _REACH:
                        weight = weight * 0.5
                    total = total + probes.free[row, column] * weight
                    weights = weights + weight
    if weights > 0.0:
        total = total / weights
    return wp.vec3(total[0], total[1], weights)
