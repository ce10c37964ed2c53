"""Texture pyramids in one buffer, and how one is read: repeat, clamp or mirror, trilinear, in linear light."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.queries.texels import mip, moved, wrapped

wp.set_module_options(EXACT)


@wp.struct
class Slot:
    """One use of a texture by a material."""

    texture: int
    """-1: none"""
    uv_set: int
    turn: wp.vec4
    """KHR_texture_transform: (u, v) -> (turn[0] u + turn[1] v, turn[2] u + turn[3] v) + move"""
    move: wp.vec2


@wp.struct
class Pyramid:
    """Level 0 of one texture; each next one follows in the buffer at half the size, down to one texel."""

    start: int
    width: int
    height: int
    levels: int
    wrap_u: int
    wrap_v: int


@wp.struct
class Library:
    texels: wp.array(dtype=wp.uint32)
    """RGBA, red in the lowest byte"""
    pyramids: wp.array(dtype=Pyramid)
    linear: wp.array(dtype=float)
    """(256,) sRGB byte -> linear light"""


@wp.func
def _texel(library: Library, at: int, srgb: bool) -> wp.vec4:
    packed = library.texels[at]
    r = int(packed & wp.uint32(255))
    g = int((packed >> wp.uint32(8)) & wp.uint32(255))
    b = int((packed >> wp.uint32(16)) & wp.uint32(255))
    a = float(int((packed >> wp.uint32(24)) & wp.uint32(255))) / 255.0
    if srgb:
        return wp.vec4(library.linear[r], library.linear[g], library.linear[b], a)
    return wp.vec4(float(r) / 255.0, float(g) / 255.0, float(b) / 255.0, a)


@wp.func
def _bilinear(library: Library, pyramid: Pyramid, level: int, uv: wp.vec2, srgb: bool) -> wp.vec4:
    start = pyramid.start
    width = pyramid.width
    height = pyramid.height
    for _ in range(level):
        start = start + width * height
        width = wp.max(width / 2, 1)
        height = wp.max(height / 2, 1)
    x = uv[0] * float(width) - 0.5
    y = uv[1] * float(height) - 0.5
    left, top = int(wp.floor(x)), int(wp.floor(y))
    s, t = x - wp.floor(x), y - wp.floor(y)
    x0 = wrapped(left, width, pyramid.wrap_u)
    x1 = wrapped(left + 1, width, pyramid.wrap_u)
    y0 = start + wrapped(top, height, pyramid.wrap_v) * width
    y1 = start + wrapped(top + 1, height, pyramid.wrap_v) * width
    upper = _texel(library, y0 + x0, srgb) * (1.0 - s) + _texel(library, y0 + x1, srgb) * s
    lower = _texel(library, y1 + x0, srgb) * (1.0 - s) + _texel(library, y1 + x1, srgb) * s
    return upper * (1.0 - t) + lower * t


@wp.func
def sample(library: Library, slot: Slot, uv: wp.vec2, footprint: float, srgb: bool) -> wp.vec4:
    """`footprint`: how far apart neighbouring samples lie in UV units. White without a texture."""
    if slot.texture < 0:
        return wp.vec4(1.0, 1.0, 1.0, 1.0)
    pyramid = library.pyramids[slot.texture]
    at = moved(uv, slot.turn, slot.move, pyramid.wrap_u, pyramid.wrap_v)
    between = mip(footprint, slot.turn, pyramid.width, pyramid.height, pyramid.levels)
    level, blend = int(between[0]), between[1]
    fine = _bilinear(library, pyramid, level, at, srgb)
    if blend > 0.0:
        return fine * (1.0 - blend) + _bilinear(library, pyramid, level + 1, at, srgb) * blend
    return fine
