"""A state is drawn up in place: what lives is as it was, in its order; what was joined is found with its heir."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.geometry.kernels.collapse import _begin
from assetpipe.geometry.kernels.compacting import compact
from assetpipe.geometry.kernels.exhaust import Rules, exhaust
from assetpipe.geometry.kernels.records import HEIR, NEVER
from assetpipe.geometry.kernels.rest import keep, without_homes
from assetpipe.geometry.kernels.state import State
from tests import shapes
from tests.geometry.surfaces import join, of, random_soup


@pytest.fixture
def state() -> State:
    """Of a globe with a seam and a soup, a third of its faces gone: not yet drawn up."""
    state = _begin(join(of(shapes.sphere(48)), random_soup(60, 120, seed=3)))
    return exhaust(state, Rules(3, NEVER, int(0.66 * state.drawn)))


def shown(state: State) -> list[Array]:
    """At the corners of what lives."""
    arrays, faces = state.arrays, state.alive
    vertex, wedge = (arrays[name].reshape(-1, 3)[faces] for name in ("vertex", "wedge"))
    of_vertices = [arrays[name][vertex] for name in ("record", "key", "kind")]
    of_wedges = [arrays[name][wedge] for name in ("solved", "carried", "weight", "seed")]
    return [*of_vertices, *of_wedges, state.group[faces]]


def homes(state: State) -> Array:
    """(v of the surface, 3) where the last heir of each is; far away where nothing lives."""
    head = state.arrays["head"]
    at = state.home.copy()
    while (heirs := np.where(at >= 0, head[at] <= int(HEIR), False)).any():
        at[heirs] = int(HEIR) - head[at[heirs]]
    lives = np.isin(at, state.arrays["vertex"].reshape(-1, 3)[state.alive])
    return np.where(lives[:, None], state.arrays["record"][at, :3], 9.0)


def test_what_lives_is_as_it_was(state: State) -> None:
    before, wanted, faces = keep(state), homes(state), int(state.alive.sum())
    after = compact(state)
    assert 0 < faces < len(before.group)
    assert after.alive.all()
    assert len(after.group) == faces
    assert after.drawn == before.drawn
    assert all(np.array_equal(*pair) for pair in zip(shown(before), shown(after), strict=True))
    assert np.array_equal(homes(after), wanted)


def test_nothing_is_left_of_what_is_gone(state: State) -> None:
    arrays = compact(state).arrays
    kinds = {"vertex": ("record", "key", "kind", "head", "slot"), "wedge": ("solved", "weight", "seed")}
    for index, names in kinds.items():
        used = np.unique(arrays[index])
        assert np.array_equal(used, np.arange(len(used)))
        assert {len(arrays[name]) for name in names} == {len(used)}
    assert len(arrays["next"]) == len(arrays["vertex"])


def test_each_corner_is_in_its_vertex_list_once(state: State) -> None:
    arrays = compact(state).arrays
    listed = np.zeros(len(arrays["vertex"]), int)
    for vertex, corner in enumerate(arrays["head"]):
        while corner >= 0:
            assert arrays["vertex"][corner] == vertex
            listed[corner] += 1
            corner = arrays["next"][corner]
    assert (listed == 1).all()


def test_homes_that_nobody_asks_for_are_not_followed(state: State) -> None:
    other = compact(without_homes(keep(state)))
    assert len(other.home) == 0
    assert all(np.array_equal(*pair) for pair in zip(shown(other), shown(compact(state)), strict=True))


def test_a_state_of_which_nothing_lives() -> None:
    state = _begin(of(shapes.box()))
    state.arrays["vertex"].fill(-1)
    after = compact(state)
    assert (after.drawn, len(after.group), len(after.keys), len(after.arrays["weight"])) == (0, 0, 0, 0)
    assert (after.home == -1).all()
