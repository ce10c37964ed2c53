"""A hit -> the light that it sends back along the ray."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.quality.kernels.light import FILL, KEY, Studio, ambient, fresnel, reflection
from assetpipe.quality.kernels.model import Hit, Model, Paint, blocked, colour_at, uv_at, uv_stretch
from assetpipe.quality.kernels.textures import Slot, sample
from assetpipe.queries.frames import upon
from assetpipe.queries.texels import turned

wp.set_module_options(EXACT)


@wp.struct
class Rays:
    """What is cast from a hit to find shadows."""

    towards: wp.array(dtype=wp.vec3)
    """Cosine-weighted about +Z."""
    turns: wp.array(dtype=wp.vec2)
    """cosine and sine of the angles by which pixels turn them"""
    count: int
    """per sample; 0: no shadows at all"""
    period: int
    """samples until `towards` starts again"""
    reach: float
    """beyond it nothing darkens a corner"""
    far: float
    """longer than any way through the picture"""
    step: float
    """what a ray starts off the surface; shorter than any detail"""


@wp.func
def _texel(model: Model, hit: Hit, slot: Slot, spread: float, srgb: bool) -> wp.vec4:
    footprint = spread * uv_stretch(model, hit.face, slot.uv_set)
    return sample(model.library, slot, uv_at(model, hit.face, hit.a, hit.b, slot.uv_set), footprint, srgb)


@wp.func
def face_normal(model: Model, face: int) -> wp.vec3:
    i, j, k = model.corners[3 * face], model.corners[3 * face + 1], model.corners[3 * face + 2]
    return wp.normalize(wp.cross(model.points[j] - model.points[i], model.points[k] - model.points[i]))


@wp.func
def seen_side(model: Model, hit: Hit) -> wp.vec3:
    """The face's normal, on the side that was hit."""
    flat = face_normal(model, hit.face)
    if not hit.facing:
        flat = -flat
    return flat


@wp.func
def surroundings(
    model: Model, studio: Studio, rays: Rays, p: wp.vec3, flat: wp.vec3, pixel: float, tick: int
) -> wp.vec2:
    """How much of the room is open, and how much of the softbox is seen, 0..1 each. `tick`: which of the rays, and how
    turned. Nothing within a `pixel` darkens `p`: where a lining comes through a shoe by less than a level may stray,
    its back turned and so culled, what is seen through it would be black."""
    start = p + flat * wp.max(pixel, rays.step)
    turn = rays.turns[(tick / rays.period) % rays.turns.shape[0]]
    free = wp.float32(0.0)
    seen = wp.float32(0.0)
    for r in range(rays.count):
        raw = rays.towards[(tick % rays.period) * rays.count + r]
        local = wp.vec3(raw[0] * turn[0] - raw[1] * turn[1], raw[0] * turn[1] + raw[1] * turn[0], raw[2])
        share = blocked(model, start, upon(flat, local), rays.reach, rays.step)
        free = free + wp.min(share * 1.2, 1.0)
        if r == 0:
            # The softbox is wide: aim at a different spot of it each time.
            aim = wp.normalize(studio.key + upon(studio.key, wp.vec3(local[0], local[1], 0.0)) * 0.22)
            if wp.dot(aim, flat) > 0.0:  # noqa: SIM102 (Warp's `and` would cast the ray in any case)
                if blocked(model, start, aim, rays.far, rays.step) >= 1.0:
                    seen = seen + 1.0
    return wp.vec2(free / float(rays.count), seen)


