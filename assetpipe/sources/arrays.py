"""Skins, animations and instancing -> the same JSON with indices into `Scene.arrays` in place of accessors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assetpipe.asset import Array, Json
from assetpipe.sources.accessors import Accessors
from assetpipe.sources.vectors import first_nonfinite

INSTANCING = "EXT_mesh_gpu_instancing"


@dataclass(frozen=True, eq=False)
class Lifted:
    """Arrays in the order in which they were first asked for."""

    accessors: Accessors
    arrays: list[Array] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)

    def lift(self, accessor: int, place: str) -> int:
        if accessor not in self._places:
            self._places[accessor] = len(self.arrays)
            self.arrays.append(self._shaped(accessor, place))
        return self._places[accessor]

    def _shaped(self, accessor: int, place: str) -> Array:
        """float32: (n,) SCALAR, (n, 2..4) VEC, (n, 4, 4) MAT4 with columns first, as glTF stores them."""
        values, kind = self.accessors.floats(accessor), self.accessors.entry(accessor)["type"]
        bad, first = first_nonfinite(values)
        if bad:
            raise self.accessors.document.refuse(
                "E_NONFINITE", place, f"{bad:,} values are not finite; first [{first}]"
            )
        if kind == "SCALAR":
            return values.reshape(-1)
        return values.reshape(-1, 4, 4) if kind == "MAT4" else values


def lift_skins(lifted: Lifted) -> list[Json]:
    document = lifted.accessors.document
    skins = []
    for number, skin in enumerate(document.items("skins")):
        place = f"/skins/{number}/inverseBindMatrices"
        if "inverseBindMatrices" not in skin:
            skins.append(skin)
            continue
        entry = lifted.accessors.entry(skin["inverseBindMatrices"])
        if entry["type"] != "MAT4" or entry["componentType"] != 5126 or entry["count"] < len(skin["joints"]):
            fault = f"{entry['count']} {entry['type']} for {len(skin['joints'])} joints; one float MAT4 each is needed"
            raise document.refuse("E_SKIN", place, fault)
        skins.append({**skin, "inverseBindMatrices": lifted.lift(skin["inverseBindMatrices"], place)})
    return skins


def lift_animations(lifted: Lifted) -> list[Json]:
    """A product is worth publishing without an animation that is broken: that one is dropped."""
    document, animations = lifted.accessors.document, []
    for number, animation in enumerate(document.items("animations")):
        place = f"/animations/{number}"
        try:
            animations.append(_lift_animation(lifted, animation, place))
        except BrokenAnimationError as error:
            document.notes.repair("W_ANIMATION", f"{place} is dropped: {error}")
    return animations


class BrokenAnimationError(Exception):
    """Cannot be played; the text says why."""


def _lift_animation(lifted: Lifted, animation: Json, place: str) -> Json:
    if not animation["channels"] or not animation["samplers"]:
        raise BrokenAnimationError("it animates nothing")
    for number, sampler in enumerate(animation["samplers"]):
        _check_sampler(lifted.accessors, sampler, f"samplers/{number}")
    samplers = [
        {**sampler, **{key: lifted.lift(sampler[key], f"{place}/samplers/{i}/{key}") for key in ("input", "output")}}
        for i, sampler in enumerate(animation["samplers"])
    ]
    return {**animation, "samplers": samplers}


def _check_sampler(accessors: Accessors, sampler: Json, place: str) -> None:
    keys = accessors.entry(sampler["input"])
    if keys["type"] != "SCALAR" or keys["componentType"] != 5126:
        raise BrokenAnimationError(f"{place}/input is no float SCALAR of seconds")
    times, values = accessors.floats(sampler["input"]).reshape(-1), accessors.floats(sampler["output"])
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        raise BrokenAnimationError(f"{place} holds values that are not finite")
    if (np.diff(times) <= 0).any() or times[0] < 0:
        raise BrokenAnimationError(f"{place}/input: key times must start at 0 or later and increase")
    per_key = 3 if sampler.get("interpolation") == "CUBICSPLINE" else 1
    if len(values) % (len(times) * per_key):
        raise BrokenAnimationError(f"{place}/output: {len(values):,} values for {len(times):,} keys")


def lift_instances(lifted: Lifted, node: Json, place: str) -> Json:
    """A node with its EXT_mesh_gpu_instancing attributes lifted."""
    extension = node.get("extensions", {}).get(INSTANCING)
    if extension is None:
        return node
    attributes = {
        semantic: lifted.lift(accessor, f"{place}/extensions/{INSTANCING}/attributes/{semantic}")
        for semantic, accessor in extension["attributes"].items()
    }
    if len({len(lifted.arrays[index]) for index in attributes.values()}) > 1:
        raise lifted.accessors.document.refuse("E_ATTRIBUTE_COUNT", place, "instance attributes differ in length")
    return {**node, "extensions": {**node["extensions"], INSTANCING: {**extension, "attributes": attributes}}}
