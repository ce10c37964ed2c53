"""sRGB bytes to linear light and back, as tables: the same bytes on every machine."""

from __future__ import annotations

from functools import cache

import numpy as np

from assetpipe.asset import Array, Floats

STEPS = 65535


@cache
def linear_of_srgb() -> Floats:
    """(256,) byte -> 0..1"""
    return np.array([_linear(i / 255) for i in range(256)], np.float32)


@cache
def srgb_of_linear() -> Array:
    """(65536,) uint8: 65535ths of linear light -> the nearest byte."""
    borders = [STEPS * _linear((i + 0.5) / 255) for i in range(255)]
    found: Array = np.searchsorted(np.array(borders), np.arange(STEPS + 1)).astype(np.uint8)
    return found


def _linear(value: float) -> float:
    low, high = value / 12.92, ((value + 0.055) / 1.055) ** 2.4
    return float(low if value <= 0.04045 else high)
