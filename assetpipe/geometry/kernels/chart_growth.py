"""Triangles with normals -> charts of triangles that look the same way (serial, best first).

D. Cohen-Steiner et al., Variational Shape Approximation, 2004: charts grow from seeds, the triangle that bends least
from its chart's axis next; here a triangle that bends more than `limit` from every chart founds one of its own.
"""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
Ints = NDArray[np.int32]


def grow(across: Ints, normals: Array, labels: Ints, *, seeds: Ints, axes: Array, weights: Array, limit: float) -> Ints:
    """across: (f, 3) neighbours or -1; normals: (f, 3) unit; labels: (f,) charts or -1 where to grow; seeds: (k,) first
    triangles of the charts max(labels) + 1 .. + k and axes: (k, 3) theirs; weights: (f,); limit: least cosine.
    (f,) every triangle in a chart."""
    load(__name__)
    fresh = int(labels.max(initial=-1)) + 1
    found = wp.array(labels, dtype=int, device="cpu", copy=True)
    room = 3 * len(labels) + len(seeds) + 3
    heap = [wp.empty(room, dtype=kind, device="cpu") for kind in (float, int, int)]
    given = [
        wp.array(np.ascontiguousarray(array, kind), dtype=warped, device="cpu")
        for array, kind, warped in (
            (across, np.int32, int),
            (normals, np.float32, wp.vec3),
            (weights, np.float32, float),
            (seeds, np.int32, int),
            (axes, np.float32, wp.vec3),
        )
    ]
    wp.launch(_grow, dim=1, inputs=[*given, float(limit), fresh, *heap, found], device="cpu")
    grown: Ints = found.numpy()
    return grown


@wp.func
def _push(
    cost: float,
    face: int,
    chart: int,
    n: int,
    costs: wp.array(dtype=float),
    faces: wp.array(dtype=int),
    charts: wp.array(dtype=int),
) -> int:
    at = wp.int32(n)
    while at > 0 and costs[(at - 1) // 2] > cost:
        up = (at - 1) // 2
        costs[at] = costs[up]
        faces[at] = faces[up]
        charts[at] = charts[up]
        at = up
    costs[at] = cost
    faces[at] = face
    charts[at] = chart
    return n + 1


@wp.func
def _pop(n: int, costs: wp.array(dtype=float), faces: wp.array(dtype=int), charts: wp.array(dtype=int)) -> int:
    """Takes the top away; n: how many there were."""
    last = n - 1
    cost = costs[last]
    face = faces[last]
    chart = charts[last]
    at = wp.int32(0)
    down = wp.int32(1)
    while down < last:
        if down + 1 < last and costs[down + 1] < costs[down]:
            down = down + 1
        if costs[down] < cost:
            costs[at] = costs[down]
            faces[at] = faces[down]
            charts[at] = charts[down]
            at = down
            down = 2 * at + 1
        else:
            down = last
    costs[at] = cost
    faces[at] = face
    charts[at] = chart
    return last


@wp.kernel
def _grow(
    across: wp.array2d(dtype=int),
    normals: wp.array(dtype=wp.vec3),
    weights: wp.array(dtype=float),
    seeds: wp.array(dtype=int),
    axes: wp.array(dtype=wp.vec3),
    limit: float,
    fresh: int,
    costs: wp.array(dtype=float),
    faces: wp.array(dtype=int),
    charts: wp.array(dtype=int),
    label: wp.array(dtype=int),
) -> None:
    n = wp.int32(0)
    for k in range(seeds.shape[0]):
        if label[seeds[k]] < 0:
            n = _push(0.0, seeds[k], k, n, costs, faces, charts)
    while n > 0:
        f = faces[0]
        k = charts[0]
        n = _pop(n, costs, faces, charts)
        if label[f] < 0:
            label[f] = fresh + k
            for e in range(3):
                g = across[f, e]
                # Warp looks at both sides of an `and`.
                near = wp.where(g >= 0, wp.dot(normals[wp.max(g, 0)], axes[k]), -2.0)
                if near >= limit and label[wp.max(g, 0)] < 0:
                    n = _push(1.0 - near, g, k, n, costs, faces, charts)
    chart = fresh + seeds.shape[0]
    for first in range(label.shape[0]):
        if label[first] < 0:
            axis = normals[first] * wp.max(weights[first], 1.0e-12)
            way = normals[first]
            n = _push(0.0, first, chart, 0, costs, faces, charts)
            while n > 0:
                f = faces[0]
                n = _pop(n, costs, faces, charts)
                if label[f] < 0 and (f == first or wp.dot(normals[f], way) >= limit):
                    label[f] = chart
                    if f != first:
                        axis = axis + normals[f] * weights[f]
                        way = wp.normalize(axis)
                    for e in range(3):
                        g = across[f, e]
                        near = wp.where(g >= 0, wp.dot(normals[wp.max(g, 0)], way), -2.0)
                        if near >= limit and label[wp.max(g, 0)] < 0:
                            n = _push(1.0 - near, g, chart, n, costs, faces, charts)
            chart += 1
