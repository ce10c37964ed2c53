"""Connected pieces of a state, and which of them vanish when nothing can be collapsed any more."""

from __future__ import annotations

import numpy as np

from assetpipe.geometry.kernels.state import Array, State
from assetpipe.groups import label_pieces


def drop_pieces(state: State, triangles: int) -> State:
    """Let whole pieces vanish, those with the smallest extent first, until `triangles` are drawn. The largest stays."""
    vertex = state.arrays["vertex"].reshape(-1, 3)
    faces = np.flatnonzero(state.alive)
    piece = _pieces(state)[vertex[faces, 0]]
    names, member = np.unique(piece, return_inverse=True)
    size = _extents(state, vertex[faces], (member, len(names)))
    drawn = np.bincount(member, weights=state.arrays["copies"][faces], minlength=len(names))
    order = np.argsort(size, kind="stable")[:-1]
    excess = state.drawn - triangles
    before = np.cumsum(drawn[order]) - drawn[order]
    gone = order[before < excess]
    if len(gone) == 0:
        return state
    lost = faces[np.isin(member, gone)]
    vertex[lost] = -1
    state.arrays["counts"][0] -= int(state.arrays["copies"][lost].sum())
    worst = (float(size[gone].max()) / 2) ** 2
    state.arrays["worst"][0] = max(float(state.arrays["worst"][0]), worst)
    return state


def _pieces(state: State) -> Array:
    """(v,) the lowest vertex of the piece that each vertex belongs to."""
    faces = state.arrays["vertex"].reshape(-1, 3)[state.alive]
    return label_pieces(faces, len(state.arrays["record"]))


def _extents(state: State, vertex: Array, pieces: tuple[Array, int]) -> Array:
    """(pieces,) diagonal of each piece's bounding box."""
    member, count = pieces
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    for corner in range(3):
        points = state.arrays["record"][vertex[:, corner], :3].astype(np.float64)
        np.minimum.at(low, member, points)
        np.maximum.at(high, member, points)
    return np.asarray(np.linalg.norm(high - low, axis=1))
