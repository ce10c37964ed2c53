"""Which rows an index names, and which triangles touch them: as numpy says it."""

from __future__ import annotations

import numpy as np
import pytest

from assetpipe.geometry.kernels.facets import touching
from assetpipe.rows import used_rows


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.int32, np.int64])
@pytest.mark.parametrize("count", [0, 1, 7, 200])
def test_used_rows_are_those_that_an_index_names(kind: type, count: int) -> None:
    indices = np.random.default_rng(count).integers(0, 256, count).astype(kind)
    expected = np.isin(np.arange(256), indices)
    assert (used_rows(indices, 256) == expected).all()
    assert (used_rows(np.repeat(indices, 2)[::2], 256) == expected).all()  # not contiguous


@pytest.mark.parametrize("count", [0, 1, 500])
def test_triangles_touch_what_a_corner_of_theirs_is(count: int) -> None:
    rng = np.random.default_rng(count)
    triangles, marked = rng.integers(0, 300, (count, 3)), rng.random(300) < 0.2
    assert (touching(triangles, marked) == marked[triangles].any(axis=1)).all()
