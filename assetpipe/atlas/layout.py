"""Outlines -> their patches' places in a sheet: sizes, densities, cells.

A cell is one texel of the coarsest mip level that must not bleed: that which the coarsest level's screen shows. A patch
keeps every cell that a bilinear lookup reads on that level, and moves by whole cells: what it keeps is nobody else's on
any level down to that one, and at a scale of one its texels, and their averages, are the source's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.atlas.kernels.cover import Bytes, Ints, cover_cells
from assetpipe.atlas.kernels.packing import pack
from assetpipe.atlas.lookups import Doubles
from assetpipe.atlas.outlines import Outline

SMALLEST = 16
LEAST_CELL = 4
"""Texels; what block compression works on."""
SQUEEZE = 0.9
"""The least that a patch is scaled by to fit between a sheet's edges, or two of them side by side."""
FLAT = 16
"""Texels of the coarsest level, per side, that a patch of one colour takes: the block in which WebP and JPEG mix the
colours of neighbours. At four the gadget's grey grille came out blue, like the shell beside it."""
LEAST_DENSITY = 1e-6
"""Of what the sharpest patch has: everything is one cell by then."""
SHARE = 32
"""Padding is no wider than this part of a sheet's side, but for blocks."""
SHARES = (1.0, 0.95, 0.9)
"""Of their scale that patches may keep so that padding is as wide as screens ask."""
FACING = 0.99
SEARCH = 7
"""Halvings of the interval in which the density is looked for: within 2 %."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Patches are numbered through all outlines, in order."""

    size: tuple[int, int]
    """(width, height) in texels"""
    block: int
    """texels per texel of the mip level below the coarsest level's picture"""
    cell: int
    """texels per side, a power of two, a block or more"""
    scale: Doubles
    """(p,) texels of the sheet per texel of the outline's plane"""
    boxes: Ints
    """(p, 4) left, top, width, height in cells of the patch's own plane"""
    places: Ints
    """(p, 2) left and top in cells of the sheet"""
    cells: Bytes
    """row by row of each box, 1 where the patch keeps the cell"""
    starts: Ints
    """(p + 1,) where each patch's cells begin"""
    first: Ints
    """(outlines + 1,) the first patch of each outline"""

    @property
    def shift(self) -> Ints:
        """(p, 2) texels that patches move by, after they were scaled"""
        moved: Ints = (self.places - self.boxes[:, :2]) * self.cell
        return moved

    @property
    def fill(self) -> float:
        """The share of the sheet that patches keep."""
        return int(self.cells.sum()) * self.cell**2 / (self.size[0] * self.size[1])

    def mask(self, patch: int) -> Bytes:
        _, _, width, height = self.boxes[patch]
        return self.cells[self.starts[patch] : self.starts[patch + 1]].reshape(height, width)


@dataclass(frozen=True, eq=False)
class Patches:
    """What the search for a layout asks again and again."""

    points: Doubles
    corners: Ints
    patch: Ints
    """(t,)"""
    low: Doubles
    """(p, 2) of the box, in texels of the plane"""
    high: Doubles
    density: Doubles
    """(p,) texels of the plane per metre of surface; 0 where there is nothing to tell by"""
    metres: Doubles
    """(p,) square metres"""
    finest: Doubles
    """(p,) the largest scale that shows anything; 0 for a patch of one colour"""
    texels: Doubles
    """(p,) at the finest, roughly"""
    first: Ints
    """(outlines + 1,)"""


def gather(outlines: Sequence[Outline]) -> Patches:
    first = np.concatenate([[0], np.cumsum([each.patches for each in outlines])]).astype(np.int32)
    vertices = np.concatenate([[0], np.cumsum([len(each.points) for each in outlines])])
    points = np.concatenate([each.points for each in outlines])
    corners = np.concatenate([each.corners + start for each, start in zip(outlines, vertices, strict=False)])
    patch = np.concatenate([each.patch + start for each, start in zip(outlines, first, strict=False)])
    low, high = np.full((first[-1], 2), np.inf), np.full((first[-1], 2), -np.inf)
    for k in range(3):
        np.minimum.at(low, patch, points[corners[:, k]])
        np.maximum.at(high, patch, points[corners[:, k]])
    metres, texels = (np.concatenate(parts) for parts in zip(*((o.areas, o.texels) for o in outlines), strict=True))
    density = np.sqrt(np.divide(texels, metres, out=np.zeros_like(texels), where=metres > 0))
    own = [each.finest if each.lookups else 0.0 for each in outlines]
    finest = np.repeat(own, [each.patches for each in outlines])
    # A box is at most full, and its triangles may lie over each other.
    return Patches(
        points=points,
        corners=corners.astype(np.int32),
        patch=patch.astype(np.int32),
        low=low,
        high=high,
        density=density,
        metres=metres,
        finest=finest,
        texels=np.minimum(texels, (high - low).prod(axis=1)) * finest**2,
        first=first,
    )


def sizes(px: int) -> list[tuple[int, int]]:
    """Widths and heights that are powers of two, neither more than four times the other: those with fewest texels
    first, and of these the squarest, for that keeps most texels on a level whose longest side is limited."""
    sides = [side for side in (1 << at for at in range(15)) if SMALLEST <= side <= px]
    every = [(width, height) for width in sides for height in sides if max(width, height) <= 4 * min(width, height)]
    return sorted(every, key=lambda size: (size[0] * size[1], max(size), -size[0]))


