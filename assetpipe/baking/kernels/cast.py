# mypy: ignore-errors
"""A tile's samples -> the level's triangle that each lies on, and the place on the source that it shows."""

from __future__ import annotations

import warp as wp

from assetpipe.baking.kernels.level import (
    FINE,
    NOBODY,
    Level,
    Tile,
    nearest_uv,
    point_at,
    ray_at,
    sample_at,
    weights_at,
)
from assetpipe.kernels import EXACT
from assetpipe.queries.nearest import Faces, nearest_along, nearest_to

wp.set_module_options(EXACT)

MISSED = wp.constant(-1)
UNCOVERED = wp.constant(-2)
GROWTH = wp.constant(2.0)
"""times the reach: how far away the nearest point may lie where the line meets nothing"""


@wp.struct
class Hits:
    """By sample."""

    face: wp.array(dtype=int)
    """of the source, MISSED or UNCOVERED"""
    a: wp.array(dtype=float)
    """weights of its first two corners"""
    b: wp.array(dtype=float)


@wp.func
def _line(a: wp.vec2, b: wp.vec2, c: wp.vec2) -> wp.vec3:
    """Its dot product with (x, y, 1) is how far a point lies from the line a b, on the side of `c`."""
    n = wp.vec2(a[1] - b[1], b[0] - a[0])
    side = wp.sign(wp.dot(n, c - a)) / wp.max(wp.length(n), 1.0e-20)
    return wp.vec3(n[0], n[1], -wp.dot(n, a)) * side


@wp.kernel
def cover(level: Level, tile: Tile, pairs: wp.array(dtype=wp.vec3i), first: int, owners: wp.array(dtype=wp.int64)):
    """Each pair is a triangle of the level and the left top texel of a cell (a square piece of the tile) that it may
    touch. The nearest triangle owns a sample, of equally near ones the first: whatever the order of threads."""
    pair = pairs[first + wp.tid()]
    face = pair[0]
    i, j, k = level.corners[3 * face], level.corners[3 * face + 1], level.corners[3 * face + 2]
    a, b, c = level.uvs[i] * level.px, level.uvs[j] * level.px, level.uvs[k] * level.px
    low, high = wp.min(wp.min(a, b), c), wp.max(wp.max(a, b), c)
    grown = tile.tolerance
    ab, bc, ca = _line(a, b, c), _line(b, c, a), _line(c, a, b)
    left = wp.max(pair[1], int(wp.floor(wp.max(low[0] - grown, 0.0))))
    top = wp.max(pair[2], int(wp.floor(wp.max(low[1] - grown, 0.0))))
    right = wp.min(wp.min(pair[1] + CELL, int(high[0] + grown) + 1), int(level.px))
    bottom = wp.min(wp.min(pair[2] + CELL, int(high[1] + grown) + 1), int(level.px))
    most = tile.tolerance * tile.tolerance
    for y in range(top, bottom):
        for x in range(left, right):
            for s in range(tile.samples):
                at = ((y - tile.top) * tile.size + x - tile.left) * tile.samples + s
                q = sample_at(tile, at)
                at_edge = wp.vec3(q[0], q[1], 1.0)
                inside = wp.min(wp.min(wp.dot(ab, at_edge), wp.dot(bc, at_edge)), wp.dot(ca, at_edge))
                far = wp.float32(0.0)
                if inside < 0.0:
                    far = 2.0 * most
                    if inside >= -grown:
                        far = nearest_uv(a, b, c, q)[3]
                if far <= most:
                    wp.atomic_min(owners, at, (wp.int64(far * FINE) << wp.int64(32)) | wp.int64(face))


CELL = wp.constant(32)
"""texels per side: what one thread looks through"""


@wp.kernel
def cast(
    level: Level, tile: Tile, faces: Faces, owners: wp.array(dtype=wp.int64), hits: Hits, missed: wp.array(dtype=int)
):
    """`missed`: how many samples lie on the level, how many of them met nothing."""
    i = wp.tid()
    if owners[i] == NOBODY:
        hits.face[i] = UNCOVERED
        return
    face = int(owners[i] & wp.int64(0xFFFFFFFF))
    w = weights_at(level, face, sample_at(tile, i))
    p = point_at(level, face, w)
    d = ray_at(level, face, w, p)
    wp.atomic_add(missed, 0, 1)
    part = level.parts[face]
    met = nearest_along(faces, p, d, level.reach, part)
    if met.face < 0:
        met = nearest_to(faces, p, d, level.reach * GROWTH, part)
    hits.face[i] = met.face
    hits.a[i] = met.a
    hits.b[i] = met.b
    if met.face < 0:
        wp.atomic_add(missed, 1, 1)
