"""Scene -> the same scene with the images of a level."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from assetpipe.asset import Scene
from assetpipe.textures.cache import TextureCache
from assetpipe.textures.drop import drop_maps
from assetpipe.textures.target import TextureTarget
from assetpipe.textures.uses import ImageUse, find_uses, image_label
from assetpipe.textures.work import encode_image

# An encoder is single-threaded and holds one image's working set: two at a time fill small machines within memory.
THREADS = 2


def encode_textures(scene: Scene, target: TextureTarget, cache: TextureCache, *, threads: int = THREADS) -> Scene:
    """Every image that a material shows, as `target` wants it; the others are left as they are."""
    scene = drop_maps(scene, target.dropped, cache)
    uses, warnings = find_uses(scene, cache.digest)
    same = _group_equals(scene, uses, cache)

    def run(use: ImageUse, index: int) -> tuple[str, bytes]:
        return encode_image(scene.images[index], image_label(scene, index), use, target, cache)

    images = list(scene.images)
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda group: run(group[0], group[1][0]), same)
        for (_, indices), (mime, data) in zip(same, results, strict=True):
            for index in indices:
                images[index] = replace(images[index], data=data, mime=mime)
    return replace(scene, images=tuple(images), warnings=(*scene.warnings, *warnings))


def _group_equals(scene: Scene, uses: dict[int, ImageUse], cache: TextureCache) -> list[tuple[ImageUse, list[int]]]:
    """Images with the same data and use are worked on once."""
    groups: dict[tuple[str, ImageUse], list[int]] = {}
    for index, use in uses.items():
        groups.setdefault((cache.digest(scene.images[index]), use), []).append(index)
    return [(use, indices) for (_, use), indices in groups.items()]
