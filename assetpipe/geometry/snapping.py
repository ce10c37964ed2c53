"""Primitives of one mesh -> the same, vertices nearer than a distance moved onto one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assetpipe.asset import Primitive


def snap_together(primitives: Sequence[Primitive], distance: float) -> tuple[tuple[Primitive, ...], int]:
    """And how many vertices moved. All primitives at once, so that the borders between materials stay closed."""
    from assetpipe.geometry.kernels.snap import snap  # compiled only when it is asked for

    if not primitives:
        return (), 0
    before = np.concatenate([primitive.positions for primitive in primitives])
    after = snap(before, distance)
    ends = np.cumsum([len(primitive.positions) for primitive in primitives])[:-1]
    snapped = tuple(
        replace(primitive, attributes={**primitive.attributes, "POSITION": positions})
        for primitive, positions in zip(primitives, np.split(after, ends), strict=True)
    )
    return snapped, int((before != after).any(axis=1).sum())
