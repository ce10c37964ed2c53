"""A level under its `max_bytes`: geometry is encoded once, textures step down a ladder until the file fits."""

from __future__ import annotations

from assetpipe.asset import Glb, Lod
from assetpipe.config import Config, Level
from assetpipe.container import encode_geometry, prune, write_glb
from assetpipe.errors import LimitExceeded
from assetpipe.textures import TextureCache, encode_textures, ladder


def fit(lod: Lod, level: Level, config: Config, cache: TextureCache) -> Glb:
    """The first rung whose file is small enough, found by bisection: every rung is smaller than the one above."""
    geometry = encode_geometry(lod.scene, config.compression)
    rungs = list(ladder(config.textures, level.texture_px))

    def attempt(rung: int) -> Glb:
        target, note = rungs[rung]
        scene = prune(encode_textures(lod.scene, target, cache))
        notes = (*lod.notes, note) if note else lod.notes
        return Glb(lod.level, write_glb(scene, geometry), Lod(lod.level, scene, notes))

    best = attempt(0)
    if len(best.data) <= level.max_bytes:
        return best
    low, high = 0, len(rungs) - 1  # `low` is known to be too large
    best = attempt(high)
    if len(best.data) > level.max_bytes:
        raise _cannot_fit(best, level)
    while high - low > 1:
        middle = (low + high) // 2
        glb = attempt(middle)
        if len(glb.data) <= level.max_bytes:
            best, high = glb, middle
        else:
            low = middle
    return best


def _cannot_fit(smallest: Glb, level: Level) -> LimitExceeded:
    images = sum(len(image.data) for image in smallest.lod.scene.images)
    geometry = len(smallest.data) - images
    fewer = int(level.max_triangles * max(0.1, (level.max_bytes - images) / geometry) * 0.9)
    lower, higher = f"max_triangles to about {fewer:,}", f"max_bytes to {len(smallest.data):,}"
    return LimitExceeded(
        "E_LEVEL_BYTES",
        f"{smallest.level}: {len(smallest.data):,} bytes even with the smallest textures, max_bytes is "
        f"{level.max_bytes:,} (geometry and animation {geometry:,})",
        hint=f"lower [levels.{smallest.level}] {lower}, or raise {higher}",
    )
