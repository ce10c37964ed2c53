"""Triangles -> which of them are flat: every corner's normal is the triangle's own (a million take 30 ms); which of
them touch some vertices (2 ms)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.elements import get, put
from assetpipe.geometry.kernels.order import whole
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


def flat_triangles(positions: Array, normals: Array, triangles: Array, cosine: float) -> NDArray[np.bool_]:
    """(f,) for the (f, 3) triangles; one without area is as flat as any. `cosine` of the largest angle."""
    load(__name__)
    flat = wp.empty(len(triangles), dtype=wp.bool, device="cpu")
    arrays = (
        wp.array(np.ascontiguousarray(array), dtype=kind, device="cpu", copy=False)
        for array, kind in ((positions, wp.vec3), (normals, wp.vec3), (triangles.astype(np.int32), wp.vec3i))
    )
    if len(triangles):
        wp.launch(_judge, dim=len(triangles), inputs=[*arrays, cosine, flat], device="cpu")
    found: NDArray[np.bool_] = flat.numpy()
    return found


def touching(triangles: Array, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(f,) of the (f, 3) triangles, those with a vertex that is `marked` (v,)."""
    load(__name__)
    touched = np.zeros(len(triangles), bool)
    if len(triangles):
        corners = np.ascontiguousarray(triangles).astype(np.uint32, copy=False)
        arrays = [whole(corners.reshape(-1), wp.uint32), whole(marked, wp.bool), whole(touched, wp.bool)]
        wp.launch(_touch, dim=1, inputs=arrays, device="cpu")
    return touched


@wp.kernel
def _touch(
    corners: wp.array(dtype=wp.uint32), marked: wp.array(dtype=wp.bool), touched: wp.array(dtype=wp.bool)
) -> None:
    for f in range(touched.shape[0]):
        one = get(marked, int(get(corners, 3 * f))) or get(marked, int(get(corners, 3 * f + 1)))
        put(touched, f, one or get(marked, int(get(corners, 3 * f + 2))))


@wp.kernel
def _judge(
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    triangles: wp.array(dtype=wp.vec3i),
    cosine: wp.float64,
    flat: wp.array(dtype=wp.bool),
) -> None:
    f = wp.tid()
    t = triangles[f]
    a = wp.vec3d(positions[t[0]])
    along = wp.cross(wp.vec3d(positions[t[1]]) - a, wp.vec3d(positions[t[2]]) - a)
    length = wp.length(along)
    least = cosine * length
    is_flat = length == wp.float64(0.0)
    if not is_flat:
        is_flat = (
            wp.dot(wp.vec3d(normals[t[0]]), along) > least
            and wp.dot(wp.vec3d(normals[t[1]]), along) > least
            and wp.dot(wp.vec3d(normals[t[2]]), along) > least
        )
    flat[f] = is_flat
