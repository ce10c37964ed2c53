"""State -> State of what lives, in the same order and the same memory: new pages would take longer than the work."""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.elements import get, put, vec16f
from assetpipe.geometry.kernels.arranging import fill_faces, rank
from assetpipe.geometry.kernels.laying import thread
from assetpipe.geometry.kernels.order import whole
from assetpipe.geometry.kernels.records import HEIR
from assetpipe.geometry.kernels.state import Array, State, take_alike
from assetpipe.geometry.kernels.threads import both, launch_over
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


def compact(state: State) -> State:
    """The old state is used up, and whatever shows its arrays."""
    load(__name__)
    arrays = state.arrays
    state.workers.clear()
    state.meshes.clear()
    faces = _places(state.alive)
    number, _ = both(lambda: _draw_up_vertices(arrays, faces), lambda: _draw_up_wedges(arrays, faces))
    home = _moved(state.home, arrays["head"], number)
    _shorten(arrays, 3 * len(faces), "vertex", "wedge", "next")
    _shorten(arrays, len(arrays["record"]), "head", "slot")
    arrays["copies"] = take_alike(arrays["copies"], faces)
    return thread(state.having(arrays, group=take_alike(state.group, faces), home=home))


def _draw_up_vertices(arrays: dict[str, Array], faces: Array) -> Array:
    """Returns the new number of each, -1 for what is gone."""
    kept, number = _draw_up_corners(arrays["vertex"], faces, len(arrays["record"]))
    rows = [whole(arrays["record"], vec16f), whole(arrays["key"], wp.float32), whole(arrays["kind"], wp.int8)]
    wp.launch(draw_up_records, dim=1, inputs=[len(kept), whole(kept, wp.int32), *rows], device="cpu")
    del rows
    _shorten(arrays, len(kept), "record", "key", "kind")
    return number


def _draw_up_wedges(arrays: dict[str, Array], faces: Array) -> None:
    kept, _ = _draw_up_corners(arrays["wedge"], faces, len(arrays["weight"]))
    solved, carried = arrays["solved"], arrays["carried"]
    rows = [
        *(whole(arrays["weight"], wp.float32), whole(arrays["seed"], wp.int32)),
        *(whole(solved.reshape(-1, 4), wp.vec4f), solved.shape[1]),
        *(whole(carried.reshape(-1), wp.float32), carried.shape[1]),
    ]
    wp.launch(draw_up_rows, dim=1, inputs=[len(kept), whole(kept, wp.int32), *rows], device="cpu")
    del rows
    _shorten(arrays, len(kept), "solved", "carried", "weight", "seed")


def _draw_up_corners(index: Array, faces: Array, count: int) -> tuple[Array, Array]:
    """Those of the `faces` first, by the new numbers of what is at them. Returns which of `count` that is, and the new
    number of each, -1 for what is gone."""
    used, listed, corners = np.zeros(count, np.bool_), whole(faces, wp.int32), whole(index.reshape(-1, 3), wp.vec3i)
    wp.launch(mark_used, dim=1, inputs=[len(faces), listed, corners, whole(used, wp.bool)], device="cpu")
    kept, number = _places(used), np.full(count, -1, np.int32)
    wp.launch(rank, dim=1, inputs=[0, len(kept), whole(kept, wp.int32), whole(number, wp.int32)], device="cpu")
    inputs = [0, len(faces), listed, corners, whole(number, wp.int32), corners]
    wp.launch(fill_faces, dim=1, inputs=inputs, device="cpu")
    return kept, number


def _places(wanted: Array) -> Array:
    """Of what is. (numpy's own search guesses at every one, and is wrong half of the time.)"""
    count = np.count_nonzero(wanted)
    places = np.empty(count + 1, np.int32)
    inputs = [len(wanted), whole(np.ascontiguousarray(wanted), wp.bool), whole(places, wp.int32)]
    wp.launch(list_wanted, dim=1, inputs=inputs, device="cpu")
    return places[:count]


def _moved(home: Array, head: Array, number: Array) -> Array:
    """(v of the surface,) by the new numbers; of what was joined, its last heir's."""
    if not len(home):
        return home
    wp.launch(follow, dim=1, inputs=[whole(head, wp.int32), whole(number, wp.int32)], device="cpu")
    moved = np.empty_like(home)
    launch_over(renumber, len(home), [whole(array, wp.int32) for array in (home, number, moved)])
    return moved


def _shorten(arrays: dict[str, Array], rows: int, *names: str) -> None:
    """To its first rows; the memory of the others is free."""
    for name in names:
        arrays[name].resize((rows, *arrays[name].shape[1:]), refcheck=False)


@wp.kernel
def list_wanted(count: int, wanted: wp.array(dtype=wp.bool), places: wp.array(dtype=wp.int32)) -> None:
    n = wp.int32(0)
    for i in range(count):
        put(places, n, i)  # which the next one overwrites: a branch would take longer
        n = n + int(get(wanted, i))


@wp.kernel
def mark_used(
    count: int, faces: wp.array(dtype=wp.int32), rows: wp.array(dtype=wp.vec3i), used: wp.array(dtype=wp.bool)
) -> None:
    """What is at the corners of the `faces`."""
    for i in range(count):
        c = get(rows, get(faces, i))
        for j in range(3):
            put(used, c[j], True)


@wp.kernel
def draw_up_records(
    count: int,
    kept: wp.array(dtype=wp.int32),
    record: wp.array(dtype=vec16f),
    key: wp.array(dtype=wp.float32),
    kind: wp.array(dtype=wp.int8),
) -> None:
    for i in range(count):
        at = get(kept, i)
        put(record, i, get(record, at))
        put(key, i, get(key, at))
        put(kind, i, get(kind, at))


@wp.kernel
def draw_up_rows(
    count: int,
    kept: wp.array(dtype=wp.int32),
    weight: wp.array(dtype=wp.float32),
    seed: wp.array(dtype=wp.int32),
    solved: wp.array(dtype=wp.vec4f),
    steering: int,
    carried: wp.array(dtype=wp.float32),
    carrying: int,
) -> None:
    for i in range(count):
        at = get(kept, i)
        put(weight, i, get(weight, at))
        put(seed, i, get(seed, at))
        for j in range(steering):
            put(solved, i * steering + j, get(solved, at * steering + j))
        for j in range(carrying):
            put(carried, i * carrying + j, get(carried, at * carrying + j))


@wp.kernel
def follow(head: wp.array(dtype=wp.int32), number: wp.array(dtype=wp.int32)) -> None:
    """The number of each vertex's last heir for its own, which lies before it."""
    for v in range(head.shape[0]):
        heir = HEIR - get(head, v)
        if heir >= 0:
            put(number, v, get(number, heir))


@wp.kernel
def renumber(
    first: int,
    last: int,
    home: wp.array(dtype=wp.int32),
    number: wp.array(dtype=wp.int32),
    renumbered: wp.array(dtype=wp.int32),
) -> None:
    """-1 stays -1."""
    for i in range(first, last):
        at = get(home, i)
        if at >= 0:
            at = get(number, at)
        put(renumbered, i, at)
