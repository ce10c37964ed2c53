"""A sheet while it is painted, and the patches on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assetpipe.asset import Array
from assetpipe.atlas.kernels.cover import Ints, own_texels
from assetpipe.atlas.looks import Atlas
from assetpipe.atlas.lookups import Doubles
from assetpipe.atlas.outlines import Outline
from assetpipe.atlas.paints import Paint
from assetpipe.slots import Sheet

MASK = 1 << 26
"""Texels of a plane beyond which averages take all that they cover."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A sheet while it is painted: the one thing that is written into, each texel by one patch alone."""

    atlas: Atlas
    sheet: Sheet
    components: str
    half: int
    """how many times the sheet is half the layout's size"""
    texels: Array
    """(h, w, components) uint8"""
    filled: Array
    """(h, w) uint8"""

    @property
    def cell(self) -> int:
        return self.atlas.layout.cell >> self.half


@dataclass(frozen=True, eq=False)
class Piece:
    """A patch on a canvas."""

    outline: Outline
    paint: Paint
    number: int
    """in the layout"""
    canvas: Canvas

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, width, height in texels of the sheet"""
        layout, cell = self.canvas.atlas.layout, self.canvas.cell
        (left, top), (_, _, width, height) = layout.places[self.number], layout.boxes[self.number]
        return int(left) * cell, int(top) * cell, int(width) * cell, int(height) * cell

    @cached_property
    def faces(self) -> Ints:
        """Triangles of the outline."""
        first = self.canvas.atlas.layout.first
        local = self.number - int(first[np.searchsorted(first, self.number, "right") - 1])
        return self.outline.faces(local)

    @cached_property
    def plane(self) -> Doubles:
        """(3 t, 2) corners of the triangles in the outline's plane"""
        points: Doubles = self.outline.points[self.outline.corners[self.faces].reshape(-1)]
        return points

    @cached_property
    def shown(self) -> tuple[Doubles, Array] | None:
        """The corner of a mask in the outline's plane, and the mask: (h, w) uint8, the texels that triangles show."""
        low = np.floor(self.plane.min(axis=0)) - 1
        width, height = (int(side) + 2 for side in np.ceil(self.plane.max(axis=0)) - low)
        if width * height > MASK:
            return None
        corners = np.arange(len(self.plane)).reshape(-1, 3)
        return low, (own_texels(self.plane - low, corners, (0, 0, width, height)) >= 0).astype(np.uint8)

    @property
    def scale(self) -> float:
        """Texels of the sheet per texel of the plane."""
        return float(self.canvas.atlas.layout.scale[self.number]) / (1 << self.canvas.half)

    @property
    def shift(self) -> Doubles:
        moved: Doubles = self.canvas.atlas.layout.shift[self.number] / (1 << self.canvas.half)
        return moved

    @cached_property
    def mask(self) -> Array:
        """(height, width) bool: the cells that the patch keeps, in texels"""
        cells = self.canvas.atlas.layout.mask(self.number) > 0
        return cells.repeat(self.canvas.cell, axis=0).repeat(self.canvas.cell, axis=1)


def keeper(canvas: Canvas) -> Ints:
    """(h / cell, w / cell) the patch that keeps each cell, -1: none"""
    layout = canvas.atlas.layout
    found = np.full((layout.size[1] // layout.cell, layout.size[0] // layout.cell), -1, np.int32)
    for number, ((left, top), (_, _, width, height)) in enumerate(zip(layout.places, layout.boxes, strict=True)):
        window = found[top : top + height, left : left + width]
        window[layout.mask(number) > 0] = number
    return found
