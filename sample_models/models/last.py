"""The shape of the sneaker's upper: where the surface is at (u round the foot, v from the sole to the opening).

u runs from the toe (0) along the outer side to the heel (0.5) and back along the inner side. +Z is the toe.
"""

from __future__ import annotations

import numpy as np
from kit.surfaces import Array, Part, sheet, spline, unit

# round the outer side, toe to heel: sole edge x, z; opening x, z, y; fall from the opening, rise from the sole
STATIONS = [
    (0.001, 0.1400, 0.000, 0.060, 0.0680, 0.004, 0.030),
    (0.026, 0.1310, 0.008, 0.058, 0.0685, 0.005, 0.032),
    (0.043, 0.1000, 0.0135, 0.049, 0.0720, 0.008, 0.038),
    (0.0465, 0.0650, 0.0160, 0.033, 0.0790, 0.012, 0.040),
    (0.0420, 0.0250, 0.0180, 0.012, 0.0900, 0.018, 0.040),
    (0.0360, -0.0150, 0.0215, -0.010, 0.1020, 0.028, 0.040),
    (0.0345, -0.0500, 0.0290, -0.032, 0.1010, 0.034, 0.036),
    (0.0355, -0.0850, 0.0335, -0.062, 0.0850, 0.030, 0.032),
    (0.0340, -0.1120, 0.0310, -0.092, 0.0830, 0.030, 0.032),
    (0.0225, -0.1320, 0.0185, -0.116, 0.0950, 0.036, 0.034),
    (0.0000, -0.1390, 0.0000, -0.124, 0.1010, 0.038, 0.034),
]
MEDIAL = (0.93, 1, 0.97, 1, 1, 1, 1)  # the inner side is a little straighter
COUNT = 960


def _table() -> Array:
    """(COUNT + 1, 7) stations all round, closed."""
    inner = [
        tuple(value * factor * sign for value, factor, sign in zip(row, MEDIAL, (-1, 1, -1, 1, 1, 1, 1), strict=True))
        for row in STATIONS
    ]
    loop = spline(np.array(STATIONS + inner[-2:0:-1]), COUNT, closed=True)
    start = int(np.argmin(np.hypot(loop[:, 0] - STATIONS[0][0], loop[:, 1] - STATIONS[0][1])))
    loop = np.roll(loop, -start, axis=0)
    return np.concatenate([loop, loop[:1]])


TABLE = _table()


def stations(u: Array) -> Array:
    """(..., 7) at u, any real number: one unit is once round."""
    where = (u % 1.0) * COUNT
    low = np.minimum(where.astype(int), COUNT - 1)
    t = (where - low)[..., None]
    result: Array = TABLE[low] * (1 - t) + TABLE[low + 1] * t
    return result


def sole_top(z: Array) -> Array:
    return np.interp(z, [-0.14, -0.05, 0.03, 0.09, 0.12, 0.145], [0.036, 0.032, 0.025, 0.024, 0.027, 0.034])


def sole_bottom(z: Array) -> Array:
    return np.interp(z, [-0.145, -0.125, -0.10, 0.07, 0.11, 0.145], [0.006, 0.001, 0.0, 0.0, 0.004, 0.014])


def upper(u: Array, v: Array, inset: float = 0.0) -> Array:
    """(..., 3) points of the upper; `inset` metres further in for the lining."""
    bx, bz, tx, tz, ty, fall, rise = np.moveaxis(stations(u), -1, 0)
    sole = np.stack([bx, sole_top(bz) - 0.004, bz], axis=-1)
    edge = np.stack([tx, ty, tz], axis=-1)
    out = outward(u)
    sole, edge = sole - inset * 1.1 * out, edge - inset * 0.8 * out * [1, 0, 1]
    level = (sole - edge) * [1, 0, 1]
    one = sole + rise[..., None] * [0, 1, 0] + 0.0035 * out
    two = edge + 0.5 * level - fall[..., None] * [0, 1, 0] + 0.002 * out
    t = v[..., None]
    curve: Array = (1 - t) ** 3 * sole + 3 * t * (1 - t) ** 2 * one + 3 * t**2 * (1 - t) * two + t**3 * edge
    return curve


def outward(u: Array) -> Array:
    """(..., 3) horizontal direction out of the sole's outline."""
    ahead, behind = stations(u + 0.004), stations(u - 0.004)
    step = ahead[..., :2] - behind[..., :2]
    return unit(np.stack([-step[..., 1], 0 * step[..., 0], step[..., 0]], axis=-1))


def patch(u: Array, v: Array, lift: float, rim: int = 2) -> Part:
    """A panel sewn on the upper: lattices u and v of (rows, columns); it stands `lift` metres off, its rim dips in."""
    points = upper(u, v)
    du, dv = upper(u + 1e-3, v) - upper(u - 1e-3, v), upper(u, v + 1e-3) - upper(u, v - 1e-3)
    normal = unit(np.cross(du, dv))
    rows, columns = u.shape
    border = np.minimum.outer(
        np.minimum(np.arange(rows), np.arange(rows)[::-1]), np.minimum(np.arange(columns), np.arange(columns)[::-1])
    )
    height = np.interp(border, [0, 0.999, rim], [-0.0006, 0.7 * lift, lift])
    return sheet(points + normal * height[..., None], unit_uvs(rows, columns))


def unit_uvs(rows: int, columns: int) -> Array:
    return np.stack(np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows)), axis=-1)


def ring(offset: float, height: Array | float, columns: int = 360) -> Array:
    """(columns + 1, 3) the sole's outline, `offset` metres outside the upper's, at a height."""
    u = np.linspace(0, 1, columns + 1)
    at = stations(u)
    points = np.stack([at[:, 0], np.broadcast_to(height, len(u)), at[:, 1]], axis=-1) + offset * outward(u)
    points[-1] = points[0]
    return points


def filled(edge: Array, rows: int = 10) -> Array:
    """(rows, columns, 3) lattice from a closed outline in to the foot's middle line."""
    spine = edge * [0.0, 1, 0.86]
    t = np.linspace(0, 1, rows)[:, None, None]
    return edge * (1 - t) + spine * t


def unit_part(part: Part) -> Part:
    """UVs stretched to 0..1."""
    low, high = part.uvs.min(axis=0), part.uvs.max(axis=0)
    return Part(part.points, part.normals, (part.uvs - low) / (high - low), part.faces)
