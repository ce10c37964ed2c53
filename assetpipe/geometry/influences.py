"""Joints and weights, as many as there are -> the four strongest of each vertex, which is what every viewer draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assetpipe.asset import Array, Floats

MOST = 4


def strongest(joints: Array, weights: Array) -> tuple[Array, Floats]:
    """(n, m) joints, a joint may come more than once, and (n, m) weights -> (n, 4) uint16, (n, 4) float32, strongest
    first, of equals the lower joint; they sum to 1, and what has no weight is joint 0."""
    rows, width = np.arange(len(joints))[:, None], max(MOST, joints.shape[1])
    order = np.argsort(joints, axis=1, kind="stable")
    joints = _padded(joints[rows, order].astype(np.uint16), width)
    weights = _padded(np.maximum(weights[rows, order].astype(np.float64), 0), width)
    for column in range(width - 1, 0, -1):  # the first of equal joints takes all
        twice = joints[:, column] == joints[:, column - 1]
        weights[:, column - 1] += np.where(twice, weights[:, column], 0)
        weights[:, column] = np.where(twice, 0, weights[:, column])
    order = np.argsort(-weights, axis=1, kind="stable")[:, :MOST]
    kept = weights[rows, order]
    kept[kept[:, 0] <= 0, 0] = 1  # bound to nothing: drawn at the first joint
    shares = (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)
    shares[:, 0] = 1 - shares[:, 1:].sum(axis=1, dtype=np.float64)
    return np.where(shares > 0, joints[rows, order], np.uint16(0)), shares


def most_joints(attributes: Mapping[str, Array]) -> int:
    """How many joints pull at the vertex that has the most."""
    sets = [values for name, values in attributes.items() if name.startswith("WEIGHTS_")]
    return int((np.concatenate(sets, axis=1) > 0).sum(axis=1).max(initial=0)) if sets else 0


def _padded(values: Array, width: int) -> Array:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))
