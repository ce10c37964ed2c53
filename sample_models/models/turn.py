"""The mannequin's four seconds: it turns on the spot, arms swinging, and the skirt flies a little."""

from __future__ import annotations

import numpy as np
from kit.document import Document
from kit.surfaces import Array

from models.figure import INDEX

SECONDS, FRAMES = 4.0, 33
PHASE = np.linspace(0, 2 * np.pi, FRAMES)  # one turn; all motions come back to where they began

# joint -> axis, degrees at each moment
SWAYS: dict[str, tuple[tuple[float, float, float], Array]] = {
    "hips": ((0, 0, 1), 2.0 * np.sin(2 * PHASE)),
    "spine": ((0, 0, 1), -2.5 * np.sin(2 * PHASE)),
    "chest": ((0, 1, 0), 4.0 * np.sin(PHASE)),
    "neck": ((0, 1, 0), 8.0 * np.sin(PHASE)),
    "head": ((1, 0, 0), 3.0 * np.sin(2 * PHASE)),
    "upper-arm-l": ((1, 0, 0), -9.0 * np.sin(2 * PHASE)),
    "upper-arm-r": ((1, 0, 0), 9.0 * np.sin(2 * PHASE)),
    "forearm-l": ((1, 0, 0), -7.0 * (1 - np.cos(2 * PHASE)) / 2),
    "forearm-r": ((1, 0, 0), -7.0 * (1 - np.cos(2 * PHASE)) / 2),
    "thigh-l": ((0, 0, 1), -2.0 * np.sin(2 * PHASE)),
    "thigh-r": ((0, 0, 1), -2.0 * np.sin(2 * PHASE)),
}


def animate(document: Document, joints: list[int], dress: int) -> None:
    """Adds the clip `turn`: linear rotations, a cubic spline for the weight's shift, the dress's morph weights."""
    times = np.linspace(0, SECONDS, FRAMES, dtype=np.float32)
    clock = document.accessor(times, bounds=True)
    samplers, channels = [], []

    def move(node: int, path: str, values: Array, interpolation: str = "LINEAR") -> None:
        output = document.accessor(np.ascontiguousarray(values, np.float32))
        samplers.append({"input": clock, "output": output, "interpolation": interpolation})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    move(joints[INDEX["root"]], "rotation", rotations((0, 1, 0), np.degrees(PHASE - 0.25 * np.sin(PHASE))))
    for name, (axis, degrees) in SWAYS.items():
        move(joints[INDEX[name]], "rotation", rotations(axis, degrees))
    move(joints[INDEX["hips"]], "translation", _shift(), "CUBICSPLINE")
    spin = (1 - np.cos(PHASE)) / 2
    gusts = np.stack([0.35 + 0.35 * np.sin(PHASE * 2), 0.8 * spin], axis=1)
    move(dress, "weights", gusts.reshape(-1))
    document.add("animations", {"name": "turn", "samplers": samplers, "channels": channels})


def rotations(axis: tuple[float, float, float], degrees: Array) -> Array:
    """(n, 4) unit quaternions."""
    half = np.radians(degrees)[:, None] / 2
    return np.concatenate([np.sin(half) * np.array(axis), np.cos(half)], axis=1)


def _shift() -> Array:
    """(3 * n, 3): in-tangent, value and out-tangent of the hips' place at each key."""
    rate = 2 * np.pi / SECONDS  # of PHASE, per second
    still = 0 * PHASE
    value = np.stack([0.010 * np.sin(2 * PHASE), 0.960 - 0.004 * (1 - np.cos(2 * PHASE)), still], axis=1)
    slope = rate * np.stack([0.020 * np.cos(2 * PHASE), -0.008 * np.sin(2 * PHASE), still], axis=1)
    return np.stack([slope, value, slope], axis=1).reshape(-1, 3)
