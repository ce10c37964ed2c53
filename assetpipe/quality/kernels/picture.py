"""The two kernels of a picture: the shadow on the ground, and the picture itself, a few rows at a time."""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT
from assetpipe.quality.kernels.light import Studio, film
from assetpipe.quality.kernels.model import LAYERS, Model, blocked, first_hit
from assetpipe.quality.kernels.shade import Rays, shade, upon

wp.set_module_options(EXACT)


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


@wp.kernel
def take(
    model: Model,
    studio: Studio,
    rays: Rays,
    ground: Ground,
    view: View,
    first_row: int,
    picture: wp.array2d(dtype=wp.vec4),
    covered: wp.array2d(dtype=float),
    depth: wp.array2d(dtype=float),
) -> None:
    y0, x = wp.tid()
    y = y0 + first_row
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    cover = wp.float32(0.0)
    nearest = wp.float32(wp.inf)
    per_side = float(view.samples)
    for s in range(view.samples * view.samples):
        across = (float(x) + (float(s % view.samples) + 0.5) / per_side) / float(view.size) * 2.0 - 1.0
        down = (float(y) + (float(s / view.samples) + 0.5) / per_side) / float(view.size) * 2.0 - 1.0
        offset = view.right * (across + view.shift[0]) + view.up * (view.shift[1] - down)
        origin = view.eye
        d = view.forward
        if view.parallel == 1:
            origin = view.eye + offset
        else:
            d = wp.normalize(view.forward + offset)
        pixel = 2.0 * wp.length(view.right) / float(view.size) / per_side

        left = wp.float32(1.0)
        light = wp.vec3(0.0, 0.0, 0.0)
        gone = wp.float32(0.0)
        for _ in range(LAYERS):
            spread = pixel
            if view.parallel == 0:
                spread = pixel * gone
            hit = first_hit(model, origin + d * gone, d, rays.far, rays.step, spread)
            if not hit.found:
                break
            at = gone + hit.distance
            nearest = wp.min(nearest, at)
            if view.parallel == 0:
                spread = pixel * at
            tick = ((x * 7 + y * 13 + (x * y) % 5) % rays.turns.shape[0]) * rays.period + s
            colour = shade(model, studio, rays, hit, d, origin + d * at, spread, tick)
            paint = model.paints[model.paint[hit.face]]
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
        left = left * (1.0 - _ground_shadow(ground, origin, d))
        total = total + wp.vec4(light[0], light[1], light[2], 1.0 - left)
    count = per_side * per_side
    picture[y, x] = total / count
    covered[y, x] = cover / count
    depth[y, x] = nearest
