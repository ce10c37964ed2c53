"""Arrays of directions: triangle normals, unit vectors, tangents square to normals."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import Array, Floats, Primitive


def crosses(positions: Array, triangles: Array) -> Array:
    """(f, 3) along each triangle's normal, twice its area long, float64."""
    a, b, c = (positions[triangles[:, corner]].astype(np.float64) for corner in range(3))
    (ux, uy, uz), (vx, vy, vz) = (b - a).T, (c - a).T
    along: Array = np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], axis=1)
    return along


def unit(vectors: Array) -> Array:
    """(n, 3) of length 1; the zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Array = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return units


def square_to(normals: Array, tangents: Array) -> Floats:
    """(n, 4) tangents made square to the (n, 3) normals, length 1, w = ±1. One along its normal gets any direction."""
    along = normals.astype(np.float64)
    leaning = tangents[:, :3].astype(np.float64)
    square = leaning - along * (along * leaning).sum(axis=1, keepdims=True)
    lost = np.linalg.norm(square, axis=1) < 1e-6
    if lost.any():
        axis = np.eye(3)[np.abs(along[lost]).argmin(axis=1)]
        square[lost] = np.cross(along[lost], axis)
    side = np.where(tangents[:, 3:4] < 0, -1.0, 1.0)
    return np.concatenate([unit(square), side], axis=1).astype(np.float32)


def vertex_normals(primitive: Primitive) -> Floats:
    """(vertices, 3) unit: the mean of the triangles at each vertex, by area; up where they cancel out."""
    triangles = primitive.indices.reshape(-1, 3)
    along = crosses(primitive.positions, triangles)
    corners = triangles.reshape(-1)
    summed = [np.bincount(corners, np.repeat(along[:, axis], 3), len(primitive.positions)) for axis in range(3)]
    normals = unit(np.stack(summed, axis=1))
    normals[~normals.any(axis=1)] = (0.0, 1.0, 0.0)
    return normals.astype(np.float32)
