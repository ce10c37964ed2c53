"""Animations: what can be played comes through as it is, channel by channel; the rest is dropped and noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assetpipe.asset import Array, Json
from tests.sources.build import Build, quad, read

TIMES = np.array([0, 1], np.float32)
UPRIGHT = np.array([[0, 0, 0, 1]] * 2, np.float32)


def moving(path: str, values: Array, target: Json | None = None, **sampler: Any) -> Build:
    """A still channel, which is always sound, and one of `values`."""
    build = quad()
    still = {"input": build.accessor(TIMES), "output": build.accessor(np.zeros((2, 3), np.float32))}
    other = {"input": build.accessor(TIMES), "output": build.accessor(values), **sampler}
    channels = [
        {"sampler": 0, "target": {"node": 0, "path": "translation"}},
        {"sampler": 1, "target": {"node": 0, "path": path} if target is None else target},
    ]
    build.json["animations"] = [{"channels": channels, "samplers": [still, other]}]
    return build


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (moving("translation", np.zeros((2, 3), np.float32)), "moves what channel 0 moves"),
        (moving("weights", np.zeros(2, np.float32)), "mesh has none"),
        (moving("colour", np.zeros(2, np.float32)), "glTF does not know"),
        (moving("", UPRIGHT, {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": "x"}}}), "valid"),
        (
            moving("", UPRIGHT, {"path": "scale", "extensions": {"KHR_animation_pointer": {"pointer": "/nodes/0"}}}),
            "mixes",
        ),
    ],
)
def test_a_channel_that_moves_nothing_is_dropped_alone(tmp_path: Path, build: Build, said: str) -> None:
    scene = read(tmp_path, build)
    assert [channel["sampler"] for channel in scene.json["animations"][0]["channels"]] == [0]
    assert [line for line in scene.repairs if line.startswith("W_ANIMATION /animations/0/channels/1") and said in line]


@pytest.mark.parametrize(
    "build",
    [
        moving("scale", np.zeros((2, 4), np.float32)),
        moving("scale", np.zeros((4, 3), np.float32)),
        moving("rotation", np.zeros((2, 3), np.float32)),
        moving("rotation", np.zeros((2, 4), np.float32)),
        moving("scale", np.zeros((6, 3), np.int16)),
        moving("scale", np.zeros((2, 3), np.float32), interpolation="CUBICSPLINE"),
    ],
)
def test_an_animation_whose_values_do_not_fit_is_dropped(tmp_path: Path, build: Build) -> None:
    scene = read(tmp_path, build)
    assert "animations" not in scene.json
    assert [line for line in scene.repairs if line.startswith("W_ANIMATION /animations/0 is dropped")]


def test_a_spline_of_one_key_cannot_be_played(tmp_path: Path) -> None:
    build = moving("scale", np.zeros((3, 3), np.float32), interpolation="CUBICSPLINE")
    build.json["animations"][0]["samplers"][1]["input"] = build.accessor(TIMES[:1])
    assert "animations" not in read(tmp_path, build).json


def test_rotations_get_unit_length(tmp_path: Path) -> None:
    """Of a spline only the values, not their tangents; bytes cannot be exact, so for them nothing is noted."""
    scene = read(tmp_path, moving("rotation", UPRIGHT * np.float32(2)))
    assert scene.arrays[3].tolist() == UPRIGHT.tolist()
    assert [line for line in scene.repairs if "2 rotations have the length 1 now" in line]
    spline = np.array([[9, 9, 9, 9], [0, 0, 0, 2], [8, 8, 8, 8]] * 2, np.float32)
    scene = read(tmp_path, moving("rotation", spline, interpolation="CUBICSPLINE"))
    assert scene.arrays[3].tolist() == [[9, 9, 9, 9], [0, 0, 0, 1], [8, 8, 8, 8]] * 2
    build = moving("rotation", np.array([[70, 0, 0, 100]] * 2, np.int8))
    build.json["accessors"][-1]["normalized"] = True
    scene = read(tmp_path, build)
    assert np.allclose(np.linalg.norm(scene.arrays[3], axis=1), 1)
    assert scene.repairs == ()


def test_one_accessor_in_two_roles_becomes_two_arrays(tmp_path: Path) -> None:
    """glTF allows an accessor only one kind of use."""
    build = moving("weights", np.zeros(4, np.float32))
    build.json["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 0}]
    build.json["animations"][0]["samplers"][1]["output"] = build.json["animations"][0]["samplers"][1]["input"]
    sampler = read(tmp_path, build).json["animations"][0]["samplers"][1]
    assert sampler["input"] != sampler["output"]
