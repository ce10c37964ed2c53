"""Texels that patches show -> the rest of the cells that patches keep, filled from them.

Each cell belongs to one patch and is filled from its own texels, or from a neighbour of the same patch: whatever mip
level averages whole cells, or parts of one, it never averages two patches.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
STEP = 7
"""Every so many texels count into the mean."""


def dilate(texels: Array, filled: Array, keeper: Array) -> None:
    """Writes into `texels` (h, w, c) uint8 where `filled` (h, w) uint8 is 0. `keeper`: (h / cell, w / cell) the patch
    that keeps each cell; where that is -1, nobody does, the mean is what costs an encoder least. The first two arrays
    are the caller's own, and written into."""
    load(__name__)
    cell = len(texels) // len(keeper)
    given = [wp.array(each, dtype=wp.uint8, device="cpu", copy=False) for each in (texels, filled)]
    cells = wp.array(np.ascontiguousarray(keeper, np.int32), dtype=int, device="cpu")
    state = wp.zeros(keeper.shape, dtype=int, device="cpu")
    wp.launch(_spread, dim=keeper.shape, inputs=[*given, cells, cell, state], device="cpu")
    wp.launch(_borrow, dim=keeper.shape, inputs=[*given, cells, cell, state], device="cpu")
    shown = texels[::STEP, ::STEP][filled[::STEP, ::STEP] > 0]
    mean = np.rint(shown.mean(axis=0)).astype(np.int32) if len(shown) else np.zeros(texels.shape[2], np.int32)
    rest = wp.vec4i(*np.pad(mean, (0, 4 - len(mean))).tolist())
    wp.launch(_level, dim=keeper.shape, inputs=[given[0], cells, cell, rest], device="cpu")


@wp.func
def _mean(
    texels: wp.array3d(dtype=wp.uint8), filled: wp.array2d(dtype=wp.uint8), y: int, x: int, box: wp.vec4i
) -> bool:
    """Of the neighbours inside the cell (left, top, right, bottom) that are filled; whether there was one."""
    count = wp.int32(0)
    sums = wp.vec4i(0, 0, 0, 0)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            inside = y + dy >= box[1] and y + dy < box[3] and x + dx >= box[0] and x + dx < box[2]
            if inside and filled[y + dy, x + dx] != wp.uint8(0):
                count += 1
                for k in range(texels.shape[2]):
                    sums[k] += int(texels[y + dy, x + dx, k])
    if count == 0:
        return False
    for k in range(texels.shape[2]):
        texels[y, x, k] = wp.uint8((2 * sums[k] + count) // (2 * count))
    filled[y, x] = wp.uint8(2)
    return True


@wp.kernel
def _spread(
    texels: wp.array3d(dtype=wp.uint8),
    filled: wp.array2d(dtype=wp.uint8),
    keeper: wp.array2d(dtype=int),
    cell: int,
    state: wp.array2d(dtype=int),
) -> None:
    row, column = wp.tid()
    if keeper[row, column] < 0:
        return
    box = wp.vec4i(column * cell, row * cell, (column + 1) * cell, (row + 1) * cell)
    some = wp.int32(0)
    whole = wp.int32(1)
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            if filled[y, x] != wp.uint8(0):
                some = wp.int32(1)
            else:
                whole = wp.int32(0)
    state[row, column] = some
    if some == 0 or whole == 1:
        return
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            if filled[y, x] == wp.uint8(0):
                _mean(texels, filled, y, x, box)
    for i in range(cell):
        for j in range(cell):
            y = box[3] - 1 - i
            x = box[2] - 1 - j
            if filled[y, x] == wp.uint8(0):
                _mean(texels, filled, y, x, box)
    for i in range(cell):
        for x in range(box[0], box[2]):
            y = box[3] - 1 - i
            if filled[y, x] == wp.uint8(0):
                _mean(texels, filled, y, x, box)


@wp.kernel
def _borrow(
    texels: wp.array3d(dtype=wp.uint8),
    filled: wp.array2d(dtype=wp.uint8),
    keeper: wp.array2d(dtype=int),
    cell: int,
    state: wp.array2d(dtype=int),
) -> None:
    """Cells without a texel of their own, at a patch's corners: the nearest texels of a neighbour, sides first."""
    row, column = wp.tid()
    if keeper[row, column] < 0 or state[row, column] != 0:
        return
    best = wp.int32(3)
    from_y = wp.int32(-1)
    from_x = wp.int32(-1)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            y = row + dy
            x = column + dx
            if y >= 0 and x >= 0 and y < keeper.shape[0] and x < keeper.shape[1]:
                far = dy * dy + dx * dx
                if keeper[y, x] == keeper[row, column] and state[y, x] == 1 and far < best:
                    best = far
                    from_y = y
                    from_x = x
    if from_y < 0:
        return
    for y in range(row * cell, (row + 1) * cell):
        for x in range(column * cell, (column + 1) * cell):
            sy = wp.clamp(y, from_y * cell, from_y * cell + cell - 1)
            sx = wp.clamp(x, from_x * cell, from_x * cell + cell - 1)
            for k in range(texels.shape[2]):
                texels[y, x, k] = texels[sy, sx, k]
            filled[y, x] = wp.uint8(2)


@wp.kernel
def _level(texels: wp.array3d(dtype=wp.uint8), keeper: wp.array2d(dtype=int), cell: int, mean: wp.vec4i) -> None:
    row, column = wp.tid()
    if keeper[row, column] >= 0:
        return
    for y in range(row * cell, (row + 1) * cell):
        for x in range(column * cell, (column + 1) * cell):
            for k in range(texels.shape[2]):
                texels[y, x, k] = wp.uint8(mean[k])
