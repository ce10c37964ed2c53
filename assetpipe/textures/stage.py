"""Scene -> the same scene with the images of a level."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Semaphore
from typing import TypeVar

from assetpipe.asset import Image, Scene
from assetpipe.textures.cache import TextureCache
from assetpipe.textures.drop import drop_maps
from assetpipe.textures.target import TextureTarget
from assetpipe.textures.uses import ImageUse, find_uses, image_label
from assetpipe.textures.work import encode_image, estimate_image

Result = TypeVar("Result")

# An encoder is single-threaded and holds one image's working set: two at a time fill small machines within memory.
THREADS = 2
AT_WORK = Semaphore(THREADS)
"""For all levels together, which may be encoded at the same time."""


def encode_textures(scene: Scene, target: TextureTarget, cache: TextureCache, *, threads: int = THREADS) -> Scene:
    """Every image that a material shows, as `target` wants it; the others are left as they are."""
    scene = drop_maps(scene, target.dropped, cache)
    uses, warnings = find_uses(scene, cache.digest)
    images = list(scene.images)
    for indices, (mime, data) in _each_group(scene, uses, encode_image, target, cache, threads):
        for index in indices:
            images[index] = replace(images[index], data=data, mime=mime)
    return replace(scene, images=tuple(images), warnings=(*scene.warnings, *warnings))


def estimate_textures(scene: Scene, target: TextureTarget, cache: TextureCache, *, threads: int = THREADS) -> int:
    """About how many bytes the images of `encode_textures` take together, each counted once."""
    scene = drop_maps(scene, target.dropped, cache)
    uses, _ = find_uses(scene, cache.digest)
    return sum(size for _, size in _each_group(scene, uses, estimate_image, target, cache, threads))


def _each_group(
    scene: Scene,
    uses: dict[int, ImageUse],
    work: Callable[[Image, str, ImageUse, TextureTarget, TextureCache], Result],
    target: TextureTarget,
    cache: TextureCache,
    threads: int,
) -> list[tuple[list[int], Result]]:
    """`work` on each picture, and the images that show it."""
    groups = _group_equals(scene, uses, cache)

    def run(group: tuple[ImageUse, list[int]]) -> tuple[list[int], Result]:
        use, indices = group
        with AT_WORK:
            return indices, work(scene.images[indices[0]], image_label(scene, indices[0]), use, target, cache)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, groups))


def _group_equals(scene: Scene, uses: dict[int, ImageUse], cache: TextureCache) -> list[tuple[ImageUse, list[int]]]:
    """Images with the same data and use are worked on once; the largest first, so that two threads end together."""
    groups: dict[tuple[str, ImageUse], list[int]] = {}
    for index, use in uses.items():
        groups.setdefault((cache.digest(scene.images[index]), use), []).append(index)
    largest_first = sorted(groups.items(), key=lambda item: -len(scene.images[item[1][0]].data))
    return [(use, indices) for (_, use), indices in largest_first]
