"""The kernels of a picture, a few rows at a time: the shadow on the ground, what surrounds each pixel, the picture, and
where one sample of it was too few.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.quality.kernels.light import Studio, film
from assetpipe.quality.kernels.model import LAYERS, Hit, Model, blocked, first_hit
from assetpipe.quality.kernels.probes import ENOUGH, TILE, Probes, gathered
from assetpipe.quality.kernels.shade import Rays, seen_side, shade, surroundings
from assetpipe.queries.frames import upon

wp.set_module_options(EXACT)

OFF_PLANE = wp.constant(1.5)
"""Pixels that a neighbour may lie off a point's plane and still be of the same surface."""
DIFFERENT = wp.constant(0.06)
"""Square roots of linear light, about 15 of 255: neighbours that differ more get all samples. SSIM with pictures of 36
samples a pixel, where the model is: the scan 0.994 and the shoe 0.978 at 0.03, 0.992 and 0.976 at 0.06; all samples
everywhere, each with shadow rays of its own: 0.984 and 0.968."""


@wp.struct
class View:
    eye: wp.vec3
    right: wp.vec3
    """as long as half the picture is wide, at distance 1 (perspective) or anywhere (parallel)"""
    up: wp.vec3
    forward: wp.vec3
    parallel: int
    size: int
    """pixels of either side"""
    samples: int
    """per side of a pixel"""
    sharp: int
    """texels are looked up as for so many samples per side"""
    shift: wp.vec2
    """of the picture's middle, in halves of the picture"""


@wp.struct
class Ground:
    height: float
    """where the model stands"""
    left: float
    near: float
    cell: float
    shadow: wp.array2d(dtype=float)
    """0..1, how much of the sky is hidden; no rows: no ground"""


@wp.kernel
def cast_ground(model: Model, rays: Rays, ground: Ground, first_row: int, found: wp.array2d(dtype=float)) -> None:
    y0, x = wp.tid()
    y = y0 + first_row
    p = wp.vec3(
        ground.left + (float(x) + 0.5) * ground.cell, ground.height, ground.near + (float(y) + 0.5) * ground.cell
    )
    turn = rays.turns[(x * 5 + y * 3) % rays.turns.shape[0]]
    hidden = wp.float32(0.0)
    for r in range(rays.count):
        raw = rays.towards[r]
        local = wp.vec3(raw[0] * turn[0] - raw[1] * turn[1], raw[0] * turn[1] + raw[1] * turn[0], raw[2])
        share = blocked(model, p, upon(wp.vec3(0.0, 1.0, 0.0), local), rays.reach, rays.step)
        hidden = hidden + (1.0 - share)
    found[y, x] = hidden / float(rays.count)


@wp.func
def _ground_shadow(ground: Ground, origin: wp.vec3, d: wp.vec3) -> float:
    if ground.shadow.shape[0] == 0 or d[1] > -1.0e-4:
        return 0.0
    away = (ground.height - origin[1]) / d[1]
    if away <= 0.0:
        return 0.0
    x = (origin[0] + d[0] * away - ground.left) / ground.cell - 0.5
    y = (origin[2] + d[2] * away - ground.near) / ground.cell - 0.5
    columns, rows = ground.shadow.shape[1], ground.shadow.shape[0]
    if x < 0.0 or y < 0.0 or x > float(columns - 1) or y > float(rows - 1):
        return 0.0
    i, j = wp.min(int(x), columns - 2), wp.min(int(y), rows - 2)
    s, t = x - float(i), y - float(j)
    upper = ground.shadow[j, i] * (1.0 - s) + ground.shadow[j, i + 1] * s
    lower = ground.shadow[j + 1, i] * (1.0 - s) + ground.shadow[j + 1, i + 1] * s
    return upper * (1.0 - t) + lower * t


@wp.struct
class Sight:
    """A ray from the camera."""

    origin: wp.vec3
    d: wp.vec3
    spread: float
    """the side of what it stands for: at distance 1 (perspective) or anywhere (parallel)"""


@wp.func
def _sight(view: View, x: float, y: float) -> Sight:
    """`x`, `y`: pixels from the upper left corner."""
    across, down = x / float(view.size) * 2.0 - 1.0, y / float(view.size) * 2.0 - 1.0
    offset = view.right * (across + view.shift[0]) + view.up * (view.shift[1] - down)
    sight = Sight()
    sight.origin = view.eye
    sight.d = view.forward
    if view.parallel == 1:
        sight.origin = view.eye + offset
    else:
        sight.d = wp.normalize(view.forward + offset)
    sight.spread = 2.0 * wp.length(view.right) / float(view.size) / float(view.sharp)
    return sight


@wp.func
def _spread_at(view: View, sight: Sight, distance: float) -> float:
    if view.parallel == 1:
        return sight.spread
    return sight.spread * distance


