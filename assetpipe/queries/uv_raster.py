"""Flat triangles -> which texels they cover, and which of them lie on texels that another one has taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]
FAR = wp.constant(1.0e8)
INSIDE = 1e-3  # texels²: a centre nearer to an edge is in neither triangle, so neighbours never share one


@dataclass(frozen=True, eq=False)
class Painted:
    """Sheets of texels, one after the other, row by row."""

    owners: Ints
    """(texels,) the first triangle over each texel's centre, or -1"""
    clashes: Ints
    """(f,) texels of each triangle that belong to one before it"""


@dataclass(frozen=True)
class Cover:
    once: int
    """Texels that a triangle covers, or more."""
    twice: int
    """Those of them that two triangles cover, or more."""

    @property
    def overlap(self) -> float:
        return self.twice / max(self.once, 1)


def paint(corners: Array, sheets: Array, of: Array) -> Painted:
    """corners: (f, 3, 2) texels on sheets; sheets: (s, 2) width and height; of: (f,) the sheet of each triangle."""
    load(__name__)
    inputs, texels = _laid_out(corners, sheets, of)
    owners = wp.full(texels, -1, dtype=int, device="cpu")
    clashes = wp.zeros(len(of), dtype=int, device="cpu")
    wp.launch(_paint, dim=1, inputs=[*inputs, owners, clashes], device="cpu")
    return Painted(owners.numpy(), clashes.numpy())


def cover(corners: Array, sheets: Array, of: Array) -> Cover:
    """As `paint`. However many triangles lie on one another (cards of hair share the whole picture, 60,000 of them),
    each texel is looked at twice: a look at each for each triangle took six minutes."""
    load(__name__)
    inputs, texels = _laid_out(corners, sheets, of)
    covered = wp.zeros(texels, dtype=wp.bool, device="cpu")
    ahead = wp.array(np.arange(texels + 1, dtype=np.int32), dtype=int, device="cpu")
    counts = wp.zeros(2, dtype=int, device="cpu")
    wp.launch(_cover, dim=1, inputs=[*inputs, covered, ahead, counts], device="cpu")
    once, twice = counts.numpy().tolist()
    return Cover(once, twice)


def cover_square(corners: Array, side: int) -> Cover:
    """corners: (f, 3, 2) texels, all on one sheet."""
    return cover(corners, np.array([[side, side]]), np.zeros(len(corners)))


def _laid_out(corners: Array, sheets: Array, of: Array) -> tuple[list[Any], int]:
    """For kernels; and the texels of all sheets."""
    sizes = sheets.astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes[:, 0] * sizes[:, 1])])
    flat = wp.array(np.ascontiguousarray(corners.reshape(-1, 2), np.float32), dtype=wp.vec2, device="cpu")
    ints = [wp.array(np.ascontiguousarray(array, np.int32), dtype=int, device="cpu") for array in (starts, sheets, of)]
    return [flat, *ints], int(starts[-1])


@wp.func
def _edge(a: wp.vec2, b: wp.vec2, p: wp.vec2) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.func
def _crossed(a: wp.vec2, b: wp.vec2, y: float) -> wp.vec2:
    """From where to where the edge may cross the line at `y`; the first is the larger where it does not."""
    low, high = wp.min(a[1], b[1]), wp.max(a[1], b[1])
    if high - low < 1.0:  # so level that rounding moves the place: anywhere along it
        if y < low - 1.0 or y > high + 1.0:
            return wp.vec2(FAR, -FAR)
        return wp.vec2(wp.min(a[0], b[0]), wp.max(a[0], b[0]))
    if y < low or y > high:
        return wp.vec2(FAR, -FAR)
    x = a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1]))
    return wp.vec2(x, x)


