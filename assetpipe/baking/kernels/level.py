# mypy: ignore-errors
"""The level's triangles over its texture: which one a sample lies on, where that is, which way the ray goes."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

NOBODY = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
FINE = wp.constant(1048576.0)
"""Distances from a triangle, in texels squared, are compared in these steps."""
INWARD = wp.constant(0.0005)
"""The least weight of a corner: exactly on a hard edge the face round the corner is as near as one's own, and would
give its colour to the texels about the chart."""


@wp.struct
class Level:
    points: wp.array(dtype=wp.vec3)
    corners: wp.array(dtype=int)
    uvs: wp.array(dtype=wp.vec2)
    normals: wp.array(dtype=wp.vec3)
    tangents: wp.array(dtype=wp.vec4)
    smooth: wp.array(dtype=wp.vec3)
    """per corner: the cage's direction, the same for all corners at one position"""
    sharp: wp.array(dtype=wp.vec3)
    """per corner: the same for those that also share a shading normal"""
    hard: wp.array(dtype=int)
    """per triangle: bits 0 to 2 its edges (from corner i to the next) where shading breaks, 3 to 5 its corners"""
    parts: wp.array(dtype=int)
    px: float
    reach: float


@wp.struct
class Tile:
    """A square piece of the texture; `samples` per texel at fixed places."""

    left: int
    top: int
    size: int
    samples: int
    places: wp.array(dtype=wp.vec2)
    """(samples,) within a texel"""
    tolerance: float
    """texels that a sample may lie outside a triangle and still be its"""


@wp.func
def sample_at(tile: Tile, i: int) -> wp.vec2:
    """In texels of the whole texture."""
    texel = i / tile.samples
    place = tile.places[i % tile.samples]
    return wp.vec2(float(tile.left + texel % tile.size) + place[0], float(tile.top + texel / tile.size) + place[1])


@wp.func
def _upon(a: wp.vec2, b: wp.vec2, q: wp.vec2) -> float:
    """Where the point of the edge nearest to `q` lies: 0 at a, 1 at b."""
    along = b - a
    return wp.clamp(wp.dot(q - a, along) / wp.max(wp.dot(along, along), 1.0e-20), 0.0, 1.0)


@wp.func
def nearest_uv(a: wp.vec2, b: wp.vec2, c: wp.vec2, q: wp.vec2) -> wp.vec4:
    """Weights of the corners at the triangle's point nearest to `q`, and its distance squared."""
    u, v, s = b - a, c - a, q - a
    det = u[0] * v[1] - u[1] * v[0]
    if det != 0.0:
        wb, wc = (s[0] * v[1] - s[1] * v[0]) / det, (u[0] * s[1] - u[1] * s[0]) / det
        if wb >= 0.0 and wc >= 0.0 and wb + wc <= 1.0:
            return wp.vec4(1.0 - wb - wc, wb, wc, 0.0)
    t = _upon(a, b, q)
    best = wp.vec4(1.0 - t, t, 0.0, wp.length_sq(a + (b - a) * t - q))
    t = _upon(b, c, q)
    far = wp.length_sq(b + (c - b) * t - q)
    if far < best[3]:
        best = wp.vec4(0.0, 1.0 - t, t, far)
    t = _upon(c, a, q)
    far = wp.length_sq(c + (a - c) * t - q)
    if far < best[3]:
        best = wp.vec4(t, 0.0, 1.0 - t, far)
    return best


@wp.func
def weights_at(level: Level, face: int, q: wp.vec2) -> wp.vec3:
    i, j, k = level.corners[3 * face], level.corners[3 * face + 1], level.corners[3 * face + 2]
    found = nearest_uv(level.uvs[i] * level.px, level.uvs[j] * level.px, level.uvs[k] * level.px, q)
    w = wp.max(wp.vec3(found[0], found[1], found[2]), wp.vec3(INWARD, INWARD, INWARD))
    return w / (w[0] + w[1] + w[2])


@wp.func
def mix3(values: wp.array(dtype=wp.vec3), i: int, j: int, k: int, w: wp.vec3) -> wp.vec3:
    return values[i] * w[0] + values[j] * w[1] + values[k] * w[2]


@wp.func
def point_at(level: Level, face: int, w: wp.vec3) -> wp.vec3:
    return mix3(level.points, level.corners[3 * face], level.corners[3 * face + 1], level.corners[3 * face + 2], w)


@wp.func
def _apart(a: wp.vec3, b: wp.vec3, p: wp.vec3) -> float:
    along = b - a
    t = wp.clamp(wp.dot(p - a, along) / wp.max(wp.dot(along, along), 1.0e-30), 0.0, 1.0)
    return wp.length(a + along * t - p)


@wp.func
def ray_at(level: Level, face: int, w: wp.vec3, p: wp.vec3) -> wp.vec3:
    """Unit; zero where the level has no direction. Beside a hard edge the cage leans over it, so that both sides' rays
    meet there and nothing between them is left out; two `reach` away it stands upright, so that nothing is skewed."""
    smooth = mix3(level.smooth, 3 * face, 3 * face + 1, 3 * face + 2, w)
    flags = level.hard[face]
    if flags == 0:
        return wp.normalize(smooth)
    a, b, c = (
        level.points[level.corners[3 * face]],
        level.points[level.corners[3 * face + 1]],
        level.points[level.corners[3 * face + 2]],
    )
    away = 2.0 * level.reach
    if flags & 1:
        away = wp.min(away, _apart(a, b, p))
    if flags & 2:
        away = wp.min(away, _apart(b, c, p))
    if flags & 4:
        away = wp.min(away, _apart(c, a, p))
    if flags & 8:
        away = wp.min(away, wp.length(a - p))
    if flags & 16:
        away = wp.min(away, wp.length(b - p))
    if flags & 32:
        away = wp.min(away, wp.length(c - p))
    upright = away / (2.0 * level.reach)
    sharp = mix3(level.sharp, 3 * face, 3 * face + 1, 3 * face + 2, w)
    return wp.normalize(wp.normalize(smooth) * (1.0 - upright) + wp.normalize(sharp) * upright)
