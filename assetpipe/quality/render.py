"""Drawables -> pictures: a small ray caster with a product photographer's light, the same bytes on every machine.

Rays are Warp's (a bounding volume hierarchy, one core per thread); rows of the picture are shared among threads, which
changes no pixel, because none depends on another.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array, Floats
from assetpipe.kernels import load
from assetpipe.quality.cameras import Camera
from assetpipe.quality.drawables import Box, Drawable, Texture, drawn_box
from assetpipe.quality.kernels import picture as kernels
from assetpipe.quality.kernels.light import Studio
from assetpipe.quality.kernels.probes import PATTERNS, Probes
from assetpipe.quality.kernels.shade import Rays
from assetpipe.quality.pyramids import srgb_of_linear
from assetpipe.quality.staging import stage_model

BAND = 16
"""Rows per task: small enough that threads finish together."""
TURNS = 64
GROUND_CELLS = 144
GROUND_RAYS = 20
GROUND_REACH = 0.55
"""How far above the ground, in sizes of the model, something still darkens it."""


@dataclass(frozen=True)
class Look:
    """What a picture is for decides what it costs."""

    samples: int = 2
    """per side of a pixel"""
    rays: int = 2
    """shadow rays per sample; 0: no shadows, for pictures that are only compared"""
    ground: bool = False
    """a shadow on the floor, which counts into alpha and not into `coverage`"""
    adaptive: bool = False
    """One sample first, the others only where it differs from one about it; shadow rays are shared among neighbours.
    Less noise in two fifths of the time (the shoe's poster: 7.9 s of CPU, then 3.5)."""


@dataclass(frozen=True, eq=False)
class Frame:
    light: Floats
    """(px, px, 4) RGBA, linear, premultiplied"""
    coverage: Floats
    """(px, px) 0..1, how much of the pixel the model fills"""
    depth: Floats
    """(px, px) metres from the camera to the nearest surface; inf: none"""

    def rgba(self) -> NDArray[np.uint8]:
        """(px, px, 4) sRGB, straight alpha. Browsers lay a picture over the page in sRGB, where the same alpha of black
        is darker than in linear light: the shadow's is made smaller, so that on white it looks like `over(1)`."""
        solid = self.coverage[..., None]
        clear = np.divide(1.0 - self.light[..., 3:], 1.0 - solid, out=np.ones_like(solid), where=solid < 1.0)
        alpha = 1.0 - (1.0 - solid) * (_srgb(clear).astype(np.float32) / np.float32(255))
        colour = np.divide(self.light[..., :3], alpha, out=np.zeros_like(self.light[..., :3]), where=alpha > 0)
        return np.concatenate([_srgb(colour), _bytes(alpha)], axis=-1)

    def over(self, background: float) -> NDArray[np.uint8]:
        """(px, px, 3) sRGB on a grey of linear 0..1."""
        return _srgb(self.light[..., :3] + (1.0 - self.light[..., 3:]) * np.float32(background))


def render(
    drawables: Sequence[Drawable],
    textures: Mapping[int, Texture],
    camera: Camera,
    px: int,
    look: Look = Look(),
) -> Frame:
    """`textures`: by glTF texture index; a material whose texture is missing shows its factors."""
    return next(render_each(drawables, textures, [camera], px, look))


def render_each(
    drawables: Sequence[Drawable],
    textures: Mapping[int, Texture],
    cameras: Sequence[Camera],
    px: int,
    look: Look = Look(),
) -> Iterator[Frame]:
    """One after the other: the model is staged once (a second, with maps of 2048²), a picture is held at a time."""
    drawables = [item for item in drawables if len(item.indices)]
    if not drawables:
        empty = np.zeros((px, px), np.float32)
        yield from (Frame(np.zeros((px, px, 4), np.float32), empty, np.full_like(empty, np.inf)) for _ in cameras)
        return
    load(kernels.__name__)
    box = drawn_box(drawables)
    model, _mesh = stage_model(drawables, textures, box, 2 * px)
    ground = _ground(model, box) if look.ground else kernels.Ground()
    if not look.ground:
        ground.shadow = wp.zeros((0, 0), dtype=float, device="cpu")
    for camera in cameras:
        scene = [model, _studio(camera), _rays(look), ground]
        out = _adaptive(scene, camera, box, px, look) if look.adaptive else _plain(scene, _view(camera, box, px, look))
        light, coverage, depth = (array.numpy() for array in out)
        yield Frame(light, coverage, depth * np.float32(box.size))


def _plain(scene: Sequence[Any], view: Any) -> list[Any]:
    out = _out(view)
    _take([*scene, view, _probes(0), _flags(0)], out)
    return out


def _adaptive(scene: Sequence[Any], camera: Camera, box: Box, px: int, look: Look) -> list[Any]:
    full = _view(camera, box, px, look)
    once = _view(camera, box, px, replace(look, samples=1))
    once.sharp = full.sharp
    probes, doubtful = _probes(px if look.rays else 0), _flags(px)
    if look.rays:
        _launch(kernels.probe, px, [*scene[:3], once], [probes])
    out = _out(full)
    _take([*scene, once, probes, _flags(0)], out)
    _launch(kernels.doubt, px, [out[0]], [doubtful])
    _take([*scene, full, probes, doubtful], out)
    return out


def _take(scene: Sequence[Any], out: Sequence[Any]) -> None:
    _launch(kernels.take, out[0].shape[0], scene, out)


def _launch(kernel: Any, px: int, given: Sequence[Any], found: Sequence[Any]) -> None:
    _in_bands(px, lambda first, rows: wp.launch(kernel, (rows, px), [*given, first, *found], device="cpu"))


def _out(view: Any) -> list[Any]:
    return [wp.zeros((view.size, view.size), dtype=kind, device="cpu") for kind in (wp.vec4, float, float)]


def _flags(px: int) -> Any:
    return wp.zeros((px, px), dtype=wp.uint8, device="cpu")


def _probes(px: int) -> Any:
    probes = Probes()
    probes.place, probes.flat, probes.free = (
        wp.zeros((px, px), dtype=kind, device="cpu") for kind in (wp.vec3, wp.vec3, wp.vec2)
    )
    return probes


def _in_bands(rows: int, launch: Callable[[int, int], None]) -> None:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda first: launch(first, min(BAND, rows - first)), range(0, rows, BAND)))


