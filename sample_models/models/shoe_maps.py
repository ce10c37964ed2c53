"""The shoe's 4096² maps: each material has a rectangle, each rectangle a pattern that tiles within it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from kit.patterns import Array, clouds, leather, normals_of, to_bytes, weave

# material -> rectangle: u, v, width, height
CELLS = {
    "knit": (0.0, 0.0, 1.0, 0.3125),
    "vent": (0.0, 0.3125, 0.5, 0.1875),
    "lining": (0.5, 0.3125, 0.5, 0.1875),
    "leather": (0.0, 0.5, 0.5, 0.25),
    "sole": (0.5, 0.5, 0.5, 0.25),
    "tread": (0.0, 0.75, 0.5, 0.25),
    "lace": (0.5, 0.75, 0.25, 0.25),
    "metal": (0.75, 0.75, 0.25, 0.25),
}


@dataclass(frozen=True, eq=False)
class Pattern:
    """A square tile: height 0..1, brightness, roughness, metalness, and whether there is cloth at all."""

    height: Array
    shade: Array | float = 1.0
    rough: Array | float = 0.8
    metal: float = 0.0
    alpha: Array | float = 1.0
    depth: float = 6.0  # pixels


def paint(px: int) -> Iterator[tuple[str, Array]]:
    """(name, pixels) of base colour with alpha, normal map, and occlusion-roughness-metalness."""
    colour, normal, packed = (
        np.empty((px, px, 4), np.uint8),
        np.empty((px, px, 3), np.uint8),
        np.empty((px, px, 3), np.uint8),
    )
    for name, pattern in _patterns().items():
        u, v, width, height = (round(value * px) for value in CELLS[name])
        window = np.s_[v : v + height, u : u + width]
        bright = to_bytes(pattern.shade * np.ones_like(pattern.height))
        opaque = to_bytes(pattern.alpha * np.ones_like(pattern.height))
        colour[window] = _tiled(np.stack([bright, bright, bright, opaque], axis=-1), height, width)
        normal[window] = _tiled(normals_of(pattern.height, pattern.depth), height, width)
        cavity = to_bytes(0.55 + 0.45 * pattern.height)
        rough = to_bytes(pattern.rough * np.ones_like(pattern.height))
        packed[window] = _tiled(
            np.stack([cavity, rough, np.full_like(rough, round(255 * pattern.metal))], axis=-1), height, width
        )
    _stitch(colour, normal, px)
    yield from (("shoe-colour", colour), ("shoe-normal", normal), ("shoe-orm", packed))


def _tiled(tile: Array, height: int, width: int) -> Array:
    size = tile.shape[0]
    return np.tile(tile, (-(-height // size), -(-width // size), 1))[:height, :width]


def _patterns() -> dict[str, Pattern]:
    knit, cloth, tint = _knit(256), *weave(256, 32, seed=81)
    hide = leather(512, 80, seed=82)
    grit = np.clip(0.5 + 0.25 * clouds(256, 83, finest=2, coarsest=12, slope=0.3), 0, 1)
    braid, braid_tint = weave(256, 16, seed=84)
    holes = _holes(128)
    fine = 0.5 + 0.15 * clouds(128, 85, finest=2, coarsest=16, slope=0)
    return {
        "knit": Pattern(knit, 0.62 + 0.36 * knit, 0.92),
        "vent": Pattern(holes, 0.70 + 0.28 * holes, 0.9, alpha=(holes > 0.35).astype(np.float32)),
        "lining": Pattern(cloth, 0.72 + 0.2 * cloth + 0.06 * tint, 0.95),
        "leather": Pattern(hide, 0.86 + 0.12 * hide, 0.62 - 0.18 * hide, depth=3.0),
        "sole": Pattern(grit, 0.94 + 0.05 * grit, 0.7, depth=1.2),
        "tread": Pattern(grit, 0.9 + 0.1 * grit, 0.85, depth=2.5),
        "lace": Pattern(braid, 0.70 + 0.22 * braid + 0.05 * braid_tint, 0.9),
        "metal": Pattern(fine, 0.95, 0.35, metal=1.0, depth=0.4),
    }


def _knit(px: int) -> Array:
    """Columns of V-shaped stitches."""
    y, x = np.mgrid[0:px, 0:px] / px
    across = (x * 16) % 1.0
    slant = y * 16 + np.abs(across - 0.5) * 1.1
    loop = np.abs(np.sin(slant * np.pi)) ** 0.6
    column = np.clip(np.sin(across * np.pi) * 1.5, 0, 1) * np.clip(np.abs(across - 0.5) * 9, 0.45, 1)
    return (loop * column).astype(np.float32)


def _holes(px: int) -> Array:
    """A net: threads round staggered holes, 1 on the threads."""
    y, x = np.mgrid[0:px, 0:px] / px * 4
    first = np.hypot(x % 1 - 0.5, (y % 1 - 0.5))
    second = np.hypot((x + 0.5) % 1 - 0.5, ((y + 0.5) % 1 - 0.5))
    return np.clip((np.minimum(first, second) - 0.13) * 5.5, 0, 1).astype(np.float32)


def _stitch(colour: Array, normal: Array, px: int) -> None:
    """Two seams along both long borders of each of the nine leather panels; painted in place."""
    u, v, width, height = (round(value * px) for value in CELLS["leather"])
    tall, wide = height // 3, width // 3
    for row, column, inset in ((r, c, i) for r in range(3) for c in range(3) for i in (0.11, 0.17, 0.82, 0.88)):
        top, left = v + height * row // 3 + round(tall * inset), u + width * column // 3
        line = np.s_[top : top + 5, left + 12 : left + wide - 12]
        thread = (np.arange(wide - 24) // 9) % 3 < 2
        colour[line][:, thread, :3] = 250
        colour[line][:, ~thread, :3] = 120
        normal[line][:, ~thread] = (128, 128, 255)
