# mypy: ignore-errors
"""Covered texels -> all texels: rings about the charts take their neighbours' mean, the rest fades into coarser means.

A texel of a pass reads only what earlier passes wrote: neither rows nor threads have an order.
"""

from __future__ import annotations

import warp as wp

from assetpipe.kernels import EXACT

wp.set_module_options(EXACT)


SPAN = wp.constant(32)
"""texels of a row that one thread looks through: most need nothing, and on a CPU a thread costs more than they do"""


@wp.func
def _reached(rings: wp.array2d(dtype=wp.uint8), y: int, x: int, number: int) -> int:
    """1 where an earlier pass has been."""
    if y < 0 or y >= rings.shape[0] or x < 0 or x >= rings.shape[1]:
        return 0
    ring = int(rings[y, x])
    if ring > 0 and ring < number:
        return 1
    return 0


@wp.func
def _neighbours(rings: wp.array2d(dtype=wp.uint8), y: int, x: int, number: int) -> int:
    count = wp.int32(0)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            count = count + _reached(rings, y + dy, x + dx, number)
    return count


@wp.kernel
def grow(rings: wp.array2d(dtype=wp.uint8), number: int, top: int):
    """`rings`: 1 where covered, 0 where not yet reached -> `number` where an earlier ring is next to it."""
    row, span = wp.tid()
    y = row + top
    for x in range(span * SPAN, wp.min(span * SPAN + SPAN, rings.shape[1])):
        if rings[y, x] == wp.uint8(0) and _neighbours(rings, y, x, number) > 0:
            rings[y, x] = wp.uint8(number)


@wp.func
def _mean(
    rings: wp.array2d(dtype=wp.uint8), texels: wp.array3d(dtype=wp.uint8), y: int, x: int, c: int, number: int
) -> wp.uint8:
    total = wp.int32(0)
    count = wp.int32(0)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            if _reached(rings, y + dy, x + dx, number) == 1:
                total = total + int(texels[y + dy, x + dx, c])
                count = count + 1
    return wp.uint8((total + count / 2) / wp.max(count, 1))


@wp.kernel
def extend(rings: wp.array2d(dtype=wp.uint8), number: int, texels: wp.array3d(dtype=wp.uint8), top: int):
    row, span = wp.tid()
    y = row + top
    for x in range(span * SPAN, wp.min(span * SPAN + SPAN, rings.shape[1])):
        if int(rings[y, x]) == number:
            for c in range(texels.shape[2]):
                texels[y, x, c] = _mean(rings, texels, y, x, c, number)


@wp.func
def _known_mean(fine: wp.array3d(dtype=wp.uint8), known: wp.array2d(dtype=wp.uint8), y: int, x: int, c: int) -> int:
    """Of the up to four texels that are known; -1: none is."""
    total = wp.int32(0)
    count = wp.int32(0)
    for k in range(4):
        fy, fx = wp.min(2 * y + k / 2, fine.shape[0] - 1), wp.min(2 * x + k % 2, fine.shape[1] - 1)
        if known[fy, fx] != wp.uint8(0):
            total = total + int(fine[fy, fx, c])
            count = count + 1
    if count == 0:
        return -1
    return (total + count / 2) / count


@wp.kernel
def shrink(
    fine: wp.array3d(dtype=wp.uint8),
    known: wp.array2d(dtype=wp.uint8),
    coarse: wp.array3d(dtype=wp.uint8),
    coarse_known: wp.array2d(dtype=wp.uint8),
    top: int,
):
    row, span = wp.tid()
    y = row + top
    for x in range(span * SPAN, wp.min(span * SPAN + SPAN, coarse.shape[1])):
        for c in range(fine.shape[2]):
            mean = _known_mean(fine, known, y, x, c)
            if mean >= 0:
                coarse[y, x, c] = wp.uint8(mean)
                coarse_known[y, x] = wp.uint8(1)


@wp.func
def _between(coarse: wp.array3d(dtype=wp.uint8), y: int, x: int, c: int) -> wp.uint8:
    h, w = coarse.shape[0], coarse.shape[1]
    y0, x0 = wp.min(y / 2, h - 1), wp.min(x / 2, w - 1)
    y1, x1 = wp.clamp(y0 + (y % 2) * 2 - 1, 0, h - 1), wp.clamp(x0 + (x % 2) * 2 - 1, 0, w - 1)
    total = 9 * int(coarse[y0, x0, c]) + 3 * int(coarse[y0, x1, c]) + 3 * int(coarse[y1, x0, c])
    return wp.uint8((total + int(coarse[y1, x1, c]) + 8) / 16)


@wp.kernel
def fade(
    fine: wp.array3d(dtype=wp.uint8), known: wp.array2d(dtype=wp.uint8), coarse: wp.array3d(dtype=wp.uint8), top: int
):
    """Unknown texels -> bilinear between those of the coarser copy, which is known everywhere."""
    row, span = wp.tid()
    y = row + top
    for x in range(span * SPAN, wp.min(span * SPAN + SPAN, fine.shape[1])):
        if known[y, x] == wp.uint8(0):
            for c in range(fine.shape[2]):
                fine[y, x, c] = _between(coarse, y, x, c)
