"""Decoded textures -> one buffer of halved and halved copies, and the tables that read them.

Integers only: the same bytes on every machine. Colours are averaged in linear light, everything else as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.quality.drawables import Texture

Texels = NDArray[np.uint8]


def pyramid(texture: Texture, *, colour: bool, px: int) -> list[Texels]:
    """Levels from the finest that is not larger than `px` down to one texel."""
    levels = [np.ascontiguousarray(texture.pixels)]
    while levels[-1].shape[:2] != (1, 1):
        levels.append(_halved(levels[-1], colour=colour))
    return [level for level in levels if max(level.shape[:2]) <= px]


def packed(levels: Iterator[Texels]) -> NDArray[np.uint32]:
    """(texels,) red in the lowest byte."""
    flat = [np.ascontiguousarray(level).reshape(-1, 4).view("<u4").reshape(-1) for level in levels]
    return np.concatenate([*flat, np.zeros(1, np.uint32)])


@cache
def linear_of_srgb() -> Array:
    """(256,) uint16: a byte of sRGB as 65535ths of linear light."""
    return np.array([round(65535 * _linear(i / 255)) for i in range(256)], np.uint16)


@cache
def srgb_of_linear() -> NDArray[np.uint8]:
    """(65536,) the other way, to the nearest byte."""
    borders = [65535 * _linear((i + 0.5) / 255) for i in range(255)]
    return np.searchsorted(np.array(borders), np.arange(65536)).astype(np.uint8)


def _linear(value: float) -> float:
    low = value / 12.92
    high = ((value + 0.055) / 1.055) ** 2.4
    return float(low if value <= 0.04045 else high)


def _halved(texels: Texels, *, colour: bool) -> Texels:
    """As GPUs halve: the size is rounded down, an odd last row or column is left out."""
    height, width = texels.shape[:2]
    rows = 2 if height > 1 else 1
    columns = 2 if width > 1 else 1
    even = texels[: height // rows * rows, : width // columns * columns]
    if not colour:
        return _mean(even, rows, columns).astype(np.uint8)
    rgb = srgb_of_linear()[_mean(linear_of_srgb()[even[..., :3]], rows, columns)]
    return np.concatenate([rgb, _mean(even[..., 3:], rows, columns).astype(np.uint8)], axis=-1)


def _mean(values: Array, rows: int, columns: int) -> Array:
    parts = [values[i::rows, j::columns] for i in range(rows) for j in range(columns)]
    total = np.zeros(parts[0].shape, np.uint32)
    for part in parts:
        total = total + part
    return np.asarray((total + len(parts) // 2) // len(parts))
