"""A level's triangles lie about the source: curved surfaces are rounded out, all else stays where quadrics put it."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.geometry.kernels.collapse import _begin
from assetpipe.geometry.kernels.compacting import compact
from assetpipe.geometry.kernels.exhaust import Rules, exhaust
from assetpipe.geometry.kernels.records import NEVER
from assetpipe.geometry.kernels.rounding import rounded
from assetpipe.geometry.kernels.state import State
from assetpipe.geometry.surface import Surface
from tests import shapes
from tests.geometry.surfaces import bare, of, plane, surface


def level(model: Surface, triangles: int) -> State:
    return compact(exhaust(_begin(model), Rules(2, NEVER, triangles)))


def where(state: State) -> Array:
    """(v, 3) internal, before."""
    return state.arrays["record"][:, :3]


def spread(state: State, places: Array) -> Array:
    """(n, 3) points all over the triangles, in the units of the surface."""
    corners = places[state.arrays["vertex"].reshape(-1, 3)].astype(np.float64) / state.scale + state.centre
    shares = np.random.default_rng(5).dirichlet([1.0, 1.0, 1.0], (len(corners), 16))
    return np.einsum("fsc,fcx->fsx", shares, corners).reshape(-1, 3)


def apart(places: Array) -> tuple[float, float]:
    """From the unit sphere: mean, and rms."""
    out = np.linalg.norm(places, axis=1) - 1
    return float(out.mean()), float(np.sqrt((out**2).mean()))


@pytest.mark.parametrize("model", [bare(shapes.sphere(96)), of(shapes.sphere(96))], ids=["bare", "textured"])
def test_a_sphere_is_cut_as_deep_as_it_is_overtopped(model: Surface) -> None:
    state = level(model, 800)
    (sunk, before), (mean, after) = (apart(spread(state, places)) for places in (where(state), rounded(state)))
    assert sunk < 0
    assert abs(mean) < 0.35 * abs(sunk)
    assert after < 0.85 * before


def test_a_bowl_is_rounded_like_a_ball() -> None:
    """Inside out it is the same shape."""
    ball = bare(shapes.sphere(96))
    bowl = surface(ball.positions[ball.wedge_vertex], ball.corners[:, ::-1])
    state = level(bowl, 800)
    assert apart(spread(state, rounded(state)))[1] < 0.85 * apart(spread(state, where(state)))[1]


@pytest.mark.parametrize(("model", "triangles"), [(plane(40, 40), 100), (bare(shapes.box()), 12)])
def test_what_is_flat_stays(model: Surface, triangles: int) -> None:
    state = level(model, triangles)
    assert np.abs(rounded(state) - where(state)).max() < 1e-6


def test_edges_between_flat_faces_stay() -> None:
    """A box of many triangles: its edges stand out, and nothing is wrong with that."""
    steps = np.linspace(-1, 1, 13)
    u, v = (grid.reshape(-1) for grid in np.meshgrid(steps, steps))
    _, faces = shapes.grid(12, 12)
    sides = [np.roll(np.stack([u * way, v, np.full_like(u, way)], -1), turn, 1) for turn in range(3) for way in (-1, 1)]
    corners = np.concatenate([faces.reshape(-1, 3) + len(u) * at for at in range(6)])
    state = level(surface(np.concatenate(sides), corners), 200)
    assert np.abs(rounded(state) - where(state)).max() < 1e-5


def test_an_open_border_stays() -> None:
    state = level(bowl_with_a_rim(), 600)
    moved = np.any(rounded(state) != where(state), axis=1)
    edges = np.sort(state.arrays["vertex"].reshape(-1, 3)[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    once, times = np.unique(edges, axis=0, return_counts=True)
    assert moved.any()
    assert not moved[once[times == 1].reshape(-1)].any()


def bowl_with_a_rim() -> Surface:
    uvs, faces = shapes.grid(60, 60)
    x, y = 2 * uvs.T - 1
    return surface(np.stack([x, y, 0.5 * (x**2 + y**2)], axis=-1), faces)


def test_noise_is_not_taken_for_curvature() -> None:
    """Finer than the level: hardly anything moves, and the level strays no farther."""
    uvs, faces = shapes.grid(150, 150)
    x, y = 2 * uvs.T - 1
    noise = 0.004 * np.random.default_rng(2).standard_normal(len(x))
    state = level(surface(np.stack([x, y, noise], axis=-1), faces), 2000)
    moved = np.linalg.norm(rounded(state) - where(state), axis=1) / state.scale
    assert np.sqrt((moved**2).mean()) < 0.02 * 0.004


def test_what_was_not_collapsed_stays() -> None:
    state = compact(_begin(of(shapes.sphere(24))))
    assert np.array_equal(rounded(state), where(state))