@dataclass(frozen=True)
class Terms:
    """On which patches are laid out."""

    size: tuple[int, int]
    coarsest: int
    """the longest side of the coarsest level's picture"""
    cell: int
    density: float = np.inf
    """texels per metre that no patch exceeds"""
    abreast: int = 1
    """so many whole pictures are to fit side by side"""
    share: float = 1.0
    """of the scale that patches would have"""


def lay_out(
    patches: Patches, candidates: Sequence[tuple[int, int]], coarsest: int, pixel: float = 0.0
) -> Layout | None:
    """The smallest size that holds everything as sharp as it is; else the largest, and patches are made coarser, the
    sharpest first, so that what had to give comes out equally sharp all over. None for more patches than have room
    at any sharpness: a thousand plain colours. `pixel`: metres that a pixel of the coarsest level's screen spans."""
    for size in candidates:
        for abreast in (1, 2) if patches.texels.sum() <= size[0] * size[1] else ():
            terms = Terms(size, coarsest, block_of(size, coarsest), abreast=abreast)
            found = attempt(patches, terms)
            if found:
                return _padded(patches, found, terms, pixel)
    return _densest(patches, candidates[-1], coarsest, pixel)


def attempt(patches: Patches, terms: Terms) -> Layout | None:
    size, cell = terms.size, terms.cell
    with np.errstate(divide="ignore"):
        densest = np.where(patches.density > 0, terms.density / patches.density, np.inf)
    scale = np.minimum(patches.finest, densest) * terms.share
    for number in range(1, terms.abreast + 1):
        scale = _squeezed(patches, scale, (size[0] // number, size[1] // number), cell)
    boxes = _boxes(patches, scale / cell)
    flat, side = patches.finest == 0, max(2, FLAT * max(1, max(size) // terms.coarsest) // cell)
    boxes[flat] = (-side // 2, -side // 2, side, side)
    if boxes[:, 2].max() > size[0] // cell or boxes[:, 3].max() > size[1] // cell:
        return None
    cells, starts = cover_cells(patches.points, patches.corners, patches.patch, boxes, scale / cell)
    cells[np.repeat(flat, np.diff(starts))] = 1
    if int(cells.sum()) * cell**2 > size[0] * size[1]:
        return None
    masks = [
        cells[starts[at] : starts[at + 1]].reshape(height, width) > 0 for at, (_, _, width, height) in enumerate(boxes)
    ]
    places = pack(masks, (size[0] // cell, size[1] // cell))
    if places is None:
        return None
    return Layout(size, block_of(size, terms.coarsest), cell, scale, boxes, places, cells, starts, patches.first)


def _padded(patches: Patches, found: Layout, terms: Terms, pixel: float) -> Layout:
    """The same with the widest padding, up to what the coarsest level's screen asks for, that costs no larger sheet and
    next to no sharpness."""
    cell = min(_wanted(patches, found, pixel), max(found.size) // SHARE)
    while cell > found.cell:
        for share in SHARES:
            wider = attempt(patches, replace(terms, cell=cell, share=share))
            if wider:
                return wider
        cell //= 2
    return found


def _wanted(patches: Patches, found: Layout, pixel: float) -> int:
    """A texel of the mip level that a pixel shows of what faces the camera, of all but a hundredth of the surface.
    Twice that, for what is seen aslant, took a tenth more bytes on the gadget, whose leather goes on all over its
    padding; this takes 4 %."""
    texels = patches.density * found.scale * pixel
    order = np.argsort(texels, kind="stable")
    areas = np.cumsum(patches.metres[order])
    at = int(np.searchsorted(areas, FACING * areas[-1]))
    shown = float(texels[order[min(at, len(order) - 1)]])
    return 1 << math.ceil(math.log2(shown)) if shown > 1 else 0


def _squeezed(patches: Patches, scale: Doubles, size: tuple[int, int], cell: int) -> Doubles:
    """A patch that fills its picture from edge to edge, or a tile, is too large, with its padding, for a sheet of that
    size: it gives a little rather than that the sheet doubles."""
    room = (np.array(size) - 2 * cell) / np.maximum((patches.high - patches.low) * scale[:, None], 1e-9)
    given: Doubles = np.where(room.min(axis=1) < SQUEEZE, 1.0, np.minimum(room.min(axis=1), 1.0))
    return scale * given


def block_of(size: tuple[int, int], coarsest: int) -> int:
    """The coarsest level's picture, and one mip level below it."""
    return max(LEAST_CELL, 1 << (max(1, max(size) // coarsest).bit_length()))


def _densest(patches: Patches, size: tuple[int, int], coarsest: int, pixel: float) -> Layout | None:
    terms = Terms(size, coarsest, block_of(size, coarsest))
    known = float((patches.density * patches.finest).max())
    low, high = known / 2, known
    found = attempt(patches, replace(terms, density=low)) if known > 0 else None
    while found is None:
        low, high = low / 2, low
        if low <= known * LEAST_DENSITY:
            return None
        found = attempt(patches, replace(terms, density=low))
    for _ in range(SEARCH):
        middle = float(np.sqrt(low * high))
        better = attempt(patches, replace(terms, density=middle))
        if better:
            low, found = middle, better
        else:
            high = middle
    return _padded(patches, found, replace(terms, density=low), pixel)


def _boxes(patches: Patches, scale: Doubles) -> Ints:
    low = np.floor(patches.low * scale[:, None] - 0.5)
    high = np.floor(patches.high * scale[:, None] + 0.5)
    boxes: Ints = np.concatenate([low, high - low + 1], axis=1).astype(np.int32)
    return boxes
