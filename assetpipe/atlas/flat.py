"""Points and matrices of the plane, term by term: BLAS and einsum round as the machine likes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array

Doubles = NDArray[np.float64]


def applied(matrix: Array, points: Array) -> Doubles:
    """(..., 2, 2) or (..., 2, 3) to (..., 2)"""
    x, y = points[..., 0].astype(np.float64), points[..., 1].astype(np.float64)
    rows = [x * matrix[..., row, 0] + y * matrix[..., row, 1] for row in (0, 1)]
    moved: Doubles = np.stack(rows, axis=-1)
    return moved + matrix[..., 2] if matrix.shape[-1] == 3 else moved


def product(first: Array, second: Array) -> Doubles:
    """(..., 2, 2) of both: what `second` does, then `first`."""
    columns = [applied(first, second[..., column]) for column in (0, 1)]
    return np.stack(columns, axis=-1)


def determinant(matrix: Array) -> Array:
    found: Array = matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
    return found


def inverse(matrix: Array) -> Doubles:
    """(..., 2, 2); zero for what has none."""
    (a, b), (c, d) = np.moveaxis(matrix, (-2, -1), (0, 1))
    size = determinant(matrix)[..., None, None]
    turned = np.stack([np.stack([d, -b], axis=-1), np.stack([-c, a], axis=-1)], axis=-2)
    inverted: Doubles = np.divide(turned, size, out=np.zeros_like(turned), where=size != 0)
    return inverted
