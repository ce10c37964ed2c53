# mypy: ignore-errors
"""What a tile's samples met -> texels of a map: colours and numbers (`paint`), tangent-space normals (`bend`)."""

from __future__ import annotations

import warp as wp

from assetpipe.baking.kernels.cast import Hits
from assetpipe.baking.kernels.level import Level, Tile, mix3, sample_at, weights_at
from assetpipe.baking.kernels.texels import Library, Slot, look_up
from assetpipe.kernels import EXACT
from assetpipe.queries.nearest import Faces, face_cross
from assetpipe.queries.texels import turned

wp.set_module_options(EXACT)

LEAST_Z = wp.constant(0.02)
"""A normal map holds no direction behind its surface."""


@wp.struct
class Source:
    faces: Faces
    normals: wp.array(dtype=wp.vec3)
    tangents: wp.array(dtype=wp.vec4)
    uvs: wp.array2d(dtype=wp.vec2)
    """(sets, vertices)"""
    colours: wp.array(dtype=wp.vec4)
    materials: wp.array(dtype=int)
    """per triangle"""
    two_sided: wp.array(dtype=int)
    """per triangle, 1 where both sides are drawn"""


@wp.struct
class Target:
    """A map, and what of it is written."""

    texels: wp.array3d(dtype=wp.uint8)
    """(px, px, 3 or 4)"""
    channels: int
    """bits: those of rgba that are written"""
    code: wp.array(dtype=wp.uint8)
    """(65536,) 0..1 -> byte"""
    tinted: int
    premultiplied: int
    """alpha weighs the colours that meet in a texel"""


@wp.func
def _spread(level: Level, tile: Tile, face: int) -> float:
    """Metres between neighbouring samples."""
    i, j, k = level.corners[3 * face], level.corners[3 * face + 1], level.corners[3 * face + 2]
    metres = wp.length(wp.cross(level.points[j] - level.points[i], level.points[k] - level.points[i]))
    u, v = level.uvs[j] - level.uvs[i], level.uvs[k] - level.uvs[i]
    texels = wp.abs(u[0] * v[1] - u[1] * v[0]) * level.px * level.px * float(tile.samples)
    return wp.sqrt(metres / wp.max(texels, 1.0e-12))


@wp.func
def _texel(source: Source, library: Library, slot: Slot, face: int, w: wp.vec3, spread: float) -> wp.vec4:
    i, j, k = source.faces.corners[3 * face], source.faces.corners[3 * face + 1], source.faces.corners[3 * face + 2]
    row = wp.min(slot.uv_set, source.uvs.shape[0] - 1)
    a, b, c = source.uvs[row, i], source.uvs[row, j], source.uvs[row, k]
    u, v = b - a, c - a
    metres = wp.length(face_cross(source.faces, face))
    stretch = wp.sqrt(wp.abs(u[0] * v[1] - u[1] * v[0]) / wp.max(metres, 1.0e-20))
    return look_up(library, slot, a * w[0] + b * w[1] + c * w[2], spread * stretch)


@wp.func
def _byte(target: Target, value: float) -> wp.uint8:
    return target.code[int(wp.clamp(value, 0.0, 1.0) * 65535.0 + 0.5)]


@wp.kernel
def paint(
    level: Level,
    tile: Tile,
    source: Source,
    library: Library,
    owners: wp.array(dtype=wp.int64),
    hits: Hits,
    target: Target,
):
    i = wp.tid()
    x, y = tile.left + i % tile.size, tile.top + i / tile.size
    if x >= target.texels.shape[1] or y >= target.texels.shape[0]:
        return
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    plain = wp.vec4(0.0, 0.0, 0.0, 0.0)
    count = wp.float32(0.0)
    for s in range(tile.samples):
        n = i * tile.samples + s
        face = hits.face[n]
        if face >= 0:
            w = wp.vec3(hits.a[n], hits.b[n], 1.0 - hits.a[n] - hits.b[n])
            slot = library.slots[source.materials[face]]
            spread = _spread(level, tile, int(owners[n] & wp.int64(0xFFFFFFFF)))
            value = wp.cw_mul(_texel(source, library, slot, face, w, spread), slot.factor) + slot.offset
            if target.tinted == 1:
                a, b, c = (
                    source.faces.corners[3 * face],
                    source.faces.corners[3 * face + 1],
                    source.faces.corners[3 * face + 2],
                )
                tint = source.colours[a] * w[0] + source.colours[b] * w[1] + source.colours[c] * w[2]
                value = wp.cw_mul(value, tint)
            alpha = wp.clamp(value[3], 0.0, 1.0)
            if slot.opaque == 1:
                alpha = 1.0
            plain = plain + wp.vec4(value[0], value[1], value[2], alpha)
            total = total + wp.vec4(value[0] * alpha, value[1] * alpha, value[2] * alpha, alpha)
            count = count + 1.0
    if count == 0.0:
        return
    mean = plain / count
    if target.premultiplied == 1 and total[3] > 0.0:
        mean = wp.vec4(total[0] / total[3], total[1] / total[3], total[2] / total[3], mean[3])
    for c in range(3):
        if (target.channels >> c) & 1:
            target.texels[y, x, c] = _byte(target, mean[c])
    if (target.channels >> 3) & 1:
        target.texels[y, x, 3] = wp.uint8(wp.clamp(mean[3], 0.0, 1.0) * 255.0 + 0.5)


@wp.func
def unit_or(v: wp.vec3, other: wp.vec3) -> wp.vec3:
    if wp.length(v) > 1.0e-12:
        return wp.normalize(v)
    return wp.normalize(other)