def _view(camera: Camera, box: Box, px: int, look: Look) -> Any:
    view = kernels.View()
    unit = box.size if camera.parallel else 1.0
    view.eye = wp.vec3(*((camera.eye - box.centre) / box.size))
    view.right, view.up = wp.vec3(*(camera.right / unit)), wp.vec3(*(camera.up / unit))
    view.forward = wp.vec3(*camera.forward)
    view.parallel, view.size, view.samples = int(camera.parallel), px, look.samples
    view.sharp = look.samples
    view.shift = wp.vec2(*camera.shift)
    return view


def _studio(camera: Camera) -> Any:
    """The lights stand about the camera, so that every side is lit as well as the front."""
    right, up = camera.right / np.linalg.norm(camera.right), camera.up / np.linalg.norm(camera.up)
    back = -camera.forward
    studio = Studio()
    studio.key = wp.normalize(wp.vec3(*(-0.65 * right + 0.80 * up + 0.75 * back)))
    studio.fill = wp.normalize(wp.vec3(*(0.85 * right + 0.15 * up + 0.55 * back)))
    studio.rim = wp.normalize(wp.vec3(*(0.70 * right + 0.55 * up - 0.60 * back)))
    return studio


def _rays(look: Look) -> Any:
    rays = Rays()
    period = PATTERNS if look.adaptive else look.samples**2
    rays.towards = wp.array(_hemisphere(max(look.rays * period, 1)), dtype=wp.vec3, device="cpu")
    angles = [2.0 * math.pi * ((i * 25) % TURNS) / TURNS for i in range(TURNS)]
    turns = np.array([(math.cos(angle), math.sin(angle)) for angle in angles])
    rays.turns = wp.array(turns.astype(np.float32), dtype=wp.vec2, device="cpu")
    rays.period = period
    rays.count, rays.reach, rays.far, rays.step = look.rays, 0.3, 1.0e4, 2.0e-5
    return rays


def _hemisphere(count: int) -> Floats:
    """(count, 3) cosine-weighted about +Z, evenly spread: sunflower seeds on a disc, lifted to the sphere. Shuffled, so
    that any run of them is spread too."""
    radius = [math.sqrt((i + 0.5) / count) for i in range(count)]
    angle = [math.radians(137.50776405003785) * i for i in range(count)]
    seeds = [(r * math.cos(a), r * math.sin(a), math.sqrt(1.0 - r * r)) for r, a in zip(radius, angle, strict=True)]
    stride = next(step for step in range(int(count * 0.38) + 1, 2 * count + 2) if math.gcd(step, count) == 1)
    return np.array([seeds[(i * stride) % count] for i in range(count)], np.float32)


def _ground(model: Any, box: Box) -> Any:
    """The floor under the model, reaching as far out as its shadow does."""
    extent = (box.high - box.low) / box.size
    ground = kernels.Ground()
    width = float(max(extent[0], extent[2])) + 2.0 * GROUND_REACH
    ground.height, ground.cell = float(-extent[1] / 2.0) - 1.0e-4, width / GROUND_CELLS
    ground.left = ground.near = -width / 2.0
    rays = _rays(Look(samples=1, rays=GROUND_RAYS))
    rays.reach = GROUND_REACH
    cells = wp.zeros((GROUND_CELLS, GROUND_CELLS), dtype=float, device="cpu")
    ground.shadow = cells
    _launch(kernels.cast_ground, GROUND_CELLS, [model, rays, ground], [cells])
    ground.shadow = wp.array(_softened(cells.numpy()), dtype=float, device="cpu")
    return ground


def _softened(shadow: Array) -> Floats:
    """Blurred over the noise of the rays, no darker than a shadow on white card, and gone at the edge."""
    kernel = np.array([1, 4, 6, 4, 1], np.float32) / 16
    for axis in (0, 1, 0, 1):
        padded = np.pad(shadow, [(2, 2) if i == axis else (0, 0) for i in range(2)], mode="edge")
        shadow = sum(
            weight * np.take(padded, range(i, i + shadow.shape[axis]), axis) for i, weight in enumerate(kernel)
        )
    ramp = np.clip(np.minimum(np.arange(GROUND_CELLS), np.arange(GROUND_CELLS)[::-1]) / 20.0, 0, 1)
    edge = np.minimum.outer(ramp, ramp)
    return np.asarray(np.clip(shadow * 0.85, 0, 0.72) * edge * edge * (3 - 2 * edge), np.float32)


def _srgb(light: Array) -> NDArray[np.uint8]:
    return srgb_of_linear()[(np.clip(light, 0, 1) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)]


def _bytes(values: Array) -> NDArray[np.uint8]:
    return (np.clip(values, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