@wp.kernel
def probe(model: Model, studio: Studio, rays: Rays, view: View, first_row: int, probes: Probes) -> None:
    """What surrounds the first surface in the middle of every second pixel, by other rays in each pixel of a tile."""
    y0, half_x = wp.tid()
    y = y0 + first_row
    x = 2 * half_x + y % 2
    if x >= view.size:
        return
    sight = _sight(view, float(x) + 0.5, float(y) + 0.5)
    hit = first_hit(model, sight.origin, sight.d, rays.far, rays.step, _spread_at(view, sight, 0.0))
    flat = wp.vec3(0.0, 0.0, 0.0)
    if hit.found:
        p = sight.origin + sight.d * hit.distance
        flat = seen_side(model, hit)
        probes.place[y, x] = p
        pattern = (y % TILE) * (TILE / 2) + half_x % (TILE / 2)
        pixel = _spread_at(view, sight, hit.distance) * float(view.sharp)
        probes.free[y, x] = surroundings(model, studio, rays, p, flat, pixel, pattern)
    probes.flat[y, x] = flat


@wp.kernel
def doubt(picture: wp.array2d(dtype=wp.vec4), first_row: int, doubtful: wp.array2d(dtype=wp.uint8)) -> None:
    """Pixels that differ from one about them: edges, and what is finer than a pixel."""
    y0, x = wp.tid()
    y = y0 + first_row
    own = picture[y, x]
    most = wp.float32(0.0)
    for i in range(-1, 2):
        for j in range(-1, 2):
            other = picture[wp.clamp(y + i, 0, picture.shape[0] - 1), wp.clamp(x + j, 0, picture.shape[1] - 1)]
            for channel in range(4):
                apart = wp.sqrt(wp.max(own[channel], 0.0)) - wp.sqrt(wp.max(other[channel], 0.0))
                most = wp.max(most, wp.abs(apart))
    doubtful[y, x] = wp.uint8(0)
    if most > DIFFERENT:
        doubtful[y, x] = wp.uint8(1)


@wp.func
def _free(
    model: Model,
    studio: Studio,
    rays: Rays,
    probes: Probes,
    hit: Hit,
    p: wp.vec3,
    pixel: float,
    at: wp.vec2i,
    tick: int,
) -> wp.vec2:
    """What the pixels about `at` found, where enough of them see the same surface."""
    if rays.count == 0:
        return wp.vec2(1.0, 1.0)
    flat = seen_side(model, hit)
    if probes.flat.shape[0] > 0:
        found = gathered(probes, at, p, flat, OFF_PLANE * pixel)
        if found[2] > ENOUGH:
            return wp.vec2(found[0], found[1])
    return surroundings(model, studio, rays, p, flat, pixel, tick)


@wp.kernel
def take(
    model: Model,
    studio: Studio,
    rays: Rays,
    ground: Ground,
    view: View,
    probes: Probes,
    wanted: wp.array2d(dtype=wp.uint8),
    first_row: int,
    picture: wp.array2d(dtype=wp.vec4),
    covered: wp.array2d(dtype=float),
    depth: wp.array2d(dtype=float),
) -> None:
    """`wanted`: the pixels to take, 1; no rows: all."""
    y0, x = wp.tid()
    y = y0 + first_row
    if wanted.shape[0] > 0:  # noqa: SIM102 (Warp's `and` would read from it in any case)
        if wanted[y, x] == wp.uint8(0):
            return
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    cover = wp.float32(0.0)
    nearest = wp.float32(wp.inf)
    per_side = float(view.samples)
    for s in range(view.samples * view.samples):
        right, down = (float(s % view.samples) + 0.5) / per_side, (float(s / view.samples) + 0.5) / per_side
        sight = _sight(view, float(x) + right, float(y) + down)
        left = wp.float32(1.0)
        light = wp.vec3(0.0, 0.0, 0.0)
        gone = wp.float32(0.0)
        for _ in range(LAYERS):
            start = sight.origin + sight.d * gone
            hit = first_hit(model, start, sight.d, rays.far, rays.step, _spread_at(view, sight, gone))
            if not hit.found:
                break
            at = gone + hit.distance
            nearest = wp.min(nearest, at)
            spread = _spread_at(view, sight, at)
            tick = ((x * 7 + y * 13 + (x * y) % 5) % rays.turns.shape[0]) * rays.period + s
            p = sight.origin + sight.d * at
            paint = model.paints[model.paint[hit.face]]
            free = wp.vec2(1.0, 1.0)
            if paint.unlit == 0:
                pixel = spread * float(view.sharp)
                free = _free(model, studio, rays, probes, hit, p, pixel, wp.vec2i(x, y), tick)
            colour = shade(model, studio, hit, sight.d, free, spread)
            if paint.unlit == 0:
                colour = film(colour)
            light = light + colour * (left * hit.alpha)
            # Clear glass adds its reflections to what is behind it and takes little away.
            left = left * (1.0 - hit.alpha * (1.0 - paint.transmission * 0.88))
            gone = at + rays.step
            if left < 0.01:
                left = 0.0
                break
        cover = cover + 1.0 - left
        left = left * (1.0 - _ground_shadow(ground, sight.origin, sight.d))
        total = total + wp.vec4(light[0], light[1], light[2], 1.0 - left)
    count = per_side * per_side
    picture[y, x] = total / count
    covered[y, x] = cover / count
    depth[y, x] = nearest
