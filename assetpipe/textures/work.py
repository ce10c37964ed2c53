"""One image + use + target -> its bytes for a level, or about how many they are, through the cache."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Array, Image
from assetpipe.textures.cache import TextureCache
from assetpipe.textures.decode import Pixels, decode
from assetpipe.textures.encode import (
    MIMES,
    SMALL_TEXELS,
    Coding,
    Traits,
    coding_for,
    encode,
    is_blended,
    may_lose_grain,
)
from assetpipe.textures.filters import Size
from assetpipe.textures.grain import is_noise, loses_grain
from assetpipe.textures.info import image_info
from assetpipe.textures.resize import is_flat, resize, target_size
from assetpipe.textures.strip import strip_metadata
from assetpipe.textures.target import TextureTarget
from assetpipe.textures.uses import ImageUse

SAMPLED_SIDE = 2048
"""Below this an encoding is quick, and tiles would be too small to stand for the whole."""
TILES = 4
"""per side of the picture; each a sixteenth of the side, so that a sixteenth of the pixels is encoded"""


def decoded(image: Image, label: str, cache: TextureCache) -> Pixels:
    return cache.fetch((cache.digest(image), "decoded"), lambda: decode(image.data, label))


def encode_image(
    image: Image, label: str, use: ImageUse, target: TextureTarget, cache: TextureCache
) -> tuple[str, bytes]:
    """MIME type and bytes.

    The source's own bytes, bare of metadata, where they have the right type and size and encoding them again would not
    save any: each lossy encoding costs some quality.
    """
    info = image_info(image, label)
    size = target_size((info.width, info.height), target)
    same_size = size == (info.width, info.height)
    if same_size and target.format == "ktx2" and info.mime == MIMES["ktx2"]:
        return info.mime, bytes(image.data)  # what a GPU wants, in the codec that its author chose
    source = decoded(image, label, cache)
    small = same_size and info.width * info.height <= SMALL_TEXELS
    if is_flat(source, use):
        size, same_size = target_size((1, 1), target), False  # shows the same at any size
    pixels = _resized(image, source, use, size, cache)
    key = (cache.digest(image), use, size)
    coding = _coding(key, pixels, target, cache, small=small)
    data = cache.fetch((*key, coding), lambda: encode(pixels, use, coding))
    mime = MIMES[coding.kind]
    may_stay = same_size and info.mime == mime and source.array.dtype == np.uint8
    own = strip_metadata(image.data, info.mime) if may_stay else None
    return mime, own if own is not None and len(own) <= len(data) else data


def estimate_image(image: Image, label: str, use: ImageUse, target: TextureTarget, cache: TextureCache) -> int:
    """About as many bytes as `encode_image` would make, within a few per cent, for a sixteenth of the work: codecs
    spend their bytes block by block, so tiles taken evenly all over stand for the whole."""
    info = image_info(image, label)
    source = decoded(image, label, cache)
    size = target_size((info.width, info.height), target)
    if max(size) < SAMPLED_SIDE or is_flat(source, use):
        return len(encode_image(image, label, use, target, cache)[1])
    pixels = _resized(image, source, use, size, cache)
    key = (cache.digest(image), use, size)
    coding = _coding(key, pixels, target, cache)
    tiles = cache.fetch((*key, "tiles"), lambda: _tiles(pixels))
    return TILES**2 * len(cache.fetch((*key, coding, "tiles"), lambda: encode(tiles, use, coding)))


def _coding(
    key: tuple[str, ImageUse, Size], pixels: Pixels, target: TextureTarget, cache: TextureCache, *, small: bool = False
) -> Coding:
    """`key`: of the pixels. What they are like is asked once, whatever the rung is."""
    _, use, size = key
    quality = may_lose_grain(target, use)
    grainy = quality > 0 and cache.fetch((*key, "grain", quality), lambda: loses_grain(pixels, quality))
    shown = target.format == "webp" and max(size) < target.screen_px
    magnified = shown and (grainy or use.role == "data")
    blended = pixels.has_alpha and is_blended(use)
    noisy = blended and cache.fetch((*key, "noise"), lambda: is_noise(pixels.array[..., 3]))
    return coding_for(target, use, pixels, Traits(grainy, magnified, noisy, small))


def _tiles(pixels: Pixels) -> Pixels:
    rows, columns = (_evenly(side) for side in pixels.array.shape[:2])
    return Pixels(np.ascontiguousarray(pixels.array[rows][:, columns]))


def _evenly(side: int) -> Array:
    """The rows (or columns) of the tiles, side by side."""
    tile = side // TILES**2
    starts = [(2 * at + 1) * side // (2 * TILES) - tile // 2 for at in range(TILES)]
    return np.concatenate([np.arange(start, start + tile) for start in starts])


def _resized(image: Image, source: Pixels, use: ImageUse, size: Size, cache: TextureCache) -> Pixels:
    return cache.fetch((cache.digest(image), use, size), lambda: resize(source, use, size))
