"""Code values of pictures -> what they stand for, and back: light for colours, vectors for normals, else the share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array

Doubles = NDArray[np.float64]
STEPS = 65535


def _light(code: Array) -> Doubles:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _code(light: Array) -> Array:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


SHARE_OF_CODE: Doubles = np.arange(256) / 255
LIGHT_OF_CODE = _light(SHARE_OF_CODE)
VECTOR_OF_CODE: Doubles = SHARE_OF_CODE * 2 - 1
CODE_OF_LIGHT = np.round(_code(np.arange(STEPS + 1) / STEPS) * 255).astype(np.uint8)
CODE_OF_SHARE = np.round(np.arange(STEPS + 1) / STEPS * 255).astype(np.uint8)
# The full range 0..65535 onto 0..255, rounded: x / 257, not the high byte.


def meanings(role: str, component: str) -> Doubles:
    """(256,) float64"""
    if component == "a" or role == "data":
        return SHARE_OF_CODE
    return LIGHT_OF_CODE if role == "colour" else VECTOR_OF_CODE


def encoded(values: Array, role: str, component: str) -> NDArray[np.uint8]:
    """0..1 (what lies outside is clipped) -> uint8"""
    steps = np.rint(np.clip(values, 0, 1) * STEPS).astype(np.uint16)
    codes: NDArray[np.uint8] = (CODE_OF_LIGHT if role == "colour" and component != "a" else CODE_OF_SHARE)[steps]
    return codes


def encoded_normals(vectors: Array, bend: float) -> Array:
    """(..., 3) of any length -> uint8; x and y multiplied with `bend` first. What has no direction points out."""
    bent = vectors * np.array([bend, bend, 1.0])
    length = np.linalg.norm(bent, axis=-1, keepdims=True)
    unit = np.where(length > 1e-6, bent / np.maximum(length, 1e-6), [0.0, 0.0, 1.0])
    return np.rint((unit + 1) * 127.5).astype(np.uint8)


def tables(role: str, channels: int) -> Array:
    """(channels, 256)"""
    return np.stack([meanings(role, part) for part in "rgba"[:channels]])


def flat_codes(values: Sequence[float], role: str, components: str) -> Array:
    """One texel of these values; normals come as shares of their range already."""
    kind = "data" if role == "normal" else role
    return np.array([encoded(np.array(v), kind, part) for v, part in zip(values, components, strict=True)], np.uint8)
