"""Flat shading: primitives of which every triangle has its own normal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assetpipe.asset import Array, Primitive
from assetpipe.geometry.directions import crosses, square_to, unit
from assetpipe.geometry.welding import map_vertices, weld

COS_TOLERANCE = float(np.cos(np.radians(1.0)))


def is_flat(primitive: Primitive) -> bool:
    """Whether every corner's normal is its triangle's. A first thousand triangles settle it for most smooth meshes."""
    if "NORMAL" not in primitive.attributes:
        return True
    triangles = primitive.indices.reshape(-1, 3)
    step = max(1, len(triangles) // 1000)
    return _all_flat(primitive, triangles[::step]) and _all_flat(primitive, triangles)


def with_flat_normals(primitive: Primitive) -> Primitive:
    """Each triangle its own normal; vertices are shared where normals are equal."""
    split = map_vertices(primitive, lambda array: array[primitive.indices])
    along = unit(crosses(primitive.positions, primitive.indices.reshape(-1, 3)))
    along[~along.any(axis=1)] = (0.0, 1.0, 0.0)
    normals = np.repeat(along.astype(np.float32), 3, axis=0)
    directions = {"NORMAL": normals}
    if "TANGENT" in split.attributes:
        directions["TANGENT"] = square_to(normals, split.attributes["TANGENT"])
    indices = np.arange(len(normals), dtype=np.uint32)
    return weld(replace(split, attributes={**split.attributes, **directions}, indices=indices))


def _all_flat(primitive: Primitive, triangles: Array) -> bool:
    along = unit(crosses(primitive.positions, triangles))
    seen = along.any(axis=1)
    normals = primitive.attributes["NORMAL"][triangles]
    cosines = np.einsum("fck,fk->fc", normals, along)
    return bool((cosines[seen] > COS_TOLERANCE).all())
