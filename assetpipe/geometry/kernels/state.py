"""State: the arrays that the kernels work in; State -> Surface at each target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.elements import vec16f
from assetpipe.geometry.kernels.order import take, whole
from assetpipe.geometry.kernels.records import VALUE, Mesh
from assetpipe.geometry.surface import Surface

Array = NDArray[Any]
KERNEL_TYPES = {
    "mu": wp.float64,
    "choice": wp.float64,
    "counts": wp.int64,
    "worst": wp.float64,
    "kind": wp.int8,
    "record": vec16f,
    "solved": wp.vec4f,
    "places": wp.vec3,
}
ROWS = {"solved": (-1, 4), "carried": -1}
"""Shapes as the kernels take them."""
CLOCK = 2
"""In `counts`."""


@dataclass(frozen=True, eq=False)
class State:
    """What `Mesh` says of each array; the kernels write into these very arrays."""

    arrays: dict[str, Array]
    group: Array
    """(f,) of the surface."""
    steering: int
    """Columns that steer the collapse; they come first."""
    columns: Array
    """(k,) column of the surface that each column is."""
    scale: float
    """Metres to internal units, a power of two."""
    centre: Array
    """(3,) metres, float32: the internal origin."""
    uv_sets: int
    """Of the surface."""
    home: Array
    """(v of the surface,) the vertex that each is, or was joined to before the arrays were last laid out; -1: gone. Of
    length 0: not followed."""

    weighed: tuple[int, float] = (0, 0.0)
    """The stage and the gate that the keys hold for."""
    threshold: float = 0.0
    """Of the last sweep."""
    workers: list[State] = field(default_factory=list)
    """The same surface with scratch of their own, for threads; made as they are asked for."""
    meshes: dict[int, Any] = field(default_factory=dict)
    """What `as_mesh` made of the arrays, for each stage."""

    def crew(self, threads: int) -> list[State]:
        while len(self.workers) < threads:
            self.workers.append(_with_own_scratch(self))
        self.agree_on_clock()
        return self.workers[:threads]

    def agree_on_clock(self) -> None:
        """No earlier than any: they all write into `slot`, each where the others do not at the same time."""
        counts = [one.arrays["counts"] for one in (self, *self.workers)]
        latest = max(int(each[CLOCK]) for each in counts)
        for each in counts:
            each[CLOCK] = latest

    def having(self, arrays: dict[str, Array], **other: Any) -> State:
        """With other arrays, of which nothing is known yet."""
        return replace(self, arrays=arrays, workers=[], meshes={}, **other)

    @property
    def drawn(self) -> int:
        return int(self.arrays["counts"][0])

    @property
    def alive(self) -> Array:
        """(f,) bool."""
        return np.asarray(self.arrays["vertex"][::3] >= 0)

    @property
    def keys(self) -> Array:
        return self.arrays["key"]

    @property
    def textures(self) -> int:
        """UV sets that steer: they are the first of the columns that do."""
        return int((self.columns[: self.steering] < 2 * self.uv_sets).sum()) // 2


def as_mesh(state: State, stage: int) -> Any:
    """The arrays, not copied, as the kernels take them. Made once: that takes half a millisecond."""
    if stage not in state.meshes:
        state.meshes[stage] = _mesh(state, stage)
    return state.meshes[stage]


def _mesh(state: State, stage: int) -> Any:
    mesh = Mesh()
    for name, array in state.arrays.items():
        kind = KERNEL_TYPES.get(name, wp.float32 if array.dtype == np.float32 else wp.int32)
        setattr(mesh, name, whole(array.reshape(ROWS[name]) if name in ROWS else array, kind))
    mesh.steering = state.steering
    mesh.carrying = len(state.columns) - state.steering
    mesh.textures = state.textures
    mesh.stage = stage
    mesh.centre = wp.vec3(*state.centre)
    mesh.scale = float(state.scale)
    return mesh


def _with_own_scratch(state: State) -> State:
    """The same surface for another thread, that keeps to vertices of which it alone visits all neighbours."""
    shared = state.arrays
    own = {name: np.zeros_like(shared[name]) for name in ("ring", "near", "choice", "counts", "worst")}
    return state.having({**shared, **own})


def extract(state: State, surface: Surface) -> Surface:
    """A state of which all lives, as a surface of its own."""
    old = state.arrays
    wedge_vertex = np.empty(len(old["weight"]), np.int32)
    wedge_vertex[old["wedge"]] = old["vertex"]
    attributes = np.empty((len(wedge_vertex), len(state.columns)), np.float32)
    attributes[:, state.columns[: state.steering]] = old["solved"][..., VALUE]
    attributes[:, state.columns[state.steering :]] = old["carried"]
    return Surface(
        positions=old["record"][:, :3] / np.float32(state.scale) + state.centre,
        corners=old["wedge"].reshape(-1, 3).copy(),
        wedge_vertex=wedge_vertex,
        attributes=attributes,
        weights=surface.weights,
        group=state.group,
        copies=old["copies"],
        origin=take(surface.origin, old["seed"]),
        uv_sets=surface.uv_sets,
    )


def take_alike(array: Array, rows: Array) -> Array:
    """`array[rows]`, without memory of its own where all are the same by construction."""
    return np.broadcast_to(array[:1], len(rows)) if array.strides == (0,) and len(array) else take(array, rows)
