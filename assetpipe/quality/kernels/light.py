"""A photographer's studio in formulas: what comes from each direction, how a surface answers, how film takes it.

Only +, -, *, / and square roots, which every CPU rounds alike. Reflectance: the roughness-aware Schlick of Lagarde
("Adopting a physically based shading model", 2011). Film: Khronos' PBR Neutral tone mapper (2024), made for products:
what is lit white keeps the colour that its designer gave it.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)

KEY = wp.constant(0.62)
FILL = wp.constant(0.16)
SKY = wp.constant(0.60)
FLOOR = wp.constant(0.40)


@wp.struct
class Studio:
    key: wp.vec3
    """unit vector towards the large softbox, left of and above the camera"""
    fill: wp.vec3
    """towards the reflector on the other side"""
    rim: wp.vec3
    """towards the strip behind the product"""


@wp.func
def rise(low: float, high: float, x: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    t = wp.clamp((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@wp.func
def ambient(n: wp.vec3) -> float:
    """Light on a matt surface from the room."""
    return FLOOR + (SKY - FLOOR) * (0.5 + 0.5 * n[1])


@wp.func
def reflection(studio: Studio, d: wp.vec3, roughness: float) -> float:
    """What a mirror sees in direction `d`, blurred by `roughness`."""
    blur = 0.03 + 0.9 * roughness * roughness
    # A white floor that darkens towards the horizon: without that band, metal has no shape.
    floor = 0.46 + 0.34 * wp.max(-d[1], 0.0)
    room = floor + (0.98 - floor) * rise(-blur - 0.05, blur + 0.30, d[1])
    wide = 0.02 + 0.7 * roughness * roughness
    sharp = 1.0 - 0.75 * roughness
    key = 2.2 * sharp * rise(0.86 - wide, 0.88 + wide, wp.dot(d, studio.key))
    rim = 1.6 * sharp * rise(0.90 - wide, 0.92 + wide, wp.dot(d, studio.rim))
    fill = 0.5 * sharp * rise(0.75 - wide, 0.85 + wide, wp.dot(d, studio.fill))
    return room + key + rim + fill


@wp.func
def fresnel(f0: wp.vec3, roughness: float, cosine: float) -> wp.vec3:
    graze = 1.0 - cosine
    power = graze * graze * graze * graze * graze
    smooth = 1.0 - roughness
    return wp.vec3(
        f0[0] + (wp.max(smooth, f0[0]) - f0[0]) * power,
        f0[1] + (wp.max(smooth, f0[1]) - f0[1]) * power,
        f0[2] + (wp.max(smooth, f0[2]) - f0[2]) * power,
    )


@wp.func
def film(light: wp.vec3) -> wp.vec3:
    """Linear light of any strength -> linear 0..1."""
    least = wp.min(light[0], wp.min(light[1], light[2]))
    offset = 0.04
    if least < 0.08:
        offset = least - 6.25 * least * least
    c = light - wp.vec3(offset, offset, offset)
    peak = wp.max(c[0], wp.max(c[1], c[2]))
    start = 0.76
    if peak < start:
        return c
    rest = 1.0 - start
    new_peak = 1.0 - rest * rest / (peak + rest - start)
    c = c * (new_peak / peak)
    grey = 1.0 - 1.0 / (0.15 * (peak - new_peak) + 1.0)
    return c * (1.0 - grey) + wp.vec3(new_peak, new_peak, new_peak) * grey
