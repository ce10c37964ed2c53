"""Where a texture is read: wrapped, moved, between which of its halved copies and their texels. For kernels that bake
and that draw, each of which keeps texels in a buffer of its own kind."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

CLAMP = wp.constant(33071)
MIRROR = wp.constant(33648)


@wp.struct
class Pyramid:
    """The finest copy of one texture; each next one follows in the buffer at half the size, down to one texel."""

    start: wp.int64
    """in the buffer, in what that counts"""
    width: int
    height: int
    channels: int
    levels: int
    wrap_u: int
    wrap_v: int


@wp.struct
class Taps:
    """The four texels that a bilinear look-up mixes, from the finest copy's first texel on."""

    upper_left: wp.int64
    upper_right: wp.int64
    lower_left: wp.int64
    lower_right: wp.int64
    right: float
    """share of the right ones, and below of the lower ones"""
    lower: float


@wp.func
def wrapped(i: int, size: int, wrap: int) -> int:
    """The texel that stands at `i`."""
    if wrap == CLAMP:
        return wp.clamp(i, 0, size - 1)
    period = size
    if wrap == MIRROR:
        period = 2 * size
    j = i % period
    if j < 0:
        j = j + period
    if j >= size:
        j = period - 1 - j
    return j


@wp.func
def taps(pyramid: Pyramid, level: int, uv: wp.vec2) -> Taps:
    first = wp.int64(0)
    width = pyramid.width
    height = pyramid.height
    for _ in range(level):
        first = first + wp.int64(width) * wp.int64(height)
        width = wp.max(width / 2, 1)
        height = wp.max(height / 2, 1)
    x = uv[0] * float(width) - 0.5
    y = uv[1] * float(height) - 0.5
    left, top = int(wp.floor(x)), int(wp.floor(y))
    x0, x1 = wrapped(left, width, pyramid.wrap_u), wrapped(left + 1, width, pyramid.wrap_u)
    y0 = first + wp.int64(wrapped(top, height, pyramid.wrap_v)) * wp.int64(width)
    y1 = first + wp.int64(wrapped(top + 1, height, pyramid.wrap_v)) * wp.int64(width)
    found = Taps()
    found.upper_left = y0 + wp.int64(x0)
    found.upper_right = y0 + wp.int64(x1)
    found.lower_left = y1 + wp.int64(x0)
    found.lower_right = y1 + wp.int64(x1)
    found.right = x - wp.floor(x)
    found.lower = y - wp.floor(y)
    return found


@wp.func
def _near(x: float, wrap: int) -> float:
    """Far outside its range a float has no texels left: the same place, nearer to the origin. 2 keeps mirrors apart."""
    if wrap == CLAMP:
        return wp.clamp(x, 0.0, 1.0)
    return x - 2.0 * wp.floor(x * 0.5)


@wp.func
def turned(turn: wp.vec4, uv: wp.vec2) -> wp.vec2:
    return wp.vec2(turn[0] * uv[0] + turn[1] * uv[1], turn[2] * uv[0] + turn[3] * uv[1])


@wp.func
def moved(uv: wp.vec2, turn: wp.vec4, move: wp.vec2, wrap_u: int, wrap_v: int) -> wp.vec2:
    """KHR_texture_transform: (u, v) -> (turn[0] u + turn[1] v, turn[2] u + turn[3] v) + move."""
    at = turned(turn, uv) + move
    return wp.vec2(_near(at[0], wrap_u), _near(at[1], wrap_v))


@wp.func
def mip(footprint: float, turn: wp.vec4, width: int, height: int, levels: int) -> wp.vec2:
    """The copy to read, and how much of the next one is mixed in. `footprint`: how far apart neighbouring samples lie
    in UV units."""
    stretch = wp.sqrt(wp.abs(turn[0] * turn[3] - turn[1] * turn[2]))
    texels = footprint * stretch * wp.sqrt(float(width) * float(height))
    level = wp.int32(0)
    while texels >= 2.0 and level < levels - 1:
        texels = texels * 0.5
        level = level + 1
    blend = wp.float32(0.0)
    if level < levels - 1:
        blend = wp.clamp(texels - 1.0, 0.0, 1.0)
    return wp.vec2(float(level), blend)
