"""Drawables -> their silhouettes from six sides, and how far two sets of them overlap.

A pixel belongs to a silhouette when its centre does: exactly, in integers, without anti-aliasing. Surfaces are culled
as a viewer culls them, and alpha is not asked: glass and the card of a cut-out count with their full outline, for what
a level may lose is geometry. (`likeness.py` sees alpha.) A million triangles take 0.5 s at 2160 px on two cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.kernels import load
from assetpipe.quality.cameras import Camera, views
from assetpipe.quality.drawables import Box, Drawable
from assetpipe.quality.kernels import coverage as kernels

BATCH = 1 << 21
"""Corners drawn at once: bounds the memory, and spares a thousand small parts a thousand launches."""


@dataclass(frozen=True, eq=False)
class Silhouettes:
    px: int
    packed: NDArray[np.uint8]
    """(views, px, ceil(px / 8)) eight pixels a byte: six views of 2160² take 3.5 MB"""

    def mask(self, view: int) -> NDArray[np.bool_]:
        """(px, px)"""
        return np.unpackbits(self.packed[view], axis=1, count=self.px).astype(bool)


@dataclass(frozen=True)
class Overlap:
    """Intersection over union, 0..1, of each view: front, right, back, left, top, bottom."""

    views: tuple[float, ...]

    @property
    def worst(self) -> float:
        return min(self.views)

    @property
    def mean(self) -> float:
        return sum(self.views) / len(self.views)


def take_silhouettes(drawables: Iterable[Drawable], box: Box, px: int) -> Silhouettes:
    """From the six sides of `box`, each view filled by it but for a margin of 1 %."""
    return Silhouettes(px, np.packbits(_covered(drawables, views(box), px), axis=2))


def overlap(one: Silhouettes, other: Silhouettes) -> Overlap:
    """Two views that both show nothing are alike: 1."""
    both = np.bitwise_count(one.packed & other.packed).sum(axis=(1, 2), dtype=np.int64)
    either = np.bitwise_count(one.packed | other.packed).sum(axis=(1, 2), dtype=np.int64)
    return Overlap(tuple(int(part) / int(whole) if whole else 1.0 for part, whole in zip(both, either, strict=True)))


def _covered(drawables: Iterable[Drawable], cameras: Sequence[Camera], px: int) -> NDArray[np.uint8]:
    """(cameras, px, px) of 0 and 1."""
    load(kernels.__name__)
    masks = np.zeros((len(cameras), px, px), np.uint8)
    lenses = [_lens(camera, px) for camera in cameras]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for batch in _batches(drawables):
            points, corners, both_sides = _joined(batch)
            tasks = [(points, corners, both_sides, lens, mask) for lens, mask in zip(lenses, masks, strict=True)]
            list(pool.map(lambda task: _draw(*task), tasks))
    return masks


def _draw(points: Any, corners: Any, both_sides: Any, lens: Any, mask: NDArray[np.uint8]) -> None:
    seen = wp.empty(len(points), dtype=wp.vec2i, device="cpu")
    covered = wp.array(mask, dtype=wp.uint8, device="cpu", copy=False)
    wp.launch(kernels.project, len(points), [points, lens, 0, seen], device="cpu")
    wp.launch(kernels.cover, len(both_sides), [corners, both_sides, seen, 0, covered], device="cpu")


def _lens(camera: Camera, px: int) -> Any:
    unit = int(kernels.SUBPIXELS) * px / 2
    lens = kernels.Lens()
    lens.eye = wp.vec3d(*camera.eye)
    lens.right, lens.up = (wp.vec3d(*(axis * (unit / float(axis @ axis)))) for axis in (camera.right, camera.up))
    lens.middle = unit - int(kernels.SUBPIXELS) / 2
    return lens


def _batches(drawables: Iterable[Drawable]) -> Iterator[list[Drawable]]:
    batch: list[Drawable] = []
    corners = 0
    for item in drawables:
        batch.append(item)
        corners += len(item.indices)
        if corners >= BATCH:
            yield batch
            batch, corners = [], 0
    if batch:
        yield batch


def _joined(batch: Sequence[Drawable]) -> tuple[Any, Any, Any]:
    starts = np.cumsum([0, *(len(item.positions) for item in batch)])
    points = np.concatenate([item.positions for item in batch]).astype(np.float32, copy=False)
    corners = np.concatenate(
        [item.indices.astype(np.int32) + start for item, start in zip(batch, starts, strict=False)]
    )
    sided = np.concatenate([np.full(len(item.indices) // 3, _double_sided(item), np.uint8) for item in batch])
    return (
        wp.array(points, dtype=wp.vec3, device="cpu"),
        wp.array(corners.astype(np.int32), dtype=int, device="cpu"),
        wp.array(sided, dtype=wp.uint8, device="cpu"),
    )


def _double_sided(item: Drawable) -> bool:
    return item.material is not None and item.material.double_sided
