"""Points, triangles -> how far each point lies from the nearest triangle (Warp's bounding volume hierarchy, CPU)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Floats
from assetpipe.geometry.kernels.runtime import EXACT, load

wp.set_module_options(EXACT)


def distances(points: Floats, corners: Floats, within: Floats) -> Floats:
    """(n, 3) points and (3 f, 3) corners of f triangles -> (n,) the distance to the nearest, or `within` (n,) when none
    is nearer than that."""
    load(__name__)
    far = wp.array(within, dtype=float, device="cpu")
    triangles = wp.array(np.arange(len(corners), dtype=np.int32), dtype=int, device="cpu", copy=False)
    mesh = wp.Mesh(wp.array(corners, dtype=wp.vec3, device="cpu", copy=False), triangles)
    queries = wp.array(points, dtype=wp.vec3, device="cpu", copy=False)
    wp.launch(_closest, dim=len(points), inputs=[mesh.id, queries, far], device="cpu")
    found: NDArray[np.float32] = far.numpy()
    return found


@wp.kernel
def _closest(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), far: wp.array(dtype=float)) -> None:
    i = wp.tid()
    p = points[i]
    hit = wp.mesh_query_point_no_sign(mesh, p, far[i])
    if hit.result:
        nearest = wp.mesh_eval_position(mesh, hit.face, hit.u, hit.v)
        far[i] = wp.min(far[i], wp.length(nearest - p))
