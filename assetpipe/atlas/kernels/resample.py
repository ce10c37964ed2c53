"""Texels of a source -> texels of a sheet: each the average of what it covers, where averages mean something.

A texel is sampled by as many points as it covers source texels, evenly spread, each a bilinear lookup; at a whole ratio
that lies on the source's lattice those are the source's texels themselves, so it is the exact box average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from assetpipe.asset import Array
from assetpipe.kernels import EXACT, load

wp.set_module_options(EXACT)


@dataclass(frozen=True, eq=False)
class Way:
    """Where texels of a sheet lie in the source, in the source's texels."""

    turns: Array
    """(m, 4) row by row, one for each owner"""
    moves: Array
    """(m, 2)"""
    wrap: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Seen:
    """Which texels of the patch's plane its triangles show: only those count into an average."""

    mask: Array
    """(h, w) uint8"""
    turn: tuple[float, float, float, float]
    """row by row, texels of the source -> of the mask"""
    move: tuple[float, float]


def resample(
    source: Array, tables: Array, owner: Array, corner: tuple[int, int], way: Way, seen: Seen | None, *, weighted: bool
) -> NDArray[np.float32]:
    """(h, w, c) uint8, (c, 256) the value of each code, (rows, columns) which way each texel goes (-1: none), the left
    and top of the window -> (rows, columns, c). `weighted`: colour counts as much as the alpha with it."""
    load(__name__)
    rows, columns = owner.shape
    out = wp.zeros((rows, columns, source.shape[2]), dtype=float, device="cpu")
    job = Job()
    job.left, job.top = corner
    job.wrap_u, job.wrap_v = way.wrap
    job.weighted = int(weighted and source.shape[2] == 4)
    job.seen = int(seen is not None)
    if seen is not None:
        job.seen_turn, job.seen_move = wp.vec4d(*seen.turn), wp.vec2d(*seen.move)
    mask = seen.mask if seen is not None else np.zeros((1, 1), np.uint8)
    inputs = [
        wp.array(np.ascontiguousarray(source), dtype=wp.uint8, device="cpu", copy=False),
        wp.array(np.ascontiguousarray(tables, np.float32), dtype=float, device="cpu"),
        wp.array(np.ascontiguousarray(owner, np.int32), dtype=int, device="cpu", copy=False),
        wp.array(np.ascontiguousarray(way.turns, np.float64), dtype=wp.vec4d, device="cpu"),
        wp.array(np.ascontiguousarray(way.moves, np.float64), dtype=wp.vec2d, device="cpu"),
        wp.array(np.ascontiguousarray(mask), dtype=wp.uint8, device="cpu", copy=False),
        job,
    ]
    wp.launch(_resample, dim=(rows, columns), inputs=[*inputs, out], device="cpu")
    found: NDArray[np.float32] = out.numpy()
    return found


@wp.struct
class Job:
    left: int
    top: int
    wrap_u: int
    wrap_v: int
    weighted: int
    seen: int
    seen_turn: wp.vec4d
    seen_move: wp.vec2d


@wp.func
def _wrapped(at: int, size: int, mode: int) -> int:
    if at >= 0 and at < size:
        return at
    if mode == 10497:
        at = at % size
        return wp.where(at < 0, at + size, at)
    if mode == 33648:
        at = at % (2 * size)
        at = wp.where(at < 0, at + 2 * size, at)
        return wp.min(at, 2 * size - 1 - at)
    return wp.clamp(at, 0, size - 1)


@wp.func
def _samples(a: wp.float64, b: wp.float64) -> int:
    """For a step of a texel that moves (a, b) in the source. A quarter of a texel more than one is left to the bilinear
    lookup, which blurs less than a second sample would."""
    return wp.clamp(int(wp.ceil(wp.sqrt(a * a + b * b) - wp.float64(0.25))), 1, 64)


