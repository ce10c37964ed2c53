import numpy as np
import pytest

from assetpipe.asset import Array
from assetpipe.queries.uv_raster import cover, cover_square, paint

SIDE = 64


def scattered(count: int, size: float, seed: int) -> Array:
    """(count, 3, 2) of either turn, some beyond the sheet."""
    dice = np.random.default_rng(seed)
    return np.asarray(dice.uniform(-8, SIDE + 8, (count, 1, 2)) + dice.normal(scale=size, size=(count, 3, 2)))


def one_by_one(triangles: Array, sheets: Array, of: Array) -> tuple[int, int]:
    """Each painted on paper of its own, the papers laid on one another."""
    papers = [paint(triangles[[f]], sheets, of[[f]]).owners >= 0 for f in range(len(triangles))]
    times = np.sum(papers, axis=0)
    return int((times > 0).sum()), int((times > 1).sum())


@pytest.mark.parametrize(("count", "size"), [(1, 20.0), (40, 3.0), (60, 30.0), (200, 10.0)])
def test_covered_once_and_twice_is_what_papers_on_one_another_show(count: int, size: float) -> None:
    triangles, sheets = scattered(count, size, seed=2), np.array([[SIDE, SIDE // 2], [SIDE // 4, SIDE]])
    of = np.arange(count) % 2
    found = cover(triangles, sheets, of)
    assert (found.once, found.twice) == one_by_one(triangles, sheets, of)
    assert found.once > 0


def test_who_comes_first_does_not_matter() -> None:
    triangles = scattered(300, 8.0, 5)
    assert cover_square(triangles, SIDE) == cover_square(triangles[::-1], SIDE)


def test_any_number_of_cards_on_one_another_are_covered_twice() -> None:
    card = np.array([[[0, 0], [SIDE, 0], [0, SIDE]], [[SIDE, 0], [SIDE, SIDE], [0, SIDE]]], float)
    one, many = cover_square(card, SIDE), cover_square(np.tile(card, (20_000, 1, 1)), SIDE)
    assert (one.twice, one.overlap) == (0, 0.0)
    assert (many.once, many.twice, many.overlap) == (one.once, one.once, 1.0)


def test_what_lies_beyond_the_sheet_covers_nothing() -> None:
    triangle = np.array([[[0, 0], [9, 0], [0, 9]]], float)
    beyond = [triangle + np.array(move) for move in ([SIDE, 0], [0, SIDE], [-10, 0], [0, -10], [1e6, 3], [-1e6, 3])]
    assert [cover_square(each, SIDE).once for each in beyond] == [0] * len(beyond)
    assert cover_square(np.empty((0, 3, 2)), SIDE).overlap == 0.0