@wp.func
def _along(tangents: wp.array(dtype=wp.vec4), at: int) -> wp.vec3:
    t = tangents[at]
    return wp.normalize(wp.vec3(t[0], t[1], t[2]))


@wp.func
def _across(normals: wp.array(dtype=wp.vec3), tangents: wp.array(dtype=wp.vec4), at: int) -> wp.vec3:
    """The bitangent at a vertex."""
    t = tangents[at]
    return wp.normalize(wp.cross(normals[at], wp.vec3(t[0], t[1], t[2]))) * t[3]


@wp.func
def _source_normal(source: Source, library: Library, face: int, w: wp.vec3, spread: float) -> wp.vec3:
    """What a viewer shows: the vertices' normal, bent by the source's own map. Vectors at the vertices are interpolated
    and made unit each by itself, as in three.js and in Khronos' sample viewer."""
    faces = source.faces
    i, j, k = faces.corners[3 * face], faces.corners[3 * face + 1], faces.corners[3 * face + 2]
    n = unit_or(mix3(source.normals, i, j, k, w), face_cross(faces, face))
    slot = library.slots[source.materials[face]]
    if slot.texture < 0:
        return n
    t = wp.vec3(0.0, 0.0, 0.0)
    b = wp.vec3(0.0, 0.0, 0.0)
    if source.tangents.shape[0] > 0:
        t = _along(source.tangents, i) * w[0] + _along(source.tangents, j) * w[1] + _along(source.tangents, k) * w[2]
        b = _across(source.normals, source.tangents, i) * w[0]
        b = b + _across(source.normals, source.tangents, j) * w[1] + _across(source.normals, source.tangents, k) * w[2]
    else:
        # As viewers do without tangents: one frame per triangle, from where its UVs lie in the picture. v runs down
        # the image, green up.
        row = wp.min(slot.uv_set, source.uvs.shape[0] - 1)
        p, q = faces.points[j] - faces.points[i], faces.points[k] - faces.points[i]
        u = turned(slot.turn, source.uvs[row, j] - source.uvs[row, i])
        v = turned(slot.turn, source.uvs[row, k] - source.uvs[row, i])
        side = wp.sign(u[0] * v[1] - u[1] * v[0])
        t = (p * v[1] - q * u[1]) * side
        t = t - n * wp.dot(n, t)
        b = wp.cross(n, t) * -side
    if wp.length(t) < 1.0e-20 or wp.length(b) < 1.0e-20:
        return n
    texel = _texel(source, library, slot, face, w, spread)
    m = wp.vec3((texel[0] * 2.0 - 1.0) * slot.factor[0], (texel[1] * 2.0 - 1.0) * slot.factor[1], texel[2] * 2.0 - 1.0)
    return unit_or(wp.normalize(t) * m[0] + wp.normalize(b) * m[1] + n * m[2], n)


@wp.func
def _into_frame(level: Level, face: int, w: wp.vec3, n: wp.vec3) -> wp.vec3:
    """The texel that makes a viewer show `n`: the frame is three.js's, which is not square between vertices, so it is
    solved for and not transposed."""
    i, j, k = level.corners[3 * face], level.corners[3 * face + 1], level.corners[3 * face + 2]
    up = mix3(level.normals, i, j, k, w)
    t = _along(level.tangents, i) * w[0] + _along(level.tangents, j) * w[1] + _along(level.tangents, k) * w[2]
    b = _across(level.normals, level.tangents, i) * w[0]
    b = b + _across(level.normals, level.tangents, j) * w[1] + _across(level.normals, level.tangents, k) * w[2]
    up = wp.normalize(up)
    t = wp.normalize(t)
    b = wp.normalize(b)
    det = wp.dot(t, wp.cross(b, up))
    if wp.abs(det) < 1.0e-3:
        return wp.vec3(0.0, 0.0, 1.0)
    m = wp.vec3(wp.dot(n, wp.cross(b, up)), wp.dot(n, wp.cross(up, t)), wp.dot(n, wp.cross(t, b))) / det
    return wp.normalize(wp.vec3(m[0], m[1], wp.max(m[2], LEAST_Z)))


@wp.kernel
def bend(
    level: Level,
    tile: Tile,
    source: Source,
    library: Library,
    owners: wp.array(dtype=wp.int64),
    hits: Hits,
    target: Target,
):
    i = wp.tid()
    x, y = tile.left + i % tile.size, tile.top + i / tile.size
    if x >= target.texels.shape[1] or y >= target.texels.shape[0]:
        return
    total = wp.vec3(0.0, 0.0, 0.0)
    met = wp.int32(0)
    for s in range(tile.samples):
        at = i * tile.samples + s
        face = hits.face[at]
        if face >= 0:
            own = int(owners[at] & wp.int64(0xFFFFFFFF))
            w = wp.vec3(hits.a[at], hits.b[at], 1.0 - hits.a[at] - hits.b[at])
            n = _source_normal(source, library, face, w, _spread(level, tile, own))
            total = total + _into_frame(level, own, weights_at(level, own, sample_at(tile, at)), n)
            met = met + 1
    if met == 0:
        return
    m = unit_or(total, wp.vec3(0.0, 0.0, 1.0))
    for c in range(3):
        target.texels[y, x, c] = wp.uint8((m[c] * 0.5 + 0.5) * 255.0 + 0.5)


@wp.kernel
def mark(tile: Tile, hits: Hits, coverage: wp.array2d(dtype=wp.uint8)):
    i = wp.tid()
    x, y = tile.left + i % tile.size, tile.top + i / tile.size
    if x >= coverage.shape[1] or y >= coverage.shape[0]:
        return
    for s in range(tile.samples):
        if hits.face[i * tile.samples + s] >= 0:
            coverage[y, x] = wp.uint8(1)
