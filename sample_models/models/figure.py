"""A shop mannequin, 1.78 m high, and the 18 joints that move it; it stands in a relaxed pose, its bind pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from kit.surfaces import Array, Part, circle, displace, join, place, sheet, smooth, spline, tube, unit


@dataclass(frozen=True)
class Joint:
    name: str
    parent: str | None
    at: tuple[float, float, float]
    """Metres, in the model's space."""


def _side(side: int, letter: str) -> list[Joint]:
    return [
        Joint(f"upper-arm-{letter}", "chest", (side * 0.172, 1.415, -0.010)),
        Joint(f"forearm-{letter}", f"upper-arm-{letter}", (side * 0.278, 1.135, -0.018)),
        Joint(f"hand-{letter}", f"forearm-{letter}", (side * 0.359, 0.890, 0.020)),
        Joint(f"thigh-{letter}", "hips", (side * 0.088, 0.900, 0.0)),
        Joint(f"shin-{letter}", f"thigh-{letter}", (side * 0.092, 0.490, 0.008)),
        Joint(f"foot-{letter}", f"shin-{letter}", (side * 0.094, 0.085, -0.020)),
    ]


JOINTS = [
    Joint("root", None, (0, 0, 0)),
    Joint("hips", "root", (0, 0.960, 0.0)),
    Joint("spine", "hips", (0, 1.080, 0.0)),
    Joint("chest", "spine", (0, 1.240, -0.005)),
    Joint("neck", "chest", (0, 1.455, -0.015)),
    Joint("head", "neck", (0, 1.555, 0.0)),
    *_side(1, "l"),
    *_side(-1, "r"),
]
INDEX = {joint.name: k for k, joint in enumerate(JOINTS)}
TRUNK = ("hips", "spine", "chest", "neck")
ENDS = {"head": (0, 0.20, 0.01), "hand": (0.008, -0.14, 0.03), "foot": (0.005, -0.06, 0.14)}  # bones without a child


def weights_of(points: Array, names: Sequence[str], softness: float) -> Array:
    """(n, joints) skin weights by distance to the bones of these joints, four at most, each row with the sum 1."""
    far = np.stack([_distance(points, name) for name in names], axis=1)
    near = np.exp(-(far - far.min(axis=1, keepdims=True)) / softness)
    near[near < 0.01] = 0
    if len(names) > 4:
        near[near < np.sort(near, axis=1)[:, -4:-3]] = 0
    table = np.zeros((len(points), len(JOINTS)))
    table[:, [INDEX[name] for name in names]] = near / near.sum(axis=1, keepdims=True)
    return table


def _distance(points: Array, name: str) -> Array:
    """Metres from the points to a joint's bone, which ends where its first child begins."""
    start = np.array(JOINTS[INDEX[name]].at)
    child = next((joint for joint in JOINTS if joint.parent == name), None)
    kind, _, letter = name.rpartition("-")
    tip = np.array(ENDS.get(kind or name, (0, 0, 0))) * [-1 if letter == "r" else 1, 1, 1]
    bone = (np.array(child.at) - start) if child else tip
    t = np.clip((points - start) @ bone / (bone @ bone), 0, 1)
    result: Array = np.linalg.norm(points - start - t[:, None] * bone, axis=1)
    return result


def rings(stations: list[tuple[float, ...]], count: int, sides: int = 72) -> Part:
    """Ovals (height, half width, half depth, forward, power) up the body as one surface; power 2 is an ellipse."""
    table = spline(np.array(stations), count)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    angle[-1] = 0
    rows = []
    for height, width, depth, forward, power in table:
        s, c = np.sin(angle), np.cos(angle)
        round_s, round_c = np.sign(s) * np.abs(s) ** (2 / power), np.sign(c) * np.abs(c) ** (2 / power)
        rows.append(np.stack([width * round_s, np.full_like(s, height), forward + depth * round_c], axis=-1))
    return sheet(np.array(rows))


def _limb(knots: list[tuple[float, float, float, float]], count: int) -> Part:
    """A round limb through (x, y, z, radius), closed at both ends by round caps."""
    line = spline(np.array(knots), count)
    path, radius = line[:, :3], line[:, 3]
    cap = np.linspace(0, np.pi / 2, 9)
    first, last = unit(path[0] - path[1]), unit(path[-1] - path[-2])
    head = path[0] + first * radius[0] * np.cos(cap)[:-1, None]
    tail = path[-1] + last * radius[-1] * np.sin(cap)[1:, None]
    sizes = np.concatenate([radius[0] * np.sin(cap)[:-1], radius, radius[-1] * np.cos(cap)[1:]])
    return tube(np.concatenate([head, path, tail]), circle(1.0, 40), scale=np.maximum(sizes, 1e-4))


