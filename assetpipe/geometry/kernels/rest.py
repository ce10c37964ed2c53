"""State -> what is kept of it at a level -> a state that goes on from there, as often as one likes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.geometry.kernels.records import DOUBT
from assetpipe.geometry.kernels.state import Array, State

UNTOUCHED = ("copies", "place", "places", "mu", "low", "high")
"""By the kernels."""


def keep(state: State) -> State:
    """A state of its own, to go on from later."""
    arrays = {name: array if name in UNTOUCHED else array.copy() for name, array in state.arrays.items()}
    return state.having(arrays)


def without_homes(state: State) -> State:
    """Where the vertices of the surface go is not followed any more: nobody will go on from here with new doubts."""
    return replace(state, home=state.home[:0])


def take_up(kept: State, doubts: Array | None) -> State:
    """What was kept, once more, with the doubts (v of the surface,) of today."""
    state = keep(kept)
    if doubts is not None:
        there = state.home >= 0
        np.maximum.at(state.arrays["record"][:, int(DOUBT)], state.home[there], doubts[there] ** 2)
    return state
