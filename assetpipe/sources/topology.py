"""Strips, fans, loops and unindexed primitives -> plain lists of triangles, lines or points."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import LINES, POINTS, TRIANGLES, Indices

LINE_LOOP, LINE_STRIP, TRIANGLE_STRIP, TRIANGLE_FAN = 2, 3, 5, 6
LIST_OF = {POINTS: POINTS, LINES: LINES, LINE_LOOP: LINES, LINE_STRIP: LINES}
CORNERS = {POINTS: 1, LINES: 2, TRIANGLES: 3}
LEAST = {LINE_LOOP: 2, LINE_STRIP: 2, TRIANGLE_STRIP: 3, TRIANGLE_FAN: 3}


def list_mode(mode: int) -> int:
    return LIST_OF.get(mode, TRIANGLES)


def as_list(mode: int, indices: Indices) -> Indices:
    """(n,) uint32 in `mode` -> (m,) uint32 in `list_mode(mode)`; winding as glTF 2.0, 3.7.2.1 defines it."""
    if mode == LINE_STRIP:
        return _pairs(indices[:-1], indices[1:])
    if mode == LINE_LOOP:
        return _pairs(indices, np.roll(indices, -1))
    if mode == TRIANGLE_STRIP:
        corners = np.stack([indices[:-2], indices[1:-1], indices[2:]], axis=-1)
        corners[1::2, 1:] = corners[1::2, :0:-1]
        return _proper(corners)
    if mode == TRIANGLE_FAN:
        hub = np.full(len(indices) - 2, indices[0], np.uint32)
        return _proper(np.stack([indices[1:-1], indices[2:], hub], axis=-1))
    return indices


def _pairs(starts: Indices, ends: Indices) -> Indices:
    pairs: Indices = np.stack([starts, ends], axis=-1).reshape(-1)
    return pairs


def _proper(corners: Indices) -> Indices:
    """Without the triangles that only join two strips."""
    a, b, c = corners.T
    proper: Indices = corners[(a != b) & (b != c) & (c != a)].reshape(-1)
    return proper
