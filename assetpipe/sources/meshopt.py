"""A meshopt-compressed buffer view -> its bytes (EXT_meshopt_compression, KHR_meshopt_compression)."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Array, Json
from assetpipe.sources.document import Document

EXTENSIONS = ("KHR_meshopt_compression", "EXT_meshopt_compression")
# How many bytes one compressed byte can become at the very most: a vertex block of 256 elements stores each byte plane
# in 4 bytes of headers (version 0), four planes in one control byte (version 1); an index takes a byte, a triangle one.
MOST_BYTES = {"ATTRIBUTES": 1024, "TRIANGLES": 12, "INDICES": 4}


def decode_meshopt(document: Document, place: str, entry: Json, data: memoryview) -> Array:
    """(count * byteStride,) uint8."""
    count, stride, mode = int(entry["count"]), int(entry["byteStride"]), entry.get("mode", "ATTRIBUTES")
    filtering = entry.get("filter", "NONE")
    _check(document, place, entry, len(data))
    try:
        decoded = _decode(mode, count, stride, data)
    except (RuntimeError, ValueError) as error:
        raise document.refuse("E_MESHOPT", place, f"cannot be decompressed: {error}") from None
    if filtering != "NONE":
        decoded = FILTERS[filtering](decoded, stride)
    return np.ascontiguousarray(decoded).reshape(-1).view(np.uint8)


def _check(document: Document, place: str, entry: Json, size: int) -> None:
    count, stride, mode = entry["count"], entry["byteStride"], entry.get("mode", "ATTRIBUTES")
    filtering = entry.get("filter", "NONE")
    strides = {
        "NONE": range(4, 257, 4),
        "OCTAHEDRAL": (4, 8),
        "QUATERNION": (8,),
        "EXPONENTIAL": range(4, 257, 4),
        "COLOR": (4, 8),
    }
    allowed = strides[filtering] if mode == "ATTRIBUTES" else (2, 4)
    fault = ""
    if stride not in allowed or (mode != "ATTRIBUTES" and filtering != "NONE"):
        fault = f"byteStride {stride} is not possible with mode {mode} and filter {filtering}"
    elif mode == "TRIANGLES" and count % 3:
        fault = f"{count} indices are not whole triangles"
    elif count * stride > size * MOST_BYTES[mode] + 4096:
        fault = f"{size:,} bytes cannot hold {count:,} elements of {stride} bytes"
    if fault:
        raise document.refuse("E_MESHOPT", place, fault)


def _decode(mode: str, count: int, stride: int, data: memoryview) -> Array:
    """(count, stride) uint8. The wheel always fills 32 bit indices: asked for 16 bits it leaves them packed in half."""
    import meshoptimizer

    packed = np.frombuffer(data, np.uint8)
    if mode == "ATTRIBUTES":
        element = np.dtype((np.void, stride))
        vertices: Array = meshoptimizer.decode_vertex_buffer(count, stride, packed, dtype=element)
        rows: Array = vertices.view(np.uint8).reshape(count, stride)
        return rows
    decode = meshoptimizer.decode_index_buffer if mode == "TRIANGLES" else meshoptimizer.decode_index_sequence
    indices: Array = decode(count, 4, packed)
    if stride == 2 and int(indices.max(initial=0)) > 0xFFFF:
        raise ValueError("an index of more than 16 bits")
    return indices.astype("<u2" if stride == 2 else "<u4").view(np.uint8).reshape(count, stride)


def _octahedral(data: Array, stride: int) -> Array:
    """(n, 4) int8 or int16 (x, y, one, w) -> unit vectors, w kept. Octahedral normals after Cigolle et al. 2014."""
    packed = data.view("<i1" if stride == 4 else "<i2").reshape(len(data), 4)
    most = np.float32(127 if stride == 4 else 32767)
    x, y, one = (packed[:, i].astype(np.float32) for i in range(3))
    z = one - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0)
    x += np.where(x >= 0, fold, -fold)
    y += np.where(y >= 0, fold, -fold)
    length = np.sqrt(x * x + y * y + z * z)
    scale = most / np.maximum(length, np.float32(1e-30))
    axes = [_round(axis * scale) for axis in (x, y, z)]
    return np.stack([*axes, packed[:, 3].astype(np.float32)], axis=-1).astype(packed.dtype)


def _quaternion(data: Array, _stride: int) -> Array:
    """(n, 4) int16: three components, and in the fourth which one is left out (2 bits) and the scale of the others."""
    packed = data.view("<i2").reshape(len(data), 4)
    scale = np.float32(1 / np.sqrt(2)) / (packed[:, 3] | 3).astype(np.float32)
    x, y, z = (packed[:, i].astype(np.float32) * scale for i in range(3))
    w = np.sqrt(np.maximum(0, 1 - x * x - y * y - z * z))
    largest = (packed[:, 3] & 3).astype(np.int64)
    turned = np.zeros((len(data), 4), "<i2")
    for place, axis in zip((1, 2, 3, 0), (x, y, z, w), strict=True):
        turned[np.arange(len(data)), (largest + place) & 3] = _round(axis * np.float32(32767))
    return turned


def _exponential(data: Array, _stride: int) -> Array:
    """(n, k) int32: 8 bits of signed exponent, 24 of signed mantissa -> float32."""
    packed = data.view("<i4")
    with np.errstate(over="ignore"):
        floats: Array = np.ldexp(((packed << 8) >> 8).astype(np.float32), packed >> 24).astype("<f4")
    return floats


def _colour(data: Array, stride: int) -> Array:
    """(n, 4) uint8 or uint16: YCoCg and an alpha whose top bit tells the number of bits -> RGBA."""
    kind = ("<u1", "<i1") if stride == 4 else ("<u2", "<i2")
    packed = data.view(kind[1]).reshape(len(data), 4).astype(np.int64)
    alpha = data.view(kind[0]).reshape(len(data), 4)[:, 3].astype(np.int64)
    spread = alpha.copy()
    for shift in (1, 2, 4, 8):
        spread |= spread >> shift
    luma = data.view(kind[0]).reshape(len(data), 4)[:, 0].astype(np.int64)
    orange, green = packed[:, 1], packed[:, 2]
    red, blue = luma + orange - green, luma - orange - green
    opacity = ((alpha << 1) & spread) | (alpha & 1)
    most = np.float32(255 if stride == 4 else 65535)
    scale = most / np.maximum(spread, 1).astype(np.float32)
    planes = [(plane.astype(np.float32) * scale + np.float32(0.5)) for plane in (red, luma + green, blue, opacity)]
    colours: Array = np.clip(np.stack(planes, axis=-1), 0, most).astype(kind[0])
    return colours


def _round(values: Array) -> Array:
    """Half away from zero, as the reference decoder rounds."""
    rounded: Array = np.trunc(values + np.copysign(np.float32(0.5), values))
    return rounded


FILTERS = {"OCTAHEDRAL": _octahedral, "QUATERNION": _quaternion, "EXPONENTIAL": _exponential, "COLOR": _colour}
