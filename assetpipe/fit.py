"""A level under its `max_bytes`: geometry is encoded once, textures step down a ladder until the file fits.

Encoding three maps of 4096² takes seconds, a rung takes all of them, and a ladder has fifteen. So the rungs are
compared by estimates from tiles, and only the rung in question is encoded in full, sometimes its neighbour too, instead
of the five of a bisection.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from assetpipe.asset import Glb, Lod, Scene
from assetpipe.config import Config, Level
from assetpipe.container import encode_geometry, prune, write_glb
from assetpipe.errors import LimitExceeded
from assetpipe.textures import TextureCache, TextureTarget, encode_textures, estimate_textures, ladder

SMOOTH = 0.8
"""True bytes over estimated bytes, at best: the edges of tiles predict badly, which costs 0 (noise) to 20 % and more
(smooth maps). Estimates start as they are, so that the first full encoding fits as a rule."""


@dataclass(frozen=True)
class Ladder:
    """A level's rungs, and what is known of their size."""

    rungs: list[tuple[TextureTarget, str]]
    encode: Callable[[TextureTarget], Scene]
    estimate: Callable[[int], int]
    """Rung -> about the bytes of its images."""
    scales: dict[int, float] = field(default_factory=dict)
    """Side in pixels -> true bytes over estimated bytes, where an encoding of that side has told."""

    def side(self, rung: int) -> int:
        return self.rungs[rung][0].px

    def expected(self, rung: int) -> float:
        return self.scales.get(self.side(rung), 1.0) * self.estimate(rung)

    def learn(self, rung: int, images: int) -> None:
        self.scales[self.side(rung)] = images / max(1, self.estimate(rung))
        if rung:
            self.scales.setdefault(self.side(rung - 1), SMOOTH)

    def first_within(self, images: int) -> int:
        """The first rung whose images should take no more than `images` bytes; the last when none does."""
        low, high = 0, len(self.rungs) - 1
        while low < high:
            middle = (low + high) // 2
            if self.expected(middle) <= images:
                high = middle
            else:
                low = middle + 1
        return low


def fit(lod: Lod, level: Level, config: Config, textures: TextureCache) -> Glb:
    """The file of the first rung that fits, as far as the estimates tell neighbours apart."""
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
    while best - worst > 1:
        rung = min(max(steps.first_within(most - bare), worst + 1), best - 1)
        glb = attempt(rung)
        bare = len(glb.data) - _images(glb)
        steps.learn(rung, _images(glb))
        if len(glb.data) > most:
            worst = rung
        elif rung == 0 or steps.expected(rung - 1) > most - bare:
            return glb
        else:
            best = rung
    if best == len(steps.rungs):
        raise _cannot_fit(attempt(best - 1), most)
    return attempt(best)


def _ladder(lod: Lod, level: Level, config: Config, textures: TextureCache) -> Ladder:
    def encode(target: TextureTarget) -> Scene:
        return encode_textures(lod.scene, target, textures)

    rungs = list(ladder(config.textures, level.texture_px, screen_px=level.screen_px, max_bytes=level.max_bytes))

    @cache
    def estimate(rung: int) -> int:
        return estimate_textures(lod.scene, rungs[rung][0], textures)

    return Ladder(rungs, encode, estimate)


def _images(glb: Glb) -> int:
    return sum(len(image.data) for image in glb.lod.scene.images)


def _cannot_fit(smallest: Glb, most: int) -> LimitExceeded:
    images = _images(smallest)
    geometry = len(smallest.data) - images
    name = smallest.level
    hierarchy = len(json.dumps([node.json for node in smallest.lod.scene.nodes], separators=(",", ":")))
    share = max(0.1, (most - images) / geometry) * 0.9
    fewer = f"lower [levels.{name}] max_triangles to about {share:.0%} of what it is"
    if hierarchy > geometry / 2:
        fewer = f"join parts in the source ({len(smallest.lod.scene.nodes):,} nodes take {hierarchy:,} bytes)"
    return LimitExceeded(
        "E_LEVEL_BYTES",
        f"{name}: {len(smallest.data):,} bytes even with the smallest textures, max_bytes is {most:,} "
        f"(geometry and animation {geometry:,})",
        hint=f"{fewer}, or raise max_bytes to {len(smallest.data):,}",
    )