@wp.func
def _is_seen(mask: wp.array2d(dtype=wp.uint8), job: Job, u: int, v: int) -> bool:
    """The texel (u, v) of the source, not yet wrapped."""
    x = wp.float64(u) + wp.float64(0.5)
    y = wp.float64(v) + wp.float64(0.5)
    column = int(wp.floor(job.seen_turn[0] * x + job.seen_turn[1] * y + job.seen_move[0]))
    row = int(wp.floor(job.seen_turn[2] * x + job.seen_turn[3] * y + job.seen_move[1]))
    if column < 0 or row < 0 or column >= mask.shape[1] or row >= mask.shape[0]:
        return False
    return mask[row, column] != wp.uint8(0)


@wp.func
def _snapped(at: wp.float64) -> wp.float64:
    """Rounding must not blur what lies on the lattice."""
    near = wp.round(at)
    return wp.where(wp.abs(at - near) < wp.float64(1.0e-4), near, at)


@wp.func
def _texel(source: wp.array3d(dtype=wp.uint8), tables: wp.array2d(dtype=float), y: int, x: int) -> wp.vec4:
    red = tables[0, int(source[y, x, 0])]
    green = tables[1, int(source[y, x, 1])]
    blue = tables[2, int(source[y, x, 2])]
    alpha = wp.float32(1.0)
    if source.shape[2] == 4:
        alpha = tables[3, int(source[y, x, 3])]
    return wp.vec4(red, green, blue, alpha)


@wp.kernel
def _resample(
    source: wp.array3d(dtype=wp.uint8),
    tables: wp.array2d(dtype=float),
    owner: wp.array2d(dtype=int),
    turns: wp.array(dtype=wp.vec4d),
    moves: wp.array(dtype=wp.vec2d),
    mask: wp.array2d(dtype=wp.uint8),
    job: Job,
    out: wp.array3d(dtype=float),
) -> None:
    row, column = wp.tid()
    t = owner[row, column]
    if t < 0:
        return
    turn = turns[t]
    move = moves[t]
    across = _samples(turn[0], turn[2])
    down = _samples(turn[1], turn[3])
    half = wp.float64(0.5)
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    plain = wp.vec4(0.0, 0.0, 0.0, 0.0)
    count = wp.float32(0.0)
    weight = wp.float32(0.0)
    for attempt in range(2):
        if count == 0.0:
            for j in range(down):
                for i in range(across):
                    x = wp.float64(column + job.left) + (wp.float64(i) + half) / wp.float64(across)
                    y = wp.float64(row + job.top) + (wp.float64(j) + half) / wp.float64(down)
                    if attempt == 0 or job.seen == 1:
                        u = _snapped(turn[0] * x + turn[1] * y + move[0] - half)
                        v = _snapped(turn[2] * x + turn[3] * y + move[1] - half)
                        iu = int(wp.floor(u))
                        iv = int(wp.floor(v))
                        fu = float(u - wp.floor(u))
                        fv = float(v - wp.floor(v))
                        for dv in range(2):
                            wv = wp.where(dv == 0, 1.0 - fv, fv)
                            sy = _wrapped(iv + dv, source.shape[0], job.wrap_v)
                            for du in range(2):
                                share = wv * wp.where(du == 0, 1.0 - fu, fu)
                                if share > 0.0 and (
                                    attempt == 1 or job.seen == 0 or _is_seen(mask, job, iu + du, iv + dv)
                                ):
                                    count += share
                                    sx = _wrapped(iu + du, source.shape[1], job.wrap_u)
                                    value = _texel(source, tables, sy, sx)
                                    plain += value * share
                                    if job.weighted == 1:
                                        share = share * value[3]
                                    weight += share
                                    total += value * share
    if weight == 0.0:
        total = plain
        weight = count
    out[row, column, 0] = total[0] / weight
    out[row, column, 1] = total[1] / weight
    out[row, column, 2] = total[2] / weight
    if source.shape[2] == 4:
        out[row, column, 3] = plain[3] / count
