"""Triangles with their materials: what a ray meets, and whether it goes on through it.

Lengths are in units of the model's largest extent: float32 then serves a ring and a house alike.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.quality.kernels.textures import Library, Slot, sample

wp.set_module_options(EXACT)

OPAQUE = wp.constant(0)
MASK = wp.constant(1)
BLEND = wp.constant(2)
LAYERS = wp.constant(24)
"""A ray goes through so many transparent surfaces at most."""


@wp.struct
class Paint:
    """A glTF material."""

    base: wp.vec4
    emissive: wp.vec3
    metallic: float
    roughness: float
    bump: float
    """normalTexture.scale"""
    occlusion: float
    """occlusionTexture.strength"""
    cutoff: float
    transmission: float
    coat: float
    coat_roughness: float
    alpha_mode: int
    double_sided: int
    unlit: int
    base_map: Slot
    metal_rough_map: Slot
    normal_map: Slot
    occlusion_map: Slot
    emissive_map: Slot
    coat_map: Slot
    coat_roughness_map: Slot


@wp.struct
class Model:
    mesh: wp.uint64
    corners: wp.array(dtype=int)
    points: wp.array(dtype=wp.vec3)
    normals: wp.array(dtype=wp.vec3)
    uvs: wp.array2d(dtype=wp.vec2)
    """(sets, vertices)"""
    colours: wp.array(dtype=wp.vec4)
    paint: wp.array(dtype=int)
    """per triangle"""
    paints: wp.array(dtype=Paint)
    library: Library


@wp.struct
class Hit:
    found: bool
    distance: float
    face: int
    a: float
    """weights of the first two corners"""
    b: float
    facing: bool
    """the ray met the side from which the corners turn counter-clockwise"""
    alpha: float
    """of base colour: factor, texture and vertex colour; 0 where MASK cuts away, 1 where OPAQUE"""


@wp.func
def uv_at(model: Model, face: int, a: float, b: float, uv_set: int) -> wp.vec2:
    i, j, k = model.corners[3 * face], model.corners[3 * face + 1], model.corners[3 * face + 2]
    row = wp.min(uv_set, model.uvs.shape[0] - 1)
    return model.uvs[row, i] * a + model.uvs[row, j] * b + model.uvs[row, k] * (1.0 - a - b)


@wp.func
def colour_at(model: Model, face: int, a: float, b: float) -> wp.vec4:
    i, j, k = model.corners[3 * face], model.corners[3 * face + 1], model.corners[3 * face + 2]
    return model.colours[i] * a + model.colours[j] * b + model.colours[k] * (1.0 - a - b)


@wp.func
def uv_stretch(model: Model, face: int, uv_set: int) -> float:
    """UV units per unit of length."""
    i, j, k = model.corners[3 * face], model.corners[3 * face + 1], model.corners[3 * face + 2]
    row = wp.min(uv_set, model.uvs.shape[0] - 1)
    p, q = model.points[j] - model.points[i], model.points[k] - model.points[i]
    s, t = model.uvs[row, j] - model.uvs[row, i], model.uvs[row, k] - model.uvs[row, i]
    metres = wp.length(wp.cross(p, q))
    return wp.sqrt(wp.abs(s[0] * t[1] - s[1] * t[0]) / wp.max(metres, 1.0e-20))


@wp.func
def opacity(model: Model, face: int, a: float, b: float, spread: float) -> float:
    paint = model.paints[model.paint[face]]
    if paint.alpha_mode == OPAQUE:
        return 1.0
    slot = paint.base_map
    footprint = spread * uv_stretch(model, face, slot.uv_set)
    texel = sample(model.library, slot, uv_at(model, face, a, b, slot.uv_set), footprint, False)
    alpha = paint.base[3] * texel[3] * colour_at(model, face, a, b)[3]
    if paint.alpha_mode == MASK:
        if alpha < paint.cutoff:
            return 0.0
        return 1.0
    return wp.clamp(alpha, 0.0, 1.0)


@wp.func
def first_hit(model: Model, origin: wp.vec3, d: wp.vec3, reach: float, step: float, spread: float) -> Hit:
    """The first surface that shows anything; `step`: how far to go on behind one that does not."""
    hit = Hit()
    hit.found = False
    gone = wp.float32(0.0)
    for _ in range(LAYERS):
        query = wp.mesh_query_ray(model.mesh, origin + d * gone, d, reach - gone)
        if not query.result:
            return hit
        distance = gone + query.t
        paint = model.paints[model.paint[query.face]]
        # Warp's sign is that of the ray against the normal: positive when it meets the front.
        front = wp.dot(query.normal, d) < 0.0
        if front or paint.double_sided == 1:
            alpha = opacity(model, query.face, query.u, query.v, spread)
            if alpha > 0.004:
                hit.found = True
                hit.distance = distance
                hit.face = query.face
                hit.a = query.u
                hit.b = query.v
                hit.facing = front
                hit.alpha = alpha
                return hit
        gone = distance + step
        if gone >= reach:
            return hit
    return hit


@wp.func
def blocked(model: Model, origin: wp.vec3, d: wp.vec3, reach: float, step: float) -> float:
    """Where something solid stands in the way: its distance as a share of `reach`, 1 when nothing does."""
    gone = wp.float32(0.0)
    for _ in range(4):
        query = wp.mesh_query_ray(model.mesh, origin + d * gone, d, reach - gone)
        if not query.result:
            return 1.0
        distance = gone + query.t
        paint = model.paints[model.paint[query.face]]
        if paint.transmission < 0.5 and opacity(model, query.face, query.u, query.v, 0.0) > 0.5:
            return distance / reach
        gone = distance + step
        if gone >= reach:
            return 1.0
    return 1.0
