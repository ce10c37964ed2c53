"""Texture pyramids in one buffer, and how one is read: repeat, clamp or mirror, trilinear, in linear light."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.queries.texels import Pyramid, mip, moved, taps

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
class Library:
    texels: wp.array(dtype=wp.uint32)
    """RGBA, red in the lowest byte"""
    pyramids: wp.array(dtype=Pyramid)
    linear: wp.array(dtype=float)
    """(256,) sRGB byte -> linear light"""


@wp.func
def _texel(library: Library, pyramid: Pyramid, at: wp.int64, srgb: bool) -> wp.vec4:
    packed = library.texels[pyramid.start + at]
    r = int(packed & wp.uint32(255))
    g = int((packed >> wp.uint32(8)) & wp.uint32(255))
    b = int((packed >> wp.uint32(16)) & wp.uint32(255))
    a = float(int((packed >> wp.uint32(24)) & wp.uint32(255))) / 255.0
    if srgb:
        return wp.vec4(library.linear[r], library.linear[g], library.linear[b], a)
    return wp.vec4(float(r) / 255.0, float(g) / 255.0, float(b) / 255.0, a)


@wp.func
def _bilinear(library: Library, pyramid: Pyramid, level: int, uv: wp.vec2, srgb: bool) -> wp.vec4:
    at = taps(pyramid, level, uv)
    s, t = at.right, at.lower
    upper = (
        _texel(library, pyramid, at.upper_left, srgb) * (1.0 - s) + _texel(library, pyramid, at.upper_right, srgb) * s
    )
    lower = (
        _texel(library, pyramid, at.lower_left, srgb) * (1.0 - s) + _texel(library, pyramid, at.lower_right, srgb) * s
    )
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
