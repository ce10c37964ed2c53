"""Primitives -> the columns of attributes that a surface carries, and what an error in each is worth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.directions import crosses
from assetpipe.geometry.flat import Facets, measure_facets
from assetpipe.geometry.kernels.threads import over_ranges
from assetpipe.geometry.surface import Floats

# What one unit of an attribute's error is worth, in metres of surface error.
UV_WORTH = (
    0.18  # of the length that the texture spans there: at 0.2 UVs drift a twentieth less (p99 0.21 texels of 4096, not
    # 0.22, on a polished body at 50 k triangles) and the shape strays as far as MeshLab's, at 0.3 2 % farther
)
NORMAL_WORTH = (
    0.00125  # of the asset's radius: four times as much costs an eighth of the shape (rms) for a fifth of the shading
)
COLOUR_WORTH = 0.01  # of the asset's radius: at half a pixel of 1024, a tenth of the range
SAMPLE = 20_000  # triangles that tell how far a texture spans
FEW = 64
ONE = np.float32(1)
DIRECTIONS = ("NORMAL", "TANGENT")
WIDTHS = {"TEXCOORD": 2, "NORMAL": 3, "COLOR": 4, "TANGENT": 3}


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive of TRIANGLES: a group of the surface."""

    mesh: int
    primitive: int
    source: Primitive
    scale: float
    """Metres per unit of the mesh."""
    copies: int
    flat: NDArray[np.bool_]
    """(vertices,) whose triangles each have their own normal: normals follow from triangles, so none are solved for."""

    @cached_property
    def facets(self) -> Facets:
        return measure_facets(self.source)


def find_columns(parts: Sequence[Part], kinds: Collection[str] = WIDTHS) -> Iterator[tuple[str, slice]]:
    """Attributes that vary somewhere; those that are the same all over need no solving."""
    found = {name for part in parts for name in part.source.attributes if name.split("_")[0] in kinds}
    names = sorted(found, key=lambda name: (not name.startswith("TEXCOORD"), name))  # the collapse looks for UVs first
    start = 0
    for name in names:
        if any(_varies(part, name) for part in parts):
            stop = start + WIDTHS[name.split("_")[0]]
            yield name, slice(start, stop)
            start = stop


def _varies(part: Part, name: str) -> bool:
    values = solved_attribute(part, name)
    if values is None:
        return False
    return any((rows != values[0]).any() for rows in (values[:FEW], values))  # as a rule the first tell


def solved_attribute(part: Part, name: str) -> Array | None:
    """Zeros for directions that follow from flat triangles, None where all do."""
    values = part.source.attributes.get(name)
    if values is None or name not in DIRECTIONS or not part.flat.any():
        return values
    return None if part.flat.all() else np.where(part.flat[:, None], values.dtype.type(0), values)


def uv_scales_of(parts: Sequence[Part], names: Sequence[str]) -> tuple[dict[str, Floats], dict[str, float]]:
    """And the metres that a unit of the scaled UVs spans, for each UV set."""
    scales, spans = {}, {}
    for name in names:
        span = np.array([_span(part, name) for part in parts])
        known = span[span > 0]
        spans[name] = float(np.exp(np.log(known).mean())) if len(known) else 0.0
        ratio = np.where(span > 0, span, spans[name] or 1.0) / (spans[name] or 1.0)
        scales[name] = np.exp2(np.round(np.log2(ratio))).astype(np.float32)
    return scales, spans


def _span(part: Part, name: str) -> float:
    """Metres that one unit of UV spans on the part; 0 when unknown."""
    uvs = part.source.attributes.get(name)
    if uvs is None:
        return 0.0
    triangles = part.source.indices.reshape(-1, 3)
    triangles = triangles[:: max(1, len(triangles) // SAMPLE)]
    surface = np.linalg.norm(crosses(part.source.positions, triangles), axis=1).sum() * part.scale**2
    a, b, c = (uvs[triangles[:, corner]].astype(np.float64) for corner in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    texture = np.abs(ux * vy - uy * vx).sum()
    return float(np.sqrt(surface / texture)) if texture > 0 and surface > 0 else 0.0


def fill_columns(parts: Sequence[Part], columns: Sequence[tuple[str, slice]], uv_scales: dict[str, Floats]) -> Floats:
    """(source vertices, k); zeros where a part has no such attribute, a missing alpha is 1."""
    width = columns[-1][1].stop if columns else 0
    blocks = []
    for at, part in enumerate(parts):
        block = np.zeros((len(part.source.positions), width), np.float32)
        for name, where in columns:
            values = solved_attribute(part, name)
            if values is not None:
                _fill(block[:, where], _padded(values, where), uv_scales[name][at] if name in uv_scales else ONE)
        blocks.append(block)
    return end_to_end(blocks)


def _fill(block: Array, values: Array, scale: np.float32) -> None:
    def work(first: int, last: int) -> None:
        np.multiply(values[first:last], scale, out=block[first:last])

    over_ranges(len(block), work)


def _padded(values: Array, where: slice) -> Array:
    width = where.stop - where.start
    if values.shape[1] >= width:
        return values[:, :width]
    return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=1)


def weigh_columns(columns: Sequence[tuple[str, slice]], spans: dict[str, float], radius: float) -> Floats:
    weights: list[float] = []
    for name, where in columns:
        kind = name.split("_")[0]
        worth = {"NORMAL": NORMAL_WORTH * radius, "COLOR": COLOUR_WORTH * radius, "TANGENT": 0.0}
        weights += [UV_WORTH * spans[name] if kind == "TEXCOORD" else worth[kind]] * (where.stop - where.start)
    return np.array(weights, np.float32)


def end_to_end(arrays: Sequence[Array]) -> Array:
    """Not copied where there is one."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
