"""Surface -> State -> Surface: the arrays that the kernels work in, and the way back at each target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.geometry.kernels.founding import thread_corners
from assetpipe.geometry.kernels.order import morton_order
from assetpipe.geometry.kernels.records import KEY, NEAR, RECORD, RING, Mesh
from assetpipe.geometry.surface import Surface

Array = NDArray[Any]
KERNEL_TYPES = {
    "mu": wp.float64,
    "choice": wp.float64,
    "counts": wp.int64,
    "worst": wp.float64,
    "kind": wp.int8,
}


@dataclass(frozen=True, eq=False)
class State:
    """What `Mesh` says of each array; the kernels write into these very arrays."""

    arrays: dict[str, Array]
    face: Array
    """(f,) face of the surface that each face is."""
    solved: int
    """Columns that steer the collapse; they come first."""
    columns: Array
    """(k,) column of the surface that each column is."""
    scale: float
    """Metres to internal units, a power of two."""

    @property
    def drawn(self) -> int:
        return int(self.arrays["counts"][0])

    @property
    def alive(self) -> Array:
        """(f,) bool."""
        return np.asarray(self.arrays["vertex"][::3] >= 0)

    @property
    def keys(self) -> Array:
        return np.asarray(self.arrays["record"][:, KEY])

    @property
    def textured(self) -> bool:
        return self.solved >= 2 and self.columns[:2].tolist() == [0, 1]


def as_mesh(state: State, stage: int) -> Any:
    """The arrays, not copied, as the kernels take them."""
    mesh = Mesh()
    for name, array in state.arrays.items():
        kind = KERNEL_TYPES.get(name, wp.float32 if array.dtype == np.float32 else wp.int32)
        setattr(mesh, name, wp.array(array, dtype=kind, copy=False, device="cpu"))
    mesh.k = len(state.columns)
    mesh.solved = state.solved
    mesh.textured = int(state.textured)
    mesh.stage = stage
    return mesh


def with_own_scratch(state: State) -> State:
    """The same surface for another thread."""
    shared = state.arrays
    own = {name: np.zeros_like(shared[name]) for name in ("ring", "near", "choice", "counts")}
    return replace(state, arrays={**shared, **own, "slot": np.full_like(shared["slot"], -1)})


def lay_out(surface: Surface) -> State:
    """Vertices, then wedges and faces, in the order of the Morton curve; faces without three vertices left out."""
    order = morton_order(surface.positions)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    wedge_rank = rank[surface.wedge_vertex]
    wedges = np.argsort(wedge_rank, kind="stable").astype(np.int32)
    new_wedge = np.empty(len(wedges), np.int32)
    new_wedge[wedges] = np.arange(len(wedges), dtype=np.int32)
    at = wedge_rank[surface.corners]
    whole = (at[:, 0] != at[:, 1]) & (at[:, 1] != at[:, 2]) & (at[:, 2] != at[:, 0])
    faces = np.argsort(at.min(axis=1), kind="stable") if len(at) else np.zeros(0, np.int64)
    faces = faces[whole[faces]].astype(np.int32)
    scale = _scale(surface.positions)
    columns = np.argsort(surface.weights <= 0, kind="stable")
    values = np.ascontiguousarray(surface.attributes[wedges][:, columns], np.float32)
    source = np.ascontiguousarray(surface.positions[surface.wedge_vertex] * np.float32(scale))
    arrays = {
        "vertex": np.ascontiguousarray(at[faces].reshape(-1)),
        "wedge": np.ascontiguousarray(new_wedge[surface.corners[faces]].reshape(-1)),
        "copies": np.ascontiguousarray(surface.copies[faces], np.int32),
        "record": _records(surface.positions[order] * np.float32(scale)),
        "value": _wide(values),
        "seed": wedges,
        "source": _wide(source),
        "mu": _wide((surface.weights[columns].astype(np.float64) * scale) ** 2),
        "low": _wide(values.min(axis=0, initial=np.inf)),
        "high": _wide(values.max(axis=0, initial=-np.inf)),
        "worst": np.zeros(1, np.float64),
    }
    solved = int((surface.weights > 0).sum())
    arrays["slope"] = np.zeros((len(wedges), max(1, 3 * solved)), np.float32)
    arrays["weight"] = np.zeros(len(wedges), np.float32)
    return _thread(State(arrays, faces, solved, columns, scale))


def compact(state: State) -> State:
    """Only what lives, in the same order."""
    old = state.arrays
    faces = np.flatnonzero(state.alive)
    corners = (faces[:, None] * 3 + np.arange(3)).reshape(-1)
    vertices, vertex = _used(old["vertex"][corners], len(old["record"]))
    wedges, wedge = _used(old["wedge"][corners], len(old["value"]))
    arrays = {
        **old,
        "vertex": vertex,
        "wedge": wedge,
        "copies": old["copies"][faces],
        "record": old["record"][vertices],
        **{name: old[name][wedges] for name in ("value", "slope", "weight", "seed")},
    }
    return _thread(replace(state, arrays=arrays, face=state.face[faces]))


def extract(state: State, surface: Surface) -> Surface:
    """What lives, as a surface of its own."""
    old = state.arrays
    faces = np.flatnonzero(state.alive)
    corners = (faces[:, None] * 3 + np.arange(3)).reshape(-1)
    vertices, vertex = _used(old["vertex"][corners], len(old["record"]))
    wedges, wedge = _used(old["wedge"][corners], len(old["value"]))
    wedge_vertex = np.zeros(len(wedges), np.int32)
    wedge_vertex[wedge] = vertex
    attributes = np.empty((len(wedges), len(state.columns)), np.float32)
    attributes[:, state.columns] = old["value"][wedges][:, : len(state.columns)]
    return Surface(
        positions=old["record"][vertices, :3] / np.float32(state.scale),
        corners=wedge.reshape(-1, 3),
        wedge_vertex=wedge_vertex,
        attributes=attributes,
        weights=surface.weights,
        group=surface.group[state.face[faces]],
        copies=surface.copies[state.face[faces]],
        origin=surface.origin[old["seed"][wedges]],
    )


def _thread(state: State) -> State:
    """Lists of corners and scratch for arrays that have just been laid out."""
    vertices = len(state.arrays["record"])
    valence = int(np.bincount(state.arrays["vertex"], minlength=1).max(initial=0))
    rows = max(2 * RING, 2 * valence + 2)
    fresh = {
        "next": np.empty(len(state.arrays["vertex"]), np.int32),
        "head": np.full(vertices, -1, np.int32),
        "slot": np.full(vertices, -1, np.int32),
        "kind": np.zeros(vertices, np.int8),
        "ring": np.zeros(rows, np.int32),
        "near": np.zeros((rows, NEAR), np.int32),
        "choice": np.zeros((rows, 5), np.float64),
        "counts": np.array([state.arrays["copies"].sum(dtype=np.int64), 0, 0, 0]),
    }
    lists = [wp.array(array, dtype=wp.int32, copy=False, device="cpu")
             for array in (state.arrays["vertex"], fresh["head"], fresh["next"])]  # fmt: skip
    wp.launch(thread_corners, dim=1, inputs=lists, device="cpu")
    return replace(state, arrays={**state.arrays, **fresh})


def _records(positions: Array) -> Array:
    records = np.zeros((len(positions), RECORD), np.float32)
    records[:, :3] = positions
    return records


def _used(index: Array, size: int) -> tuple[Array, Array]:
    """Which of `size` rows are used, and the index into only those."""
    used = np.zeros(size, bool)
    used[index] = True
    new = np.cumsum(used, dtype=np.int32) - 1
    return np.flatnonzero(used), np.ascontiguousarray(new[index].astype(np.int32))


def _scale(positions: Array) -> float:
    extent = float(np.abs(positions).max(initial=0.0))
    return float(2.0 ** -np.ceil(np.log2(extent))) if extent > 0 else 1.0


def _wide(array: Array) -> Array:
    """Warp takes no array with an axis of length 0."""
    if array.size:
        return np.ascontiguousarray(array)
    return np.zeros([max(1, n) for n in array.shape], array.dtype)
