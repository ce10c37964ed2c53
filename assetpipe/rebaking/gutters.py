"""A picture, the area that it shows, a pixel of the screen -> how far apart charts lie in it."""

from __future__ import annotations

import math

import numpy as np

from assetpipe.baking import Surface

FILL = 0.6
"""Of a square that charts cover."""
MOST = 4
"""Halvings: a picture that is shown smaller than that has charts of a few pixels."""
SHARE = 32
"""Gutters take no more than this part of a picture's side, but for 8 texels."""


def gutter(metres: float, side: int, pixel: float) -> int:
    """Texels between charts of a picture of `side` that shows so many square metres; a pixel of the screen spans
    `pixel` metres of them.

    On a mip level a lookup reaches a texel and a half of that level beyond a chart's edge: two of it for each of two
    neighbours keep them apart. That is done down to the level that a screen shows of a surface that faces it, and one
    more, for what is seen aslant.
    """
    texels = pixel * side * math.sqrt(FILL / max(metres, 1e-30))
    halvings = 1 + (math.ceil(math.log2(texels)) if texels > 1 else 0)
    return min(4 << min(halvings, MOST), max(8, side // SHARE))


def area(surface: Surface) -> float:
    """Square metres."""
    a, b, c = (surface.positions[surface.indices[at::3]].astype(np.float64) for at in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
