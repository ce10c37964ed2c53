"""Seeds in, pictures out: height fields that tile, and the maps that are made of them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Array = NDArray[Any]


def clouds(px: int, seed: int, *, finest: float = 2.0, coarsest: float = 1e9, slope: float = 1.0) -> Array:
    """(px, px) float32 noise that tiles, mean 0 and deviation 1; wavelengths from `finest` to `coarsest` pixels.

    `slope` is the power by which amplitude grows with wavelength: 0 is white noise, 1 is pink, 2 is hills.
    """
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(px)[:, None], np.fft.rfftfreq(px)[None]).astype(np.float32)
    band = (frequency >= 1 / coarsest) & (frequency <= 1 / finest) & (frequency > 0)
    gain = np.where(band, np.maximum(frequency, 1e-6) ** -(slope + 0.5), 0)
    spectrum = np.fft.rfft2(rng.standard_normal((px, px), dtype=np.float32)) * gain
    field = np.fft.irfft2(spectrum, (px, px)).astype(np.float32)
    result: Array = field / max(float(field.std()), 1e-9)
    return result


def lumps(points: Array, cell: float, seed: int) -> Array:
    """(n,) noise of about -1..1 at (n, 3) points, with lumps `cell` metres apart."""
    table = np.random.default_rng(seed).uniform(-1, 1, (32, 32, 32)).astype(np.float32)
    at = points / cell + 1000.5
    low = np.floor(at).astype(np.int64)
    t = (at - low).astype(np.float32)
    t = t * t * (3 - 2 * t)
    total = np.zeros(len(points), np.float32)
    for corner in np.ndindex(2, 2, 2):
        x, y, z = ((low + corner) % 32).T
        total += table[x, y, z] * np.prod(np.where(corner, t, 1 - t), axis=1)
    return total * 1.7


def weave(px: int, threads: int, seed: int) -> tuple[Array, Array]:
    """Plain weave: (px, px) height 0..1, and a tint -1..1 that each thread keeps to. `threads` must be even."""
    rng = np.random.default_rng(seed)
    at = np.arange(px) / px * threads
    thread = at.astype(int) % threads
    over = (thread[:, None] + thread[None]) % 2 == 0
    dome = np.abs(np.sin(at * np.pi))
    warp = dome[None] ** 0.7 * (0.35 + 0.65 * dome[:, None])
    weft = dome[:, None] ** 0.7 * (0.35 + 0.65 * dome[None])
    tint = rng.uniform(-1, 1, (2, threads))
    height = np.where(over, warp, weft) + 0.12 * clouds(px, seed + 1, finest=2, coarsest=8, slope=0)
    shade = np.where(over, tint[0][thread][None], tint[1][thread][:, None])
    return np.clip(height, 0, 1).astype(np.float32), shade.astype(np.float32)


def leather(px: int, cells: int, seed: int) -> Array:
    """(px, px) height 0..1 of grained leather: pebbles round seeded points, with creases between them; it tiles."""
    rng = np.random.default_rng(seed)
    points = (
        np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1) + rng.uniform(0, 1, (cells, cells, 2))
    ) / cells
    at = (np.arange(px) + 0.5) / px
    cell = (at * cells).astype(int)
    near = np.full((2, px, px), 9.0, np.float32)  # distance to the nearest and the second nearest point
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            row, column = cell[:, None] + dy, cell[None] + dx
            point = points[row % cells, column % cells] + np.stack(
                [column // cells + 0 * row, row // cells + 0 * column], axis=-1
            )
            distance = np.hypot(point[..., 0] - at[None], point[..., 1] - at[:, None]).astype(np.float32) * cells
            near = np.stack([np.minimum(near[0], distance), np.maximum(near[0], np.minimum(near[1], distance))])
    return np.clip((near[1] - near[0]) * 1.8, 0, 1) ** 0.5


def wood(px: int, seed: int) -> Array:
    """(px, px) 0..1: grain that runs along u and tiles."""
    bend = clouds(px, seed, finest=px / 4, coarsest=px, slope=2)
    v = np.arange(px)[:, None] / px * 2 * np.pi
    rings = 0.5 + 0.5 * np.sin(7 * v + 0.9 * bend + 0.5 * np.sin(3 * v + bend))
    fibre = clouds(px, seed + 1, finest=2, coarsest=48, slope=0.4)
    return np.clip(0.65 * rings + 0.35 * (0.5 + 0.22 * stretched(fibre, 16)), 0, 1)


def stretched(field: Array, times: int) -> Array:
    """The field blurred along u over `times` pixels; it still tiles."""
    spread = np.fft.rfft(field, axis=1) * np.sinc(np.fft.rfftfreq(field.shape[1]) * times)
    result: Array = np.fft.irfft(spread, field.shape[1], axis=1) * times**0.5
    return result


def normals_of(height: ArrayLike, pixels_high: float) -> Array:
    """(h, w, 3) uint8 tangent-space normals of a height field that tiles; 1 is `pixels_high` pixels high."""
    field = np.asarray(height, np.float32) * pixels_high
    right = (np.roll(field, -1, axis=1) - np.roll(field, 1, axis=1)) / 2
    down = (np.roll(field, -1, axis=0) - np.roll(field, 1, axis=0)) / 2
    length = np.sqrt(right**2 + down**2 + 1)
    # glTF: green points up the picture, rows run down it
    return to_bytes(np.stack([-right / length, down / length, 1 / length], axis=-1) * 0.5 + 0.5)


def shades(level: Array, dark: str, light: str) -> Array:
    """(h, w, 3) uint8 sRGB between two #rrggbb colours."""
    low, high = (np.array([int(c[k : k + 2], 16) for k in (1, 3, 5)], np.float32) / 255 for c in (dark, light))
    return to_bytes(low + np.clip(level, 0, 1)[..., None].astype(np.float32) * (high - low))


def orm(occlusion: ArrayLike, roughness: ArrayLike, metallic: ArrayLike) -> Array:
    """(h, w, 3) uint8: glTF's packing of the three maps; any of them may be one number."""
    return to_bytes(np.stack(np.broadcast_arrays(occlusion, roughness, metallic), axis=-1))


def to_bytes(values: ArrayLike) -> Array:
    """0..1 to 0..255, rounded."""
    scaled = np.clip(np.asarray(values, np.float32), 0, 1) * np.float32(255) + np.float32(0.5)
    return scaled.astype(np.uint8)


def png(pixels: Array, level: int = 3) -> bytes:
    """(h, w, 3 or 4) uint8. Each row holds its difference to the row above: what repeats then packs well, and fast."""
    height, width, channels = pixels.shape
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = 2
    flat = pixels.reshape(height, -1)
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def jpeg(pixels: Array, quality: int = 88) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def linear(colour: str) -> list[float]:
    """#rrggbb as glTF's linear factors, rounded so that the JSON is short."""
    srgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return [round(float(c), 4) for c in np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)]
