"""Scene -> one lattice of positions per mesh, so that parts that touch still touch after quantisation.

The step is the asset's largest side over 2^bits, in metres; a mesh that nodes show at another scale gets the same step
in metres. All meshes shown at one scale share one lattice, origin included, so equal positions decode to equal bits
(draco#713: a lattice per primitive opens cracks).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Floats, Scene
from assetpipe.container.shown import Placement, placements

# float32 arithmetic inside Draco is exact up to this many bits.
MOST_BITS = 24
# Draco hands its options on as text with six decimals: an origin or range with more is silently another one.
DECIMAL = 1e-6


@dataclass(frozen=True)
class Grid:
    origin: tuple[float, float, float]
    range: float
    """Side of the cube that the lattice spans, mesh units."""
    bits: int
    """The lattice has 2^bits points along each axis."""

    @property
    def step(self) -> float:
        return self.range / float(2**self.bits - 1)

    def snap(self, positions: Floats) -> Floats:
        """The nearest lattice points, by the arithmetic of Draco's encoder and decoder, so that a primitive stored
        plain still meets its neighbour in a Draco buffer. positions: (n, 3) float32."""
        last = np.float32(2**self.bits - 1)
        origin, span = np.asarray(self.origin, np.float32), np.float32(self.range)
        scaled = (np.asarray(positions, np.float32) - origin) * (last / span)
        snapped: Floats = np.floor(scaled + np.float32(0.5)) * (span / last) + origin
        return snapped


def position_grids(scene: Scene, bits: int) -> tuple[Grid, ...]:
    """One per mesh; meshes shown at the same scale get the same one."""
    shown = placements(scene)
    boxes = [_mesh_box(scene, mesh) for mesh in range(len(scene.meshes))]
    step = _asset_size(shown, boxes) / (2**bits - 1)
    scales = _scales(shown, len(boxes))
    members: dict[float, list[Array]] = {}
    for box, scale in zip(boxes, scales, strict=True):
        members.setdefault(scale, []).append(box)
    grids = {scale: _span(_join(own), step / scale) for scale, own in members.items()}
    return tuple(grids[scale] for scale in scales)


def _scales(shown: Sequence[Placement], meshes: int) -> list[float]:
    """For each mesh, the largest at which a node shows it, to three digits so that rounding splits no group."""
    largest = [0.0] * meshes
    for placement in shown:
        largest[placement.mesh] = max(largest[placement.mesh], float(placement.scale))
    return [float(f"{scale:.3g}") or 1.0 for scale in largest]


def _mesh_box(scene: Scene, mesh: int) -> Array:
    """(2, 3) float64: least and greatest corner; NaN when the mesh is empty."""
    parts = [primitive.positions for primitive in scene.meshes[mesh].primitives if len(primitive.positions)]
    return _join([np.stack([part.min(axis=0), part.max(axis=0)]) for part in parts])


def _join(boxes: Sequence[Array]) -> Array:
    solid = [box for box in boxes if np.isfinite(box).all()]
    if not solid:
        return np.full((2, 3), np.nan)
    return np.stack([np.min([box[0] for box in solid], axis=0), np.max([box[1] for box in solid], axis=0)]).astype(
        float
    )


def _asset_size(shown: Sequence[Placement], boxes: Sequence[Array]) -> float:
    """Largest side of the box around everything shown, metres; around the meshes themselves when no node shows one."""
    box = _join(boxes) if not shown else _shown_box(shown, boxes)
    size = float((box[1] - box[0]).max())
    return size if size > 0 else 1.0


def _shown_box(shown: Sequence[Placement], boxes: Sequence[Array]) -> Array:
    """By the corners of each mesh's box in each place."""
    low, high = np.array([boxes[placement.mesh] for placement in shown]).transpose(1, 0, 2)
    matrices = np.array([placement.matrix for placement in shown])
    centre, half = (low + high) / 2, (high - low) / 2
    middle = np.einsum("nij,nj->ni", matrices[:, :3, :3], centre) + matrices[:, :3, 3]
    reach = np.einsum("nij,nj->ni", np.abs(matrices[:, :3, :3]), half)
    return _join(list(np.stack([middle - reach, middle + reach], axis=1)))


def _span(box: Array, step: float) -> Grid:
    """The smallest lattice of at most this step (1 % more where that saves a bit) that covers the box."""
    if not np.isfinite(box).all():
        return Grid((0.0, 0.0, 0.0), 1.0, 1)
    origin = np.floor(box[0] / DECIMAL) * DECIMAL
    size = max(math.ceil(float((box[1] - origin).max()) / DECIMAL), 1) * DECIMAL
    bits = min(max(math.ceil(math.log2(size / step * 0.99 + 1)), 1), MOST_BITS)
    whole = math.floor(step * (2**bits - 1) / DECIMAL) * DECIMAL
    x, y, z = (_decimal(value) for value in origin)
    return Grid((x, y, z), _decimal(max(whole, size)), bits)


def _decimal(value: float) -> float:
    """The float32 that Draco's options make of it."""
    return float(np.float32(f"{np.float32(value):.6f}"))
