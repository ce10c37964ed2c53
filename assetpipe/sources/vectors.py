"""Vertex attributes as the source has them -> as every later stage may rely on: finite, unit length, in range."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from assetpipe.asset import Array, Indices
from assetpipe.sources.notes import Notes

# The Khronos validator's own tolerance for unit vectors; within it the source's memory is used as it is.
UNIT_TOLERANCE = 5e-4
BLOCK = 1 << 18
"""Rows judged at a time: what is compared stays in cache, and nothing as large as the attribute is allocated."""


@dataclass(frozen=True)
class Surroundings:
    """What a mended attribute may be taken from, and where it is, for the note."""

    positions: Array
    triangles: Indices | None
    place: str
    notes: Notes


def first_nonfinite(values: Array) -> tuple[int, int]:
    """How many rows of (n, k) float32 hold NaN or infinity, and which is the first (-1: none)."""
    count, first = 0, -1
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        finite = np.isfinite(block)
        if finite.all():
            continue
        bad = ~finite.all(axis=1)
        first = start + int(np.argmax(bad)) if first < 0 else first
        count += int(bad.sum())
    return count, first


def mend_attribute(semantic: str, values: Array, around: Surroundings) -> Array | None:
    """The attribute ready for use, the very same array when nothing is wrong; None when it has to be dropped."""
    kind = semantic.partition("_")[0]
    if kind in ("NORMAL", "TANGENT"):
        return _unit_vectors(semantic, values, around)
    if kind in ("TEXCOORD", "COLOR") or (not kind and values.dtype.kind == "f"):
        values = _finite(semantic, values, around)
    return _clamped(semantic, values, around) if kind == "COLOR" else values


def _unit_vectors(semantic: str, values: Array, around: Surroundings) -> Array | None:
    bad, first = first_nonfinite(values)
    if bad:
        around.notes.repair(
            "W_NONFINITE",
            f"{around.place}/{semantic} dropped: {bad:,} of {len(values):,} are not finite, first {first}",
        )
        return None
    length = np.sqrt(np.einsum("ij,ij->i", values[:, :3], values[:, :3]))
    zero = ~((length > 1e-12) & (length < np.inf))
    if zero.any() and semantic == "TANGENT":
        around.notes.repair("W_TANGENT", f"{around.place}/TANGENT dropped: {int(zero.sum()):,} of them have no length")
        return None
    signs_wrong = semantic == "TANGENT" and bool((np.abs(values[:, 3]) != 1).any())
    if not zero.any() and not signs_wrong and np.abs(length - 1).max(initial=0) <= UNIT_TOLERANCE:
        return values
    mended = values.copy()
    mended[:, :3] /= np.maximum(length, 1e-12)[:, None]
    if signs_wrong:
        mended[:, 3] = np.where(values[:, 3] < 0, -1, 1)
    if zero.any():
        mended[zero] = _face_normals(around)[zero]
        around.notes.repair(
            "W_NORMAL", f"{around.place}/NORMAL: {int(zero.sum()):,} without length are taken from the faces"
        )
    return mended


def _face_normals(around: Surroundings) -> Array:
    """(n, 3) float32: the area-weighted mean of the triangles at each vertex; +Z where there is none."""
    points = around.positions.astype(np.float64)
    total = np.zeros_like(points)
    if around.triangles is not None:
        faces = around.triangles.reshape(-1, 3)
        a, b, c = (points[faces[:, i]] for i in range(3))
        normal = np.cross(b - a, c - a)
        for corner in range(3):
            np.add.at(total, faces[:, corner], normal)
    length = np.linalg.norm(total, axis=1)
    up = np.array([0.0, 0.0, 1.0])
    unit: Array = np.where(length[:, None] > 1e-30, total / np.maximum(length, 1e-30)[:, None], up)
    return unit.astype(np.float32)


def _finite(semantic: str, values: Array, around: Surroundings) -> Array:
    """UVs, colours and what is custom: a hole in them spoils a few triangles; dropping them would spoil all."""
    bad, first = first_nonfinite(values)
    if not bad:
        return values
    instead = 1.0 if semantic.startswith("COLOR") else 0.0
    around.notes.repair(
        "W_NONFINITE",
        f"{around.place}/{semantic}: {bad:,} of {len(values):,} are not finite (first {first}), now {instead:g}",
    )
    return np.where(np.isfinite(values), values, np.float32(instead))


def _clamped(semantic: str, values: Array, around: Surroundings) -> Array:
    if not len(values) or (values.min() >= 0 and values.max() <= 1):
        return values
    around.notes.repair("W_RANGE", f"{around.place}/{semantic} held values outside of 0..1, now clamped")
    return np.clip(values, 0, 1)


def mend_skinning(attributes: dict[str, Array], around: Surroundings) -> dict[str, Array]:
    """Weights that are finite, not negative and sum to 1 over all sets; joints without weight are joint 0."""
    sets = sorted(key for key in attributes if key.startswith("WEIGHTS_"))
    if not sets:
        return attributes
    weights = np.concatenate([attributes[key] for key in sets], axis=1)
    if not np.isfinite(weights).all() or (weights < 0).any():
        around.notes.repair("W_WEIGHTS", f"{around.place}: skin weights that were negative or not finite are 0 now")
        weights = np.where(np.isfinite(weights) & (weights > 0), weights, np.float32(0))
    weights = _merged(np.concatenate([attributes[_joints(key)] for key in sets], axis=1), weights, around)
    total = weights.sum(axis=1, dtype=np.float64)
    if (total <= 0).any():
        around.notes.repair("W_WEIGHTS", f"{around.place}: {int((total <= 0).sum()):,} vertices had no skin weight")
        weights[total <= 0, 0] = 1
        total = weights.sum(axis=1, dtype=np.float64)
    if np.abs(total - 1).max(initial=0) > 2e-7 * weights.shape[1]:
        weights = (weights / total[:, None]).astype(np.float32)
    split = {key: np.ascontiguousarray(weights[:, 4 * i : 4 * i + 4]) for i, key in enumerate(sets)}
    found = dict(attributes)
    for key, values in split.items():
        joints = _joints(key)
        unused = (values == 0) & (attributes[joints] != 0)
        if not np.array_equal(values, attributes[key]):
            found[key] = values
        if unused.any():
            found[joints] = np.where(unused, 0, attributes[joints]).astype(np.uint16)
    return found


def _joints(weights: str) -> str:
    return weights.replace("WEIGHTS", "JOINTS")


def _merged(joints: Array, weights: Array, around: Surroundings) -> Array:
    """(n, 4 * sets) weights, where no joint pulls twice at a vertex: the first place has the sum."""
    merged = weights
    for first, second in combinations(range(joints.shape[1]), 2):
        twice = (joints[:, first] == joints[:, second]) & (merged[:, first] > 0) & (merged[:, second] > 0)
        if twice.any():
            merged = merged.copy() if merged is weights else merged
            merged[twice, first] += merged[twice, second]
            merged[twice, second] = 0
    if merged is not weights:
        count = int((merged != weights).any(axis=1).sum())
        around.notes.repair("W_WEIGHTS", f"{around.place}: {count:,} vertices named a joint twice, now once")
    return merged
