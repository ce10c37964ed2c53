"""Flat shading: triangles that each have their own normal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.directions import crosses, square_to, unit
from assetpipe.geometry.kernels.union import label_groups
from assetpipe.geometry.welding import map_vertices, weld

Bools = NDArray[np.bool_]
COS_TOLERANCE = float(np.cos(np.radians(1.0)))
SAMPLE, FEW = 4096, 0.01


def flat_vertices(primitive: Primitive, places: Array) -> Bools:
    """(vertices,) those of connected pieces of which every corner's normal is its triangle's. `places` (vertices,):
    equal where positions are."""
    if "NORMAL" not in primitive.attributes:
        return np.ones(len(places), bool)
    triangles = primitive.indices.reshape(-1, 3)
    sample = _flat(primitive, triangles[:: max(1, len(triangles) // SAMPLE)])
    if sample.mean() < FEW:
        return np.zeros(len(places), bool)
    flat = _flat(primitive, triangles)
    if flat.all():
        return np.ones(len(places), bool)
    _, local = np.unique(places, return_inverse=True)
    corners = local.reshape(-1)[triangles].astype(np.int32)
    piece = label_groups(np.concatenate([corners[:, :2], corners[:, 1:]]), len(places))
    smooth = np.zeros(len(places), bool)
    smooth[piece[corners[~flat, 0]]] = True
    return ~smooth[piece[local.reshape(-1)]]


def with_flat_normals(primitive: Primitive, flat: Bools) -> Primitive:
    """Each triangle that is `flat` (f,) its own normal; vertices are shared where normals are equal."""
    split = map_vertices(primitive, lambda array: array[primitive.indices])
    along = unit(crosses(primitive.positions, primitive.indices.reshape(-1, 3)))
    along[~along.any(axis=1)] = (0.0, 1.0, 0.0)
    normals = np.where(flat[:, None], along, 0).astype(np.float32)
    own = np.repeat(flat, 3)[:, None]
    directions = {"NORMAL": np.where(own, np.repeat(normals, 3, axis=0), split.attributes["NORMAL"])}
    if "TANGENT" in split.attributes:
        tangents = split.attributes["TANGENT"]
        directions["TANGENT"] = np.where(own, square_to(directions["NORMAL"], tangents), tangents)
    indices = np.arange(len(primitive.indices), dtype=np.uint32)
    return weld(replace(split, attributes={**split.attributes, **directions}, indices=indices))


def _flat(primitive: Primitive, triangles: Array) -> Bools:
    """(f,) a triangle without area is as flat as any."""
    along = unit(crosses(primitive.positions, triangles))
    cosines = np.einsum("fck,fk->fc", primitive.attributes["NORMAL"][triangles], along)
    flat: Bools = (cosines > COS_TOLERANCE).all(axis=1) | ~along.any(axis=1)
    return flat