TORSO = [
    (0.870, 0.010, 0.010, 0.0, 2.0),
    (0.880, 0.095, 0.075, 0.0, 2.1),
    (0.930, 0.166, 0.112, -0.005, 2.2),
    (0.985, 0.170, 0.110, -0.004, 2.2),
    (1.060, 0.140, 0.092, 0.0, 2.1),
    (1.120, 0.124, 0.084, 0.002, 2.1),
    (1.200, 0.134, 0.094, 0.004, 2.2),
    (1.290, 0.150, 0.112, 0.012, 2.3),
    (1.360, 0.156, 0.098, 0.002, 2.5),
    (1.415, 0.158, 0.074, -0.010, 2.6),
    (1.448, 0.100, 0.060, -0.014, 2.2),
    (1.470, 0.060, 0.054, -0.014, 2.0),
    (1.530, 0.048, 0.050, -0.004, 2.0),
    (1.560, 0.046, 0.050, 0.000, 2.0),
]
HEAD = [
    (1.545, 0.012, 0.012, 0.022, 2.0),
    (1.552, 0.036, 0.048, 0.020, 2.0),
    (1.585, 0.056, 0.078, 0.014, 2.1),
    (1.650, 0.071, 0.092, 0.004, 2.1),
    (1.710, 0.074, 0.094, -0.002, 2.1),
    (1.755, 0.060, 0.076, -0.004, 2.0),
    (1.776, 0.032, 0.042, -0.004, 2.0),
    (1.781, 0.002, 0.003, -0.004, 2.0),
]


def mannequin() -> list[tuple[Part, Array]]:
    """The mannequin's parts, each with its skin weights (n, 18)."""
    torso = rings(TORSO, 90)
    head = rings(HEAD, 48)
    parts = [(torso, weights_of(torso.points, (*TRUNK, "head"), 0.07)), (head, weights_of(head.points, ("head",), 0.1))]
    for side, letter in ((1, "l"), (-1, "r")):
        arm, leg = _arm(side), _leg(side)
        parts.append(
            (arm, weights_of(arm.points, (f"upper-arm-{letter}", f"forearm-{letter}", f"hand-{letter}"), 0.035))
        )
        parts.append((leg, weights_of(leg.points, (f"thigh-{letter}", f"shin-{letter}", f"foot-{letter}"), 0.045)))
    return parts


def spread(points: Array, _normals: Array) -> Array:
    """Arms hang a little away from the body, clear of the skirt."""
    return points + np.stack([0.15 * np.clip(1.405 - points[:, 1], 0, None), *np.zeros((2, len(points)))], axis=1)


def _arm(side: int) -> Part:
    knots = [
        (0.160, 1.405, -0.010, 0.047),
        (0.184, 1.360, -0.012, 0.047),
        (0.213, 1.240, -0.016, 0.040),
        (0.236, 1.140, -0.018, 0.036),
    ]
    knots += [(0.252, 1.060, -0.010, 0.037), (0.272, 0.950, 0.010, 0.027), (0.282, 0.895, 0.020, 0.022)]
    limb = _limb(knots, 70)
    palm = _limb(
        [
            (0.283, 0.890, 0.022, 0.024),
            (0.289, 0.845, 0.032, 0.030),
            (0.292, 0.790, 0.044, 0.024),
            (0.290, 0.730, 0.056, 0.012),
        ],
        30,
    )
    squeezed = place(place(palm, (-0.288, 0, 0)), (0.288, 0, 0), scale=(0.55, 1, 1))
    thumb = _limb([(0.281, 0.850, 0.040, 0.011), (0.276, 0.810, 0.066, 0.011), (0.276, 0.780, 0.076, 0.008)], 14)
    return place(join([displace(part, spread) for part in (limb, squeezed, thumb)]), scale=(side, 1, 1))


def _leg(side: int) -> Part:
    knots = [
        (0.086, 0.900, -0.004, 0.084),
        (0.089, 0.780, 0.000, 0.080),
        (0.091, 0.620, 0.006, 0.062),
        (0.092, 0.490, 0.010, 0.050),
    ]
    knots += [
        (0.093, 0.400, -0.006, 0.052),
        (0.094, 0.320, -0.014, 0.050),
        (0.094, 0.180, -0.018, 0.034),
        (0.094, 0.100, -0.020, 0.030),
    ]
    foot = _limb(
        [
            (0.094, 0.055, -0.045, 0.030),
            (0.095, 0.060, -0.010, 0.034),
            (0.099, 0.040, 0.060, 0.031),
            (0.103, 0.028, 0.130, 0.020),
        ],
        40,
    )
    sole = np.maximum(foot.points[:, 1], 0.016)
    flat = smooth(np.stack([foot.points[:, 0], sole, foot.points[:, 2]], axis=1), foot.uvs, foot.faces)
    return place(join([_limb(knots, 80), flat]), scale=(side, 1, 1))