@wp.func
def _shading_normal(model: Model, hit: Hit, paint: Paint, flat: wp.vec3, spread: float) -> wp.vec3:
    """The vertices' normal, bent by the normal map, on the side of `flat`."""
    face = hit.face
    i, j, k = model.corners[3 * face], model.corners[3 * face + 1], model.corners[3 * face + 2]
    n = model.normals[i] * hit.a + model.normals[j] * hit.b + model.normals[k] * (1.0 - hit.a - hit.b)
    if wp.length(n) < 1.0e-6:
        n = face_normal(model, face)
    n = wp.normalize(n)
    slot = paint.normal_map
    if slot.texture >= 0:
        row = wp.min(slot.uv_set, model.uvs.shape[0] - 1)
        p, q = model.points[j] - model.points[i], model.points[k] - model.points[i]
        s = turned(slot.turn, model.uvs[row, j] - model.uvs[row, i])
        t = turned(slot.turn, model.uvs[row, k] - model.uvs[row, i])
        det = s[0] * t[1] - s[1] * t[0]
        if wp.abs(det) > 1.0e-12:
            along = (p * t[1] - q * s[1]) * wp.sign(det)
            along = along - n * wp.dot(n, along)
            if wp.length(along) > 1.0e-12:
                along = wp.normalize(along)
                # v runs down the image, and the map's green up.
                across = wp.cross(n, along) * -wp.sign(det)
                texel = _texel(model, hit, slot, spread, False)
                x, y = (texel[0] * 2.0 - 1.0) * paint.bump, (texel[1] * 2.0 - 1.0) * paint.bump
                z = wp.max(texel[2] * 2.0 - 1.0, 0.05)
                n = wp.normalize(along * x + across * y + n * z)
    if not hit.facing:
        n = -n
    if wp.dot(n, flat) < 0.0:
        n = wp.normalize(n - flat * (2.0 * wp.dot(n, flat)))
    return n


@wp.func
def shade(model: Model, studio: Studio, hit: Hit, d: wp.vec3, free: wp.vec2, spread: float) -> wp.vec3:
    """`free`: see `surroundings`."""
    paint = model.paints[model.paint[hit.face]]
    texel = _texel(model, hit, paint.base_map, spread, True)
    vertex = colour_at(model, hit.face, hit.a, hit.b)
    base = wp.vec3(
        paint.base[0] * texel[0] * vertex[0], paint.base[1] * texel[1] * vertex[1], paint.base[2] * texel[2] * vertex[2]
    )
    if paint.unlit == 1:
        return base
    n = _shading_normal(model, hit, paint, seen_side(model, hit), spread)

    packed = _texel(model, hit, paint.metal_rough_map, spread, False)
    roughness = wp.clamp(paint.roughness * packed[1], 0.04, 1.0)
    metallic = wp.clamp(paint.metallic * packed[2], 0.0, 1.0)
    painted = _texel(model, hit, paint.occlusion_map, spread, False)[0]
    open_sky = (1.0 + paint.occlusion * (painted - 1.0)) * free[0]

    key = KEY * wp.max(wp.dot(n, studio.key), 0.0) * free[1]
    fill = FILL * wp.max(wp.dot(n, studio.fill), 0.0) * open_sky
    cosine = wp.clamp(-wp.dot(n, d), 0.02, 1.0)
    f0 = wp.vec3(0.04, 0.04, 0.04) * (1.0 - metallic) + base * metallic
    mirror = d - n * (2.0 * wp.dot(n, d))
    f = fresnel(f0, roughness, cosine)
    # A crevice sees less of the room in its reflections too, the more so the duller it is.
    room = 1.0 - (1.0 - open_sky) * (0.5 + 0.5 * roughness)
    glossy = f * (reflection(studio, mirror, roughness) * room)
    matt = base * ((1.0 - metallic) * (1.0 - paint.transmission) * (ambient(n) * open_sky + key + fill))
    light = wp.cw_mul(matt, wp.vec3(1.0, 1.0, 1.0) - f) + glossy
    if paint.coat > 0.0:
        strength = paint.coat * _texel(model, hit, paint.coat_map, spread, False)[0]
        dull = paint.coat_roughness * _texel(model, hit, paint.coat_roughness_map, spread, False)[1]
        coat = fresnel(wp.vec3(0.04, 0.04, 0.04), dull, cosine) * strength
        light = wp.cw_mul(light, wp.vec3(1.0, 1.0, 1.0) - coat) + coat * (reflection(studio, mirror, dull) * room)
    glow = _texel(model, hit, paint.emissive_map, spread, True)
    return light + wp.cw_mul(paint.emissive, wp.vec3(glow[0], glow[1], glow[2]))
