"""Maps and what of them is covered -> the same, every texel filled: no mip of a chart's edge shows what is foreign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import warp as wp

from assetpipe.baking.kernels import spread

BAND = 256
"""rows per task"""
Run = Callable[[Any, int, int, Sequence[Any]], None]
"""kernel, rows, columns, inputs; the kernel's `top` is the next input after those"""


def fill_gutters(maps: Sequence[Any], coverage: Any, rings: int, run: Run) -> None:
    """In place: (px, px, channels) arrays of the device. `coverage` (px, px) is 1 where covered, and stays so."""
    reached: Any = wp.clone(coverage)
    rows, columns = reached.shape
    for number in range(2, rings + 2):
        run(spread.grow, rows, columns, [reached, number])
        for texels in maps:
            run(spread.extend, rows, columns, [reached, number, texels])
    for texels in maps:
        _fade(texels, reached, run)


def _fade(texels: Any, known: Any, run: Run) -> None:
    height, width, channels = texels.shape
    if (height, width) == (1, 1):
        return
    half = ((height + 1) // 2, (width + 1) // 2)
    coarse = wp.zeros((*half, channels), dtype=wp.uint8, device=texels.device)
    coarse_known = wp.zeros(half, dtype=wp.uint8, device=texels.device)
    run(spread.shrink, *half, [texels, known, coarse, coarse_known])
    _fade(coarse, coarse_known, run)
    run(spread.fade, height, width, [texels, known, coarse])
