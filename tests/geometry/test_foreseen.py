"""What an edge will cost is foreseen before it is planned: no less than the true least, and less than along the edge.

No `from __future__ import annotations`: Warp asks for the types.
"""

import numpy as np
import pytest
import warp as wp

from assetpipe.asset import Array
from assetpipe.elements import vec16f
from assetpipe.geometry.kernels.lanes import foreseen

PAIRS = 400


@wp.kernel
def foresee(record: wp.array(dtype=vec16f), out: wp.array(dtype=wp.float32)):  # type: ignore[valid-type,no-untyped-def]
    i = wp.tid()
    out[i] = foreseen(record, 2 * i, 2 * i + 1)


def records(bend: float, size: float) -> Array:
    """(2n, 16) of the ends of short edges on a bowl of that bend, each with six planes through it, as faces have that
    meet at a vertex."""
    rng = np.random.default_rng(7)
    middle = np.repeat(rng.uniform(-1, 1, (PAIRS, 2)), 2, axis=0)
    flat = middle + 0.5 * size * rng.uniform(-1, 1, (2 * PAIRS, 2))
    at = flat[:, None] + 0.5 * size * rng.uniform(-1, 1, (2 * PAIRS, 6, 2))
    normals = np.concatenate([-2 * bend * at, np.ones((*at.shape[:2], 1))], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    squares = np.einsum("vpi,vpj->vij", size**2 * rng.uniform(0.5, 1, (*at.shape[:2], 1)) * normals, normals)
    record = np.zeros((2 * PAIRS, 16), np.float32)
    record[:, :3] = np.column_stack([flat, bend * (flat**2).sum(axis=1)])
    record[:, 3:9] = squares[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    return record


def cost_at(record: Array, place: Array) -> Array:
    """(n,) what both ends together cost at (n, 3)."""
    total = np.zeros(len(place))
    for end in (record[0::2].astype(float), record[1::2].astype(float)):
        x = place - end[:, :3]
        total += np.einsum("ni,nij,nj->n", x, _matrix(end), x)
    return total


def _matrix(record: Array) -> Array:
    return record[:, [3, 4, 5, 4, 6, 7, 5, 7, 8]].reshape(-1, 3, 3)


def cheapest(record: Array) -> Array:
    """(n, 3)"""
    one, other = record[0::2].astype(float), record[1::2].astype(float)
    wanted = sum(np.einsum("nij,nj->ni", _matrix(end), end[:, :3]) for end in (one, other))
    return np.asarray(np.linalg.solve(_matrix(one) + _matrix(other), wanted[..., None])[..., 0])


def foreseen_costs(record: Array) -> Array:
    out = wp.zeros(PAIRS, dtype=wp.float32, device="cpu")
    wp.launch(foresee, dim=PAIRS, inputs=[wp.array(record, dtype=vec16f, device="cpu"), out], device="cpu")
    return out.numpy().astype(float)


@pytest.mark.parametrize("size", [0.1, 0.01])
@pytest.mark.parametrize("bend", [0.3, 1.0, 3.0])
def test_a_cost_is_foreseen_no_lower_than_it_can_be_and_no_higher_than_along_the_edge(bend: float, size: float) -> None:
    """On a bowl all of the edge lies on one side of the surface: the step away from it halves what is foreseen, to near
    what it is."""
    record = records(bend, size)
    told, least = foreseen_costs(record), cost_at(record, cheapest(record))
    ways = np.linspace(0.0, 1.0, 65)
    along = np.min([cost_at(record, record[0::2, :3] * (1 - t) + record[1::2, :3] * t) for t in ways], axis=0)
    assert (told >= 0.99 * least).all()
    assert (told <= 1.01 * along).all()
    assert np.median(told / least) < 1.2
    assert np.quantile(told / least, 0.95) < 2


def test_on_a_plane_nothing_costs_anything() -> None:
    assert (foreseen_costs(records(0.0, 0.01)) == 0.0).all()


def test_where_nothing_is_known_nothing_is_foreseen() -> None:
    """Records without a plane, of vertices without area: no division by nothing."""
    record = np.zeros((2 * PAIRS, 16), np.float32)
    record[1::2, :3] = 1.0
    assert (foreseen_costs(record) == 0.0).all()
