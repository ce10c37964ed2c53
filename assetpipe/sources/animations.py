"""Animations -> the same with indices into `Scene.arrays`; what no viewer could play is dropped, and that is noted.

A product is worth publishing without an animation that is broken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from assetpipe.asset import Array, Json, Mesh, Node
from assetpipe.sources.arrays import Lifted
from assetpipe.sources.vectors import UNIT_TOLERANCE

POINTER = "KHR_animation_pointer"
KINDS = {"translation": "VEC3", "scale": "VEC3", "rotation": "VEC4", "weights": "SCALAR"}
JSON_POINTER = re.compile(r"(/([^/~]|~[01])*)*")
NORMALISED = (5120, 5121, 5122, 5123)


class BrokenAnimationError(Exception):
    """Cannot be played; the text says why."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What is there to be animated."""

    lifted: Lifted
    targets: Mapping[int, int]
    """Node -> number of morph targets of its mesh."""

    def note(self, text: str) -> None:
        self.lifted.accessors.document.notes.repair("W_ANIMATION", text)


def lift_animations(lifted: Lifted, nodes: Sequence[Node], meshes: Sequence[Mesh]) -> list[Json]:
    shown = {number: node.mesh for number, node in enumerate(nodes) if node.mesh is not None}
    stage = Stage(lifted, {number: len(meshes[mesh].primitives[0].targets) for number, mesh in shown.items()})
    animations = []
    for number, animation in enumerate(lifted.accessors.document.items("animations")):
        place = f"/animations/{number}"
        try:
            animations.append(_lift_animation(stage, animation, place))
        except BrokenAnimationError as error:
            stage.note(f"{place} is dropped: {error}")
    return animations


def _lift_animation(stage: Stage, animation: Json, place: str) -> Json:
    if not animation["samplers"]:
        raise BrokenAnimationError("it animates nothing")
    for number, sampler in enumerate(animation["samplers"]):
        _check_sampler(stage.lifted, sampler, f"samplers/{number}")
    kept = _playable(stage, animation["channels"], place)
    for number, channel in kept:
        _check_output(stage, channel, animation["samplers"][channel["sampler"]], f"channels/{number}")
    if not kept:
        raise BrokenAnimationError("it animates nothing")
    channels = [channel for _, channel in kept]
    turning = {channel["sampler"] for channel in channels if channel["target"]["path"] == "rotation"}
    samplers = [
        _lift_sampler(stage, sampler, f"{place}/samplers/{i}", turns=i in turning)
        for i, sampler in enumerate(animation["samplers"])
    ]
    return {**animation, "channels": channels, "samplers": samplers}


def _playable(stage: Stage, channels: Sequence[Json], place: str) -> list[tuple[int, Json]]:
    """Number and channel, without those that have nothing to move and without all but the first to move one thing."""
    kept: dict[object, tuple[int, Json]] = {}
    for number, channel in enumerate(channels):
        aim = _aim(channel["target"], number)
        fault = _fault(stage, channel["target"]) or (f"moves what channel {kept[aim][0]} moves" if aim in kept else "")
        if fault:
            stage.note(f"{place}/channels/{number} {fault}: dropped")
        else:
            kept[aim] = (number, channel)
    return list(kept.values())


def _aim(target: Json, number: int) -> object:
    """Equal for channels that move the same thing."""
    if target["path"] == "pointer":
        return target.get("extensions", {}).get(POINTER, {}).get("pointer", number)
    return (target["node"], target["path"]) if "node" in target else number


def _fault(stage: Stage, target: Json) -> str:
    path, node = target["path"], target.get("node")
    if POINTER in target.get("extensions", {}):
        if path != "pointer" or node is not None:
            return "mixes a pointer with a node"
        return "" if JSON_POINTER.fullmatch(target["extensions"][POINTER]["pointer"]) else "has no valid pointer"
    if path not in KINDS:
        return f"moves {path[:40]!r}, which glTF does not know"
    if path == "weights" and node is not None and not stage.targets.get(node):
        return "weighs morph targets, but its mesh has none"
    return ""


