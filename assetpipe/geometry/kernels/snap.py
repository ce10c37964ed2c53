"""Points -> points nearer than a distance moved onto one another. Serial: the order decides.

The first point of a neighbourhood stays where it is; a later one moves onto the nearest that stayed. Nothing moves by
more than the distance, and chains of near points do not run together.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from assetpipe.asset import Floats
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)
EMPTY = -1


def snap(points: Floats, distance: float) -> Floats:
    """(n, 3) float32, finite or not; those that are not stay."""
    load(__name__)
    finite = np.isfinite(points).all(axis=1)
    slots = 1 << max(4, int(2 * len(points)).bit_length())
    target = np.arange(len(points), dtype=np.int32)
    arrays = (
        wp.array(np.where(finite[:, None], points, 0).astype(np.float64), dtype=wp.vec3d, device="cpu"),
        wp.array(finite.astype(np.int32), dtype=int, device="cpu"),
        wp.full(slots, EMPTY, dtype=int, device="cpu"),
        wp.array(target, dtype=int, device="cpu"),
    )
    wp.launch(_snap, dim=1, inputs=[*arrays, wp.float64(distance)], device="cpu")
    return np.ascontiguousarray(points[arrays[3].numpy()])


@wp.func
def _slot(x: wp.int64, y: wp.int64, z: wp.int64, slots: int) -> int:
    mix = (x * wp.int64(73856093)) ^ (y * wp.int64(19349663)) ^ (z * wp.int64(83492791))
    mix = mix ^ (mix >> wp.int64(17))
    return int(mix & wp.int64(slots - 1))


@wp.func
def _cell(value: wp.float64, distance: wp.float64) -> wp.int64:
    return wp.int64(wp.floor(value / distance))


@wp.kernel
def _snap(
    points: wp.array(dtype=wp.vec3d),
    finite: wp.array(dtype=int),
    table: wp.array(dtype=int),
    target: wp.array(dtype=int),
    distance: wp.float64,
) -> None:
    slots = table.shape[0]
    for i in range(points.shape[0]):
        if finite[i] == 0:
            continue
        p = points[i]
        cx = _cell(p[0], distance)
        cy = _cell(p[1], distance)
        cz = _cell(p[2], distance)
        best = int(-1)  # noqa: RUF046, UP018 -- a plain literal is a constant to Warp
        nearest = distance * distance
        for neighbour in range(27):
            x = cx + wp.int64(neighbour % 3 - 1)
            y = cy + wp.int64((neighbour // 3) % 3 - 1)
            z = cz + wp.int64(neighbour // 9 - 1)
            at = _slot(x, y, z, slots)
            while table[at] >= 0:
                j = table[at]
                d = wp.length_sq(points[j] - p)
                if d < nearest or (d == nearest and best >= 0 and j < best):
                    nearest = d
                    best = j
                at = (at + 1) & (slots - 1)
        if best >= 0:
            target[i] = best
        else:
            at = _slot(cx, cy, cz, slots)
            while table[at] >= 0:
                at = (at + 1) & (slots - 1)
            table[at] = i
