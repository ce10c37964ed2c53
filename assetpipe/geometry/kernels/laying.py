"""Surface -> State, vertices along a Morton curve. Ranges of rows side by side."""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.elements import vec16f
from assetpipe.geometry.kernels.arranging import (
    fill_faces,
    fill_records,
    fill_wedges,
    key_faces,
    rank,
)
from assetpipe.geometry.kernels.founding import thread_corners
from assetpipe.geometry.kernels.order import column_ranges, morton_order, order_by, take, whole
from assetpipe.geometry.kernels.records import CORNER, DOUBT, NEAR, PLAN, RECORD, RING
from assetpipe.geometry.kernels.state import Array, State, take_alike
from assetpipe.geometry.kernels.threads import both, launch_over
from assetpipe.geometry.surface import Surface
from assetpipe.kernels import load
from assetpipe.memory import return_memory


def lay_out(surface: Surface) -> State:
    """Vertices, then wedges and faces, in the order of the Morton curve; faces without three vertices left out."""
    load("assetpipe.geometry.kernels.arranging")
    box = column_ranges(surface.positions)
    centre = _centre(*box)
    scale = _scale(*box, centre)
    columns, steering = np.argsort(surface.weights <= 0, kind="stable"), int((surface.weights > 0).sum())
    (group, home, arranged), (low, high) = both(
        lambda: _arrange(surface, box, centre, scale, columns, steering), lambda: column_ranges(surface.attributes)
    )
    return_memory()  # of what was only on the way: the lists that are still to come make the peak
    arrays = {
        **arranged,
        "key": np.zeros(len(arranged["record"]), np.float32),
        "kind": np.zeros(len(arranged["record"]), np.int8),
        "place": np.ascontiguousarray(surface.wedge_vertex),
        "places": np.ascontiguousarray(surface.positions),
        "mu": (surface.weights[columns].astype(np.float64) * scale) ** 2,
        "low": low[columns],
        "high": high[columns],
        "worst": np.zeros(1, np.float64),
        "next": np.empty(len(arranged["vertex"]), np.int32),
        "head": np.empty(len(arranged["record"]), np.int32),
        "slot": np.empty(len(arranged["record"]), np.int32),
    }
    return thread(State(arrays, group, steering, columns, scale, centre, surface.uv_sets, home))


def _arrange(
    surface: Surface, box: tuple[Array, Array], centre: Array, scale: float, columns: Array, steering: int
) -> tuple[Array, Array, dict[str, Array]]:
    """The group of each face, the rank of each vertex, and what faces, wedges and vertices carry."""
    order, home, wedge_rank, wedges = _orders(surface, *box)
    (group, corners), (of_wedges, record) = both(
        lambda: _lay_out_faces(surface, wedge_rank, wedges, len(order)),
        lambda: (_lay_out_wedges(surface, wedges, columns, steering), _records(surface, order, centre, scale)),
    )
    return group, home, {**corners, **of_wedges, "record": record}


def _orders(surface: Surface, low: Array, high: Array) -> tuple[Array, Array, Array, Array]:
    """Vertices in order and the rank of each; the rank of each wedge's vertex, and wedges in their order."""
    order = morton_order(surface.positions, low, high)
    home = _ranks(order)
    wedge_rank = take(home, surface.wedge_vertex)
    return order, home, wedge_rank, order_by(wedge_rank, len(order))


def _lay_out_faces(surface: Surface, rank: Array, wedges: Array, vertices: int) -> tuple[Array, dict[str, Array]]:
    """(f,) the group of each face in their order, and what else they carry."""
    corners, keys = np.ascontiguousarray(surface.corners), np.empty(len(surface.corners), np.int32)
    given = [whole(corners, wp.vec3i), whole(rank, wp.int32), vertices, whole(keys, wp.int32)]
    launch_over(key_faces, len(keys), given)
    faces = order_by(keys, vertices + 1)[: np.count_nonzero(keys < vertices)]
    del keys
    return take_alike(surface.group, faces), {
        "vertex": _filled(faces, corners, rank),
        "wedge": _filled(faces, corners, _ranks(wedges)),
        "copies": take_alike(surface.copies, faces),
    }


