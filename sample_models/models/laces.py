"""The sneaker's laces and the eyelets that they run through."""

from __future__ import annotations

import numpy as np
from kit.surfaces import Array, Part, circle, join, lathe, spline, tube, unit

from models import last

ROWS = np.linspace(0.085, 0.268, 7)  # u of the eyelets, from the toe up


def eyelets() -> list[tuple[Array, Array]]:
    """Place and normal of each, pair by pair: outer side, inner side."""
    found = []
    for row in ROWS:
        for u in (np.array([row]), np.array([1 - row])):
            v = np.array([0.905])
            at = last.upper(u, v)[0]
            du, dv = (
                last.upper(u + 1e-3, v) - last.upper(u - 1e-3, v),
                last.upper(u, v + 1e-3) - last.upper(u, v - 1e-3),
            )
            normal = unit(np.cross(du, dv))[0]
            found.append((at + normal * 0.0013, normal))
    return found


def eyelet() -> Part:
    line = [(0.0034, 0.0), (0.0033, 0.0006), (0.0028, 0.0010), (0.0022, 0.0009), (0.0018, 0.0003), (0.0018, -0.0012)]
    return last.unit_part(lathe(line, 28, crease=80))


def laces() -> Part:
    """Bars across the throat, crosses between them, and a bow."""
    at = [where + normal * 0.0008 for where, normal in eyelets()]
    outer, inner = at[0::2], at[1::2]
    ribbons = [_lace(_over(a, b, 0.0045)) for a, b in zip(outer, inner, strict=True)]
    ribbons += [_lace(_over(a, b, 0.0070)) for a, b in zip(outer[:-1], inner[1:], strict=True)]
    ribbons += [_lace(_over(a, b, 0.0058)) for a, b in zip(inner[:-1], outer[1:], strict=True)]
    knot = (outer[-1] + inner[-1]) / 2 + [0, 0.0095, 0.004]
    for side in (1, -1):
        loop = [
            (0, 0, 0),
            (0.018, 0.006, 0.006),
            (0.036, 0.001, 0.020),
            (0.040, -0.010, 0.030),
            (0.028, -0.010, 0.024),
            (0.012, 0.002, 0.010),
            (0, 0.001, 0.002),
        ]
        end = [
            (0, 0.001, 0),
            (0.012, 0.003, 0.012),
            (0.024, -0.010, 0.030),
            (0.033, -0.028, 0.046),
            (0.036, -0.040, 0.052),
        ]
        for shape in (loop, end):
            ribbons.append(_lace(knot + spline(np.array(shape) * [side, 1, 1], 60)))
    ribbons.append(
        _lace(
            knot
            + np.stack(
                [0 * np.ones(20), 0.003 * np.cos(np.linspace(0, 5.5, 20)), 0.0035 * np.sin(np.linspace(0, 5.5, 20))],
                axis=1,
            )
        )
    )
    return join([last.unit_part(part) for part in ribbons])


def _over(a: Array, b: Array, rise: float) -> Array:
    """From eyelet to eyelet over the tongue."""
    t = np.linspace(0, 1, 40)[:, None]
    lift = np.sin(np.pi * t) ** 0.7 * rise - 0.0022 * (np.abs(2 * t - 1) ** 8)
    return a * (1 - t) + b * t + lift * np.array([0, 0.93, 0.37])


def _lace(path: Array) -> Part:
    return tube(path, circle(1.0, 16) * [0.0011, 0.0030])
