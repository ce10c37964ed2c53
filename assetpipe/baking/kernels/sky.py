# mypy: ignore-errors
"""Where a tile's samples met the source -> how much of the sky is open there (ambient occlusion).

Rays go all the way, although only what lies within reach darkens: which side of a sheet is looked at, and whether
anybody can see the place at all, is told by where they end. Of a closed body none leaves through its inside; under a
foot that stands on a floor all meet backs of faces.
"""

from __future__ import annotations

import warp as wp

from assetpipe.baking.kernels.cast import MISSED, Hits
from assetpipe.baking.kernels.level import Tile, mix3
from assetpipe.baking.kernels.paint import Source, unit_or
from assetpipe.kernels import EXACT
from assetpipe.queries.frames import upon
from assetpipe.queries.nearest import face_cross

wp.set_module_options(EXACT)

ENCLOSED = wp.constant(0.75)
"""Of the rays meet backs of faces, and none gets out: there is nobody to look."""
SURELY = wp.constant(0.25)
"""Of the rays more must get out at the back than twice as many as in front, for the back alone to count. A body with a
hole lets some out of its inside."""


@wp.struct
class Sky:
    mesh: wp.uint64
    """all that casts"""
    towards: wp.array(dtype=wp.vec3)
    """(rays,) cosine-weighted about +Z"""
    turns: wp.array(dtype=wp.vec2)
    """(16,) cosine and sine of the angles by which neighbouring texels turn them"""
    reach: float
    step: float
    """what a ray starts off the surface"""
    far: float
    """beyond all that there is"""


@wp.func
def _look(sky: Sky, at: wp.vec3, n: wp.vec3, flat: wp.vec3, turn: wp.vec2, first: int, every: int) -> wp.vec4:
    """Of every so many rays from the first on, those on this side of the face: the sum of their free ways, 0..1 each;
    how many got out, how many met a back, how many there were."""
    found = wp.vec4(0.0, 0.0, 0.0, 0.0)
    start = at + flat * sky.step
    for r in range(first, sky.towards.shape[0], every):
        raw = sky.towards[r]
        d = upon(n, wp.vec3(raw[0] * turn[0] - raw[1] * turn[1], raw[0] * turn[1] + raw[1] * turn[0], raw[2]))
        if wp.dot(d, flat) > 0.0:
            met = wp.mesh_query_ray(sky.mesh, start, d, sky.far)
            if not met.result:
                found = found + wp.vec4(1.0, 1.0, 0.0, 1.0)
            elif wp.dot(met.normal, d) > 0.0:
                found = found + wp.vec4(wp.min(met.t / sky.reach, 1.0), 0.0, 1.0, 1.0)
            else:
                found = found + wp.vec4(wp.min(met.t / sky.reach, 1.0), 0.0, 0.0, 1.0)
    return found


@wp.func
def _open(found: wp.vec4) -> float:
    return found[0] / wp.max(found[3], 1.0)


@wp.func
def _behind(front: wp.vec4, back: wp.vec4) -> float:
    """How surely the back is what is seen, 0..1."""
    least = wp.max(back[3], 1.0) * SURELY
    return wp.clamp((back[1] - 2.0 * front[1] - 0.5 * least) / least, 0.0, 1.0)


@wp.func
def _is_enclosed(found: wp.vec4) -> bool:
    return found[1] == 0.0 and found[2] >= ENCLOSED * found[3]


@wp.kernel
def shadow(tile: Tile, source: Source, hits: Hits, sky: Sky, texels: wp.array3d(dtype=wp.uint8)):
    """The rays are shared out among a texel's samples. What is enclosed counts as not met: its neighbours fill it."""
    i = wp.tid()
    x, y = tile.left + i % tile.size, tile.top + i / tile.size
    if x >= texels.shape[1] or y >= texels.shape[0]:
        return
    turn = sky.turns[(x % 4) + 4 * (y % 4)]
    front = wp.vec4(0.0, 0.0, 0.0, 0.0)
    back = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for s in range(tile.samples):
        face = hits.face[i * tile.samples + s]
        if face >= 0:
            a, b = hits.a[i * tile.samples + s], hits.b[i * tile.samples + s]
            w = wp.vec3(a, b, 1.0 - a - b)
            j, k, m = (
                source.faces.corners[3 * face],
                source.faces.corners[3 * face + 1],
                source.faces.corners[3 * face + 2],
            )
            flat = wp.normalize(face_cross(source.faces, face))
            n = unit_or(mix3(source.normals, j, k, m, w), flat)
            if wp.dot(n, flat) < 0.0:
                n = -n
            at = mix3(source.faces.points, j, k, m, w)
            front = front + _look(sky, at, n, flat, turn, s, tile.samples)
            if source.two_sided[face] == 1:
                back = back + _look(sky, at, -n, -flat, turn, s, tile.samples)
    if front[3] == 0.0:
        return
    behind = _behind(front, back)
    if _is_enclosed(front) and behind == 0.0:
        for s in range(tile.samples):
            hits.face[i * tile.samples + s] = MISSED
        return
    free = _open(front) * (1.0 - behind) + _open(back) * behind
    texels[y, x, 0] = wp.uint8(free * 255.0 + 0.5)