def _filled(faces: Array, corners: Array, number: Array) -> Array:
    """(3 f,)"""
    filled = np.empty(3 * len(faces), np.int32)
    given = [whole(faces, wp.int32), whole(corners, wp.vec3i), whole(number, wp.int32)]
    launch_over(fill_faces, len(faces), [*given, whole(filled.reshape(-1, 3), wp.vec3i)])
    return filled


def _lay_out_wedges(surface: Surface, wedges: Array, columns: Array, steering: int) -> dict[str, Array]:
    solved = np.empty((len(wedges), steering, 4), np.float32)
    carried = np.empty((len(wedges), len(columns) - steering), np.float32)
    given = [
        whole(wedges, wp.int32),
        whole(surface.attributes.reshape(-1), wp.float32),
        whole(columns.astype(np.int32), wp.int32),
    ]
    room = [whole(solved.reshape(-1, 4), wp.vec4f), whole(carried.reshape(-1), wp.float32)]
    launch_over(fill_wedges, len(wedges), [*given, steering, len(columns) - steering, *room])
    return {"solved": solved, "carried": carried, "weight": np.zeros(len(wedges), np.float32), "seed": wedges}


def _records(surface: Surface, order: Array, centre: Array, scale: float) -> Array:
    records = np.empty((len(order), RECORD), np.float32)
    given = [whole(order, wp.int32), whole(np.ascontiguousarray(surface.positions), wp.vec3), wp.vec3(*centre)]
    launch_over(fill_records, len(order), [*given, wp.float32(scale), whole(records, vec16f)])
    if surface.doubts is not None:
        records[:, int(DOUBT)] = surface.doubts[order] ** 2
    return records


def thread(state: State) -> State:
    """Lists of corners and scratch for arrays that have just been laid out, or drawn up."""
    links = [state.arrays[name] for name in ("next", "head", "slot")]
    _, head, slot = links
    head.fill(-1)
    slot.fill(0)
    launch_over(thread_corners, len(head), [whole(array, wp.int32) for array in (state.arrays["vertex"], *links)])
    rows = max(2 * RING, 2 * int(slot.max(initial=0)) + 2)
    slot.fill(-1)
    scratch = {
        "ring": np.zeros(rows * CORNER, np.int32),
        "near": np.zeros(rows * NEAR, np.int32),
        "choice": np.zeros(rows * PLAN, np.float64),
        "turn": np.zeros(1, np.int32),
        "counts": np.array([state.arrays["copies"].sum(dtype=np.int64), 0, 0, 0]),
    }
    return state.having({**state.arrays, **scratch})


def _ranks(order: Array) -> Array:
    """At which place of `order` each number stands."""
    ranks = np.empty(len(order), np.int32)
    launch_over(rank, len(order), [whole(order, wp.int32), whole(ranks, wp.int32)])
    return ranks


def _centre(low: Array, high: Array) -> Array:
    """(3,) along each axis the middle, where that lies at least one and a half times as far from the origin as the
    surface reaches, else 0: there the difference of two float32 is exact (Sterbenz 1974), so what stays where it is
    comes back as it was. Without, a metre at 10 km is decimated to the decimetre, whatever error is asked for."""
    if not (low <= high).all():  # of no points
        return np.zeros(3, np.float32)
    away = ((low > 0) & (high <= 2 * low)) | ((high < 0) & (low >= 2 * high))
    return np.where(away, low / 2 + high / 2, 0).astype(np.float32)


def _scale(low: Array, high: Array, centre: Array) -> float:
    """To 0.5 to 1 for what lies farthest from the centre."""
    extent = float(np.maximum(np.abs(low - centre), np.abs(high - centre)).max()) if (low <= high).all() else 0.0
    return float(2.0 ** -np.ceil(np.log2(extent))) if extent > 0 else 1.0