def _check_sampler(lifted: Lifted, sampler: Json, place: str) -> None:
    accessors = lifted.accessors
    keys = accessors.entry(sampler["input"])
    if keys["type"] != "SCALAR" or keys["componentType"] != 5126:
        raise BrokenAnimationError(f"{place}/input is no float SCALAR of seconds")
    times, values = accessors.floats(sampler["input"]).reshape(-1), accessors.floats(sampler["output"])
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        raise BrokenAnimationError(f"{place} holds values that are not finite")
    if (np.diff(times) <= 0).any() or times[0] < 0:
        raise BrokenAnimationError(f"{place}/input: key times must start at 0 or later and increase")
    if len(values) % (len(times) * _per_key(sampler)):
        raise BrokenAnimationError(f"{place}/output: {len(values):,} values for {len(times):,} keys")
    if _per_key(sampler) == 3 and len(times) < 2:
        raise BrokenAnimationError(f"{place}/input: a cubic spline needs two keys")


def _check_output(stage: Stage, channel: Json, sampler: Json, place: str) -> None:
    """As many values, of such a type, as the path asks for."""
    accessors, target = stage.lifted.accessors, channel["target"]
    if target["path"] == "pointer":
        return
    entry, keys = accessors.entry(sampler["output"]), accessors.entry(sampler["input"])["count"]
    kind = KINDS[target["path"]]
    stored = entry["componentType"] == 5126 or (entry.get("normalized") and entry["componentType"] in NORMALISED)
    if entry["type"] != kind or not stored:
        raise BrokenAnimationError(f"{place}: its output is no {kind} of floats, as {target['path']} needs")
    each = stage.targets.get(target.get("node", -1), 1) if target["path"] == "weights" else 1
    expected = keys * _per_key(sampler) * each
    if entry["count"] != expected:
        raise BrokenAnimationError(f"{place}: {entry['count']:,} values where {expected:,} are needed")


def _per_key(sampler: Json) -> int:
    """A cubic spline has a tangent on either side of each value."""
    return 3 if sampler.get("interpolation") == "CUBICSPLINE" else 1


def _lift_sampler(stage: Stage, sampler: Json, place: str, *, turns: bool) -> Json:
    source = stage.lifted.accessors.entry(sampler["input"])
    times = stage.lifted.lift(sampler["input"], f"{place}/input", "times")
    if not turns:
        output = stage.lifted.lift(sampler["output"], f"{place}/output", "values")
        return {**sampler, "input": times, "output": output}
    spline, exact = _per_key(sampler) == 3, stage.lifted.accessors.entry(sampler["output"])["componentType"] == 5126
    mend = partial(_unit, stage if exact else None, keys=source["count"], spline=spline)
    use = "rotations on a spline" if spline else "rotations"
    return {**sampler, "input": times, "output": stage.lifted.lift(sampler["output"], f"{place}/output", use, mend)}


def _unit(stage: Stage | None, values: Array, place: str, *, keys: int, spline: bool) -> Array:
    """(n, 4) quaternions of length 1; on a spline those between their tangents. Bytes never are exact: not noted."""
    turns = values.reshape(keys, -1, 4)[:, 1 if spline else 0]
    lengths = np.linalg.norm(turns.astype(np.float64), axis=1)
    wrong = np.abs(lengths - 1) > UNIT_TOLERANCE
    if not wrong.any():
        return values
    if not lengths.min() > 1e-6:
        raise BrokenAnimationError(f"{place}: rotation {int(lengths.argmin())} has no length")
    if stage is not None:
        stage.note(f"{place}: {int(wrong.sum()):,} rotations have the length 1 now")
    mended = values.copy().reshape(keys, -1, 4)
    mended[:, 1 if spline else 0] = turns / lengths[:, None]
    return mended.reshape(-1, 4)
