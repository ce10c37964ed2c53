"""Points, triangles -> the nearest triangle to each point and how far it is (Warp's bounding volume hierarchy, CPU)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Floats
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


class Hierarchy:
    """Triangles, sorted so that the nearest is found fast: a million are sorted in 1 s and take 150 MB."""

    def __init__(self, corners: Floats) -> None:
        """(3 f, 3) corners of f triangles."""
        load(__name__)
        self.triangles = len(corners) // 3
        indices = wp.array(np.arange(len(corners), dtype=np.int32), dtype=int, device="cpu")
        self._mesh = wp.Mesh(wp.array(corners, dtype=wp.vec3, device="cpu"), indices)

    def nearest(self, points: Floats, within: Floats) -> tuple[Floats, NDArray[np.int32]]:
        """(n, 3) -> (n,) how far the nearest triangle is and (n,) which; `within` (n,) and -1 when none is nearer."""
        far = wp.array(within, dtype=float, device="cpu")
        faces = wp.full(len(points), -1, dtype=int, device="cpu")
        queries = wp.array(points, dtype=wp.vec3, device="cpu")
        wp.launch(_closest, dim=len(points), inputs=[self._mesh.id, queries, far, faces], device="cpu")
        return far.numpy(), faces.numpy()


@wp.kernel
def _closest(
    mesh: wp.uint64, points: wp.array(dtype=wp.vec3), far: wp.array(dtype=float), faces: wp.array(dtype=int)
) -> None:
    i = wp.tid()
    p = points[i]
    hit = wp.mesh_query_point_no_sign(mesh, p, far[i])
    if hit.result:
        nearest = wp.mesh_eval_position(mesh, hit.face, hit.u, hit.v)
        far[i] = wp.min(far[i], wp.length(nearest - p))
        faces[i] = hit.face
