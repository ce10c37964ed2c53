"""A level under its `max_bytes`: geometry is encoded once, textures step down a ladder until the file fits.

Encoding three maps of 4096² takes seconds, a rung takes all of them, and a ladder has fifteen. So the rungs are
compared on images of a quarter of the side, which tell about the ratio between two rungs, and only the rungs in
question are encoded in full: one to three instead of the five of a bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from assetpipe.asset import Glb, Lod, Scene
from assetpipe.config import Config, Level
from assetpipe.container import encode_geometry, prune, write_glb
from assetpipe.errors import LimitExceeded
from assetpipe.textures import TextureCache, TextureTarget, encode_textures, ladder

SHRINK = 4
SMALL_PX = 1024
"""Below this a full encoding costs so little that no smaller one is made in its place."""
GUESS = 0.75
"""Bytes per pixel of a full-sized WebP over those of its quarter-sized proxy, where nothing is known yet."""


@dataclass(frozen=True)
class Ladder:
    """A level's rungs, and what is known of their size."""

    rungs: list[tuple[TextureTarget, str]]
    encode: Callable[[TextureTarget], Scene]
    proxy: Callable[[int], int]
    """Rung -> bytes of its images at a quarter of the side."""

    def first_within(self, images: float, scale: float) -> int:
        """The first rung whose images should take no more than `images` bytes; the last when none does."""
        low, high = 0, len(self.rungs) - 1
        while low < high:
            middle = (low + high) // 2
            if scale * self.proxy(middle) <= images:
                high = middle
            else:
                low = middle + 1
        return low


def fit(lod: Lod, level: Level, config: Config, textures: TextureCache) -> Glb:
    """The file of the first rung that fits, as far as the proxies tell neighbours apart."""
    geometry = encode_geometry(lod.scene, config.compression)
    steps = _ladder(lod, level, config, textures)

    @cache
    def attempt(rung: int) -> Glb:
        target, note = steps.rungs[rung]
        scene = prune(steps.encode(target))
        notes = (*lod.notes, note) if note else lod.notes
        return Glb(lod.level, write_glb(scene, geometry), Lod(lod.level, scene, notes))

    return _search(steps, attempt, level.max_bytes, geometry.bytes)


def _search(steps: Ladder, attempt: Callable[[int], Glb], most: int, bare: int) -> Glb:
    """`bare`: about what the file takes without its images."""
    worst, best = -1, len(steps.rungs)  # rungs known to be too large, and to fit
    scale = _first_scale(steps.rungs[0][0])
    while best - worst > 1:
        rung = min(max(steps.first_within(most - bare, scale), worst + 1), best - 1)
        glb = attempt(rung)
        bare, scale = len(glb.data) - _images(glb), _images(glb) / max(1, steps.proxy(rung))
        if len(glb.data) > most:
            worst = rung
        elif steps.first_within(most - bare, scale) >= rung:
            return glb
        else:
            best = rung
    if best == len(steps.rungs):
        raise _cannot_fit(attempt(best - 1), most)
    return attempt(best)


def _ladder(lod: Lod, level: Level, config: Config, textures: TextureCache) -> Ladder:
    def encode(target: TextureTarget) -> Scene:
        return encode_textures(lod.scene, target, textures)

    rungs = list(ladder(config.textures, level.texture_px, max_bytes=level.max_bytes))

    @cache
    def proxy(rung: int) -> int:
        target = rungs[rung][0]
        small = replace(target, px=max(1, target.px // _shrink(rungs[0][0])))
        return sum(len(image.data) for image in prune(encode(small)).images)

    return Ladder(rungs, encode, proxy)


def _shrink(finest: TextureTarget) -> int:
    return SHRINK if finest.px >= SMALL_PX else 1


def _first_scale(finest: TextureTarget) -> float:
    shrink = _shrink(finest)
    return GUESS * shrink**2 if shrink > 1 else 1.0


def _images(glb: Glb) -> int:
    return sum(len(image.data) for image in glb.lod.scene.images)


def _cannot_fit(smallest: Glb, most: int) -> LimitExceeded:
    images = _images(smallest)
    geometry = len(smallest.data) - images
    name = smallest.level
    share = max(0.1, (most - images) / geometry) * 0.9
    fewer = f"max_triangles to about {share:.0%} of what it is"
    return LimitExceeded(
        "E_LEVEL_BYTES",
        f"{name}: {len(smallest.data):,} bytes even with the smallest textures, max_bytes is {most:,} "
        f"(geometry and animation {geometry:,})",
        hint=f"lower [levels.{name}] {fewer}, or raise max_bytes to {len(smallest.data):,}",
    )
