# mypy: ignore-errors
"""Textures with their halved copies in one buffer, and how one is read: repeat, clamp or mirror, trilinear."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.queries.texels import Pyramid, mip, moved, taps

wp.set_module_options(EXACT)


@wp.struct
class Slot:
    """A Coat."""

    texture: int
    """-1: none"""
    uv_set: int
    turn: wp.vec4
    move: wp.vec2
    factor: wp.vec4
    offset: wp.vec4
    opaque: int


@wp.struct
class Library:
    texels: wp.array(dtype=wp.uint8)
    """in which pyramids start at a byte"""
    pyramids: wp.array(dtype=Pyramid)
    slots: wp.array(dtype=Slot)
    """by material"""
    linear: wp.array(dtype=float)
    """(256,) byte -> 0..1: of sRGB, or as it is"""


@wp.func
def _texel(library: Library, pyramid: Pyramid, at: wp.int64) -> wp.vec4:
    i = pyramid.start + at * wp.int64(pyramid.channels)
    a = wp.float32(1.0)
    if pyramid.channels == 4:
        a = float(library.texels[i + wp.int64(3)]) / 255.0
    return wp.vec4(
        library.linear[int(library.texels[i])],
        library.linear[int(library.texels[i + wp.int64(1)])],
        library.linear[int(library.texels[i + wp.int64(2)])],
        a,
    )


@wp.func
def _bilinear(library: Library, pyramid: Pyramid, level: int, uv: wp.vec2) -> wp.vec4:
    at = taps(pyramid, level, uv)
    s, t = at.right, at.lower
    upper = _texel(library, pyramid, at.upper_left) * (1.0 - s) + _texel(library, pyramid, at.upper_right) * s
    lower = _texel(library, pyramid, at.lower_left) * (1.0 - s) + _texel(library, pyramid, at.lower_right) * s
    return upper * (1.0 - t) + lower * t


@wp.func
def look_up(library: Library, slot: Slot, uv: wp.vec2, footprint: float) -> wp.vec4:
    """`footprint`: how far apart neighbouring samples lie in UV units. White without a texture."""
    if slot.texture < 0:
        return wp.vec4(1.0, 1.0, 1.0, 1.0)
    pyramid = library.pyramids[slot.texture]
    at = moved(uv, slot.turn, slot.move, pyramid.wrap_u, pyramid.wrap_v)
    between = mip(footprint, slot.turn, pyramid.width, pyramid.height, pyramid.levels)
    level, blend = int(between[0]), between[1]
    fine = _bilinear(library, pyramid, level, at)
    if blend > 0.0:
        return fine * (1.0 - blend) + _bilinear(library, pyramid, level + 1, at) * blend
    return fine


@wp.kernel
def halve(
    texels: wp.array(dtype=wp.uint8),
    linear: wp.array(dtype=float),
    code: wp.array(dtype=wp.uint8),
    pyramid: Pyramid,
    start: wp.int64,
    width: int,
    height: int,
    first: int,
    covered: int,
):
    """The copy of width x height that begins at `start` -> the next one, right behind it. As GPUs halve: the size is
    rounded down, an odd last row or column is left out. `covered`: transparent texels lend no colour. `code`:
    (65536,) back from linear."""
    i = first + wp.tid()
    half = wp.max(width / 2, 1)
    x, y = 2 * (i % half), 2 * (i / half)
    x1, y1 = wp.min(x + 1, width - 1), wp.min(y + 1, height - 1)
    channels = wp.int64(pyramid.channels)
    total = wp.vec3(0.0, 0.0, 0.0)
    plain = wp.vec3(0.0, 0.0, 0.0)
    alpha = wp.float32(0.0)
    for k in range(4):
        column, row = x, y
        if k % 2 == 1:
            column = x1
        if k >= 2:
            row = y1
        at = start + (wp.int64(row) * wp.int64(width) + wp.int64(column)) * channels
        rgb = wp.vec3(
            linear[int(texels[at])], linear[int(texels[at + wp.int64(1)])], linear[int(texels[at + wp.int64(2)])]
        )
        a = wp.float32(255.0)
        if pyramid.channels == 4:
            a = float(texels[at + wp.int64(3)])
        plain = plain + rgb
        total = total + rgb * a
        alpha = alpha + a
    mean = plain * 0.25
    if covered == 1 and alpha > 0.0:
        mean = total / alpha
    out = start + (wp.int64(width) * wp.int64(height) + wp.int64(i)) * channels
    for c in range(3):
        texels[out + wp.int64(c)] = code[int(wp.clamp(mean[c], 0.0, 1.0) * 65535.0 + 0.5)]
    if pyramid.channels == 4:
        texels[out + wp.int64(3)] = wp.uint8(alpha * 0.25 + 0.5)