@wp.func
def _box(a: wp.vec2, b: wp.vec2, c: wp.vec2, width: int, height: int) -> wp.vec4i:
    """Left, right, top and bottom of the texels that a triangle may cover."""
    return wp.vec4i(
        wp.max(int(wp.floor(wp.min(wp.min(a[0], b[0]), c[0]) - 0.5)), 0),
        wp.min(int(wp.ceil(wp.max(wp.max(a[0], b[0]), c[0]) + 0.5)), width),
        wp.max(int(wp.floor(wp.min(wp.min(a[1], b[1]), c[1]) - 0.5)), 0),
        wp.min(int(wp.ceil(wp.max(wp.max(a[1], b[1]), c[1]) + 0.5)), height),
    )


@wp.func
def _span(a: wp.vec2, b: wp.vec2, c: wp.vec2, y: int, box: wp.vec4i) -> wp.vec2i:
    """Those of a row. Not the whole box: a fan of 20,000 triangles took 12 s, all of it for texels beside them."""
    middle = float(y) + 0.5
    ab, bc, ca = _crossed(a, b, middle), _crossed(b, c, middle), _crossed(c, a, middle)
    low, high = wp.min(wp.min(ab, bc), ca)[0], wp.max(wp.max(ab, bc), ca)[1]
    return wp.vec2i(wp.max(box[0], int(wp.floor(low - 1.5))), wp.min(box[1], int(wp.ceil(high + 1.5))))


@wp.func
def _is_within(a: wp.vec2, b: wp.vec2, c: wp.vec2, side: float, x: int, y: int) -> bool:
    p = wp.vec2(float(x) + 0.5, float(y) + 0.5)
    return side * _edge(a, b, p) > INSIDE and side * _edge(b, c, p) > INSIDE and side * _edge(c, a, p) > INSIDE


@wp.kernel
def _paint(
    corners: wp.array(dtype=wp.vec2),
    starts: wp.array(dtype=int),
    sheets: wp.array2d(dtype=int),
    sheet_of: wp.array(dtype=int),
    owners: wp.array(dtype=int),
    clashes: wp.array(dtype=int),
) -> None:
    for f in range(sheet_of.shape[0]):
        s = sheet_of[f]
        a, b, c = corners[3 * f], corners[3 * f + 1], corners[3 * f + 2]
        side = wp.sign(_edge(a, b, c))
        box = _box(a, b, c, sheets[s, 0], sheets[s, 1])
        for y in range(box[2], box[3]):
            span = _span(a, b, c, y, box)
            for x in range(span[0], span[1]):
                if _is_within(a, b, c, side, x, y):
                    at = starts[s] + y * sheets[s, 0] + x
                    if owners[at] >= 0:
                        clashes[f] = clashes[f] + 1
                    else:
                        owners[at] = f


@wp.func
def _open_from(ahead: wp.array(dtype=int), texel: int) -> int:
    """The first from here on that two triangles do not cover yet."""
    at = texel + 0
    while ahead[at] != at:
        ahead[at] = ahead[ahead[at]]
        at = ahead[at]
    return at


@wp.kernel
def _cover(
    corners: wp.array(dtype=wp.vec2),
    starts: wp.array(dtype=int),
    sheets: wp.array2d(dtype=int),
    sheet_of: wp.array(dtype=int),
    covered: wp.array(dtype=wp.bool),
    ahead: wp.array(dtype=int),
    counts: wp.array(dtype=int),
) -> None:
    for f in range(sheet_of.shape[0]):
        s = sheet_of[f]
        a, b, c = corners[3 * f], corners[3 * f + 1], corners[3 * f + 2]
        side = wp.sign(_edge(a, b, c))
        box = _box(a, b, c, sheets[s, 0], sheets[s, 1])
        if box[0] >= box[1]:
            continue
        for y in range(box[2], box[3]):
            row = starts[s] + y * sheets[s, 0]
            if _open_from(ahead, row + box[0]) >= row + box[1]:
                continue
            span = _span(a, b, c, y, box)
            if span[0] >= span[1]:
                continue
            at = _open_from(ahead, row + span[0])
            while at < row + span[1]:
                if _is_within(a, b, c, side, at - row, y):
                    if covered[at]:
                        counts[1] = counts[1] + 1
                        ahead[at] = at + 1
                    else:
                        counts[0] = counts[0] + 1
                        covered[at] = True
                at = _open_from(ahead, at + 1)
