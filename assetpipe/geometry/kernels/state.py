"""Surface -> State -> Surface: the arrays that the kernels work in, and the way back at each target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.geometry.kernels.founding import thread_corners
from assetpipe.geometry.kernels.order import column_ranges, morton_order, order_by, take
from assetpipe.geometry.kernels.records import CORNER, DOUBT, NEAR, PLAN, RECORD, RING, VALUE, Mesh, vec16f
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
OF_VERTICES, OF_WEDGES = ("record", "key", "kind"), ("solved", "carried", "weight", "seed")
SCRATCH = ("next", "head", "slot", "ring", "near", "choice", "counts")
"""Made anew whenever faces are laid out anew."""


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
    """(v of the surface,) the vertex that each is, or was joined to before the arrays were last laid out; -1: gone."""

    weighed: tuple[int, float] = (0, 0.0)
    """The stage and the gate that the keys hold for."""
    threshold: float = 0.0
    """Of the last sweep."""
    workers: list[State] = field(default_factory=list)
    """The same surface with scratch of their own, for threads; made as they are asked for."""

    def crew(self, threads: int) -> list[State]:
        while len(self.workers) < threads:
            self.workers.append(with_own_scratch(self))
        return self.workers[:threads]

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
    """The arrays, not copied, as the kernels take them."""
    mesh = Mesh()
    for name, array in state.arrays.items():
        array = _wide(array.reshape(ROWS[name]) if name in ROWS else array)
        kind = KERNEL_TYPES.get(name, wp.float32 if array.dtype == np.float32 else wp.int32)
        setattr(mesh, name, wp.array(array, dtype=kind, copy=False, device="cpu"))
    mesh.steering = state.steering
    mesh.carrying = len(state.columns) - state.steering
    mesh.textures = state.textures
    mesh.stage = stage
    mesh.centre = wp.vec3(*state.centre)
    mesh.scale = float(state.scale)
    return mesh


def with_own_scratch(state: State) -> State:
    """The same surface for another thread."""
    shared = state.arrays
    own = {name: np.zeros_like(shared[name]) for name in ("ring", "near", "choice", "counts", "worst")}
    return replace(state, arrays={**shared, **own, "slot": np.full_like(shared["slot"], -1)}, workers=[])


def lay_out(surface: Surface) -> State:
    """Vertices, then wedges and faces, in the order of the Morton curve; faces without three vertices left out."""
    order = morton_order(surface.positions)
    home = _ranks(order)
    wedge_rank = home[surface.wedge_vertex]
    wedges = order_by(wedge_rank, len(order))
    centre = _centre(surface.positions)
    scale = _scale(surface.positions - centre)
    columns, steering = np.argsort(surface.weights <= 0, kind="stable"), int((surface.weights > 0).sum())
    group, corners = _lay_out_faces(surface, wedge_rank, wedges)
    arrays = {
        **corners,
        **_lay_out_wedges(surface, wedges, columns, steering),
        "record": _records(surface, order, centre, scale),
        "key": np.zeros(len(order), np.float32),
        "kind": np.zeros(len(order), np.int8),
        "place": np.ascontiguousarray(surface.wedge_vertex),
        "places": np.ascontiguousarray(surface.positions),
        "mu": (surface.weights[columns].astype(np.float64) * scale) ** 2,
        "worst": np.zeros(1, np.float64),
    }
    return _thread(State(arrays, group, steering, columns, scale, centre, surface.uv_sets, home))


def _lay_out_faces(surface: Surface, wedge_rank: Array, wedges: Array) -> tuple[Array, dict[str, Array]]:
    """(f,) the group of each face in their order, and what else they carry."""
    at = take(wedge_rank, surface.corners)
    a, b, c = at.T
    whole = (a != b) & (b != c) & (c != a)
    faces = order_by(np.minimum(np.minimum(a, b), c), len(wedges))
    faces = faces if whole.all() else faces[whole[faces]]
    vertex = take(at, faces).reshape(-1)
    del at, a, b, c, whole
    wedge = take(_ranks(wedges), take(surface.corners, faces)).reshape(-1)
    return _take_alike(surface.group, faces), {
        "vertex": vertex,
        "wedge": wedge,
        "copies": _take_alike(surface.copies, faces),
    }


def _lay_out_wedges(surface: Surface, wedges: Array, columns: Array, steering: int) -> dict[str, Array]:
    low, high = column_ranges(surface.attributes[:, columns])
    return {
        "solved": _solved(surface.attributes, wedges, columns[:steering]),
        "carried": take(surface.attributes[:, columns[steering:]], wedges),
        "weight": np.zeros(len(wedges), np.float32),
        "seed": wedges,
        "low": low,
        "high": high,
    }


def compact(state: State) -> State:
    """Only what lives, in the same order. The old state is used up: old and new side by side would be the peak."""
    arrays, size = state.arrays, len(state.arrays["record"])
    state.workers.clear()
    for name in SCRATCH:
        del arrays[name]
    faces, home = np.flatnonzero(state.alive), _followed(arrays.pop("heir"), state.home)
    arrays["copies"] = _take_alike(arrays["copies"], faces)

    kept = {}
    for index, names in (("vertex", OF_VERTICES), ("wedge", OF_WEDGES)):
        rows = take(arrays.pop(index).reshape(-1, 3), faces).reshape(-1)
        kept[index], arrays[index] = _used(rows, len(arrays[names[0]]))
        for name in names:
            arrays[name] = take(arrays[name], kept[index])
    numbers = np.append(_ranks(kept["vertex"], size), np.int32(-1))
    return _thread(replace(state, group=_take_alike(state.group, faces), home=numbers[home]))


def _followed(heir: Array, home: Array) -> Array:
    """(v of the surface,) where each vertex is by now: heirs have heirs."""
    while not np.array_equal(heir, elder := take(heir, heir)):
        heir = elder
    return np.where(home >= 0, heir[home], np.int32(-1))


def extract(state: State, surface: Surface) -> Surface:
    """What lives, as a surface of its own."""
    old = state.arrays
    faces = np.flatnonzero(state.alive)
    vertices, vertex = _used(take(old["vertex"].reshape(-1, 3), faces).reshape(-1), len(old["record"]))
    wedges, wedge = _used(take(old["wedge"].reshape(-1, 3), faces).reshape(-1), len(old["weight"]))
    wedge_vertex = np.zeros(len(wedges), np.int32)
    wedge_vertex[wedge] = vertex
    attributes = np.empty((len(wedges), len(state.columns)), np.float32)
    attributes[:, state.columns[: state.steering]] = old["solved"][wedges, : state.steering, VALUE]
    attributes[:, state.columns[state.steering :]] = old["carried"][wedges, : len(state.columns) - state.steering]
    return Surface(
        positions=old["record"][vertices, :3] / np.float32(state.scale) + state.centre,
        corners=wedge.reshape(-1, 3),
        wedge_vertex=wedge_vertex,
        attributes=attributes,
        weights=surface.weights,
        group=_take_alike(state.group, faces),
        copies=_take_alike(old["copies"], faces),
        origin=surface.origin[old["seed"][wedges]],
        uv_sets=surface.uv_sets,
    )


def _thread(state: State) -> State:
    """Lists of corners and scratch for arrays that have just been laid out."""
    vertices = len(state.arrays["record"])
    links = {
        "head": np.full(vertices, -1, np.int32),
        "next": np.empty(len(state.arrays["vertex"]), np.int32),
        "slot": np.zeros(vertices, np.int32),
    }
    lists = [wp.array(array, dtype=wp.int32, copy=False, device="cpu")
             for array in (state.arrays["vertex"], *links.values())]  # fmt: skip
    wp.launch(thread_corners, dim=1, inputs=lists, device="cpu")
    rows = max(2 * RING, 2 * int(links["slot"].max(initial=0)) + 2)
    links["slot"].fill(-1)
    fresh = {
        **links,
        "heir": np.arange(vertices, dtype=np.int32),
        "ring": np.zeros(rows * CORNER, np.int32),
        "near": np.zeros(rows * NEAR, np.int32),
        "choice": np.zeros(rows * PLAN, np.float64),
        "counts": np.array([state.arrays["copies"].sum(dtype=np.int64), 0, 0, 0]),
    }
    return replace(state, arrays={**state.arrays, **fresh}, workers=[])


def _solved(attributes: Array, wedges: Array, columns: Array) -> Array:
    """(w, k, 4), the slopes not yet known."""
    solved = np.zeros((len(wedges), len(columns), 4), np.float32)
    for at, column in enumerate(columns):
        solved[:, at, VALUE] = take(attributes[:, column], wedges)
    return solved


def _records(surface: Surface, order: Array, centre: Array, scale: float) -> Array:
    records = np.zeros((len(order), RECORD), np.float32)
    records[:, :3] = take(surface.positions, order)
    records[:, :3] -= centre
    records[:, :3] *= np.float32(scale)
    records[:, int(DOUBT)] = 1.0 if surface.doubts is None else surface.doubts[order] ** 2
    return records


def _take_alike(array: Array, rows: Array) -> Array:
    """`array[rows]`, without memory of its own where all are the same by construction."""
    return np.broadcast_to(array[:1], len(rows)) if array.strides == (0,) and len(array) else take(array, rows)


def _used(index: Array, size: int) -> tuple[Array, Array]:
    """Which of `size` rows are used, and the index into only those."""
    used = np.zeros(size, bool)
    used[index] = True
    new = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(used), take(new, index)


def _ranks(order: Array, count: int = 0) -> Array:
    """At which place of `order` each number below `count` stands; -1: nowhere."""
    ranks = np.full(max(count, len(order)), -1, np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return ranks


def _centre(positions: Array) -> Array:
    """(3,) along each axis the middle, where that lies at least one and a half times as far from the origin as the
    surface reaches, else 0: there the difference of two float32 is exact (Sterbenz 1974), so what stays where it is
    comes back as it was. Without, a metre at 10 km is decimated to the decimetre, whatever error is asked for."""
    if len(positions) == 0:
        return np.zeros(3, np.float32)
    low, high = column_ranges(positions)
    away = ((low > 0) & (high <= 2 * low)) | ((high < 0) & (low >= 2 * high))
    return np.where(away, low / 2 + high / 2, 0).astype(np.float32)


def _scale(positions: Array) -> float:
    extent = float(np.abs(positions).max(initial=0.0))
    return float(2.0 ** -np.ceil(np.log2(extent))) if extent > 0 else 1.0


def _wide(array: Array) -> Array:
    """Warp takes no array with an axis of length 0; nothing reads this one."""
    return array if array.size else np.zeros([max(1, n) for n in array.shape], array.dtype)
