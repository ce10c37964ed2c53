"""Colour with coverage (base colour of BLEND and MASK materials): resized without fringes and without thinning."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Array
from assetpipe.textures.decode import Pixels, vips_pixels
from assetpipe.textures.filters import CODE_OF_LIGHT, Size, shrink, to_light

TRANSPARENT = 1e-6


def resize_covered(pixels: Pixels, size: Size, cutoff: float | None) -> Pixels:
    """Each texel's light counts as much as it covers."""
    rgba = pixels.vips
    full = 65535 if rgba.format == "ushort" else 255
    alpha = rgba[3].cast("float") / full
    both = vips_pixels(shrink((to_light(rgba[:3]).cast("float") * alpha).bandjoin(alpha), size))
    cover = both[..., 3:].clip(0, 1)
    light = np.round(both[..., :3] / np.maximum(cover, TRANSPARENT)).clip(0, 65535).astype(np.uint16)
    if cutoff is not None:
        cover = keep_coverage(cover, _covered(pixels, cutoff), cutoff)
    return Pixels(np.concatenate([CODE_OF_LIGHT[light], np.round(cover * 255).astype(np.uint8)], axis=-1))


def keep_coverage(cover: Array, share: float, cutoff: float) -> Array:
    """Scaled so that as many texels pass the test as in the source: averaged lace would thin out, level by level.

    Castaño, "Computing alpha mipmaps", 2010. `cover`: (height, width, 1) float32, 0..1; `share`: of texels that pass.
    """
    passing = round(share * cover.size)
    if passing in (0, cover.size) or cutoff <= 0:
        return cover
    first_out, last_in = _around(np.sort(cover, axis=None), passing)
    # Any threshold between the two will do: the one that changes least.
    threshold = min(max(cutoff, first_out + 1 / 512), last_in)
    return cover if threshold <= TRANSPARENT else (cover * (cutoff / threshold)).clip(0, 1)


def _around(ranked: Array, passing: int) -> tuple[float, float]:
    """The values below and above the best threshold; equal ones pass together or fail together, whichever is nearer."""
    value = ranked[-passing]
    start, end = np.searchsorted(ranked, value, "left"), np.searchsorted(ranked, value, "right")
    with_equals, without = len(ranked) - start, len(ranked) - end
    if without and passing - without < with_equals - passing:
        return float(value), float(ranked[end])
    return (float(ranked[start - 1]) if start else 0.0), float(value)


def fill_hidden(pixels: Pixels) -> Pixels:
    """Colour that nothing covers takes that of the nearest covered texels.

    GPUs filter colour and coverage apart, so a black that was hidden in the file shows as a dark fringe on screen.
    A pyramid of covered averages, read from the coarsest level down; one level is at most a quarter of the image.
    """
    hidden = pixels.array[..., 3] == 0
    if not hidden.any() or hidden.all():
        return pixels
    rgba = pixels.vips
    half = vips_pixels((rgba[:3] * rgba[3]).bandjoin(rgba[3]).cast("float").shrink(2, 2, ceil=True))
    colour = np.round(_fill(half[..., :3], half[..., 3:])).astype(np.uint8)
    filled = pixels.array.copy()
    filled[..., :3][hidden] = _double(colour, hidden.shape)[hidden]
    return Pixels(filled)


def _fill(weighted: Array, cover: Array) -> Array:
    """Colour times cover, and cover -> colour everywhere."""
    plain = weighted / np.maximum(cover, TRANSPARENT)
    if cover.size == 1 or (cover > 0).all():
        return plain
    coarse = _fill(_halve(weighted), _halve(cover))
    return np.where(cover > 0, plain, _double(coarse, cover.shape))


def _halve(values: Array) -> Array:
    """Sums of 2 x 2; an odd border is padded with nothing."""
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    sums: Array = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, -1).sum(axis=(1, 3))
    return sums


def _double(values: Array, shape: tuple[int, ...]) -> Array:
    return values.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]


def _covered(pixels: Pixels, cutoff: float) -> float:
    """The share of texels that pass the test alpha >= cutoff."""
    alpha = pixels.array[..., 3]
    return float(np.count_nonzero(alpha >= cutoff * np.iinfo(alpha.dtype).max)) / alpha.size
