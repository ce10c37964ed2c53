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
    animations = []
    for number, animation in enumerate(lifted.accessors.document.items("animations")):
        place = f"/animations/{number}"
        if not animation["channels"] or not animation["samplers"]:
            lifted.accessors.document.notes.repair("W_EMPTY_ANIMATION", f"{place} animates nothing and is dropped")
            continue
        samplers = [
            _sampler(lifted, sampler, f"{place}/samplers/{i}") for i, sampler in enumerate(animation["samplers"])
        ]
        animations.append({**animation, "samplers": samplers})
    return animations


def _sampler(lifted: Lifted, sampler: Json, place: str) -> Json:
    document, accessors = lifted.accessors.document, lifted.accessors
    keys = accessors.entry(sampler["input"])
    if keys["type"] != "SCALAR" or keys["componentType"] != 5126:
        raise document.refuse("E_ANIMATION", f"{place}/input", f"{keys['type']} is no float SCALAR of seconds")
    source, target = lifted.lift(sampler["input"], f"{place}/input"), lifted.lift(sampler["output"], f"{place}/output")
    times, values = lifted.arrays[source], lifted.arrays[target]
    if (np.diff(times) <= 0).any() or times[0] < 0:
        raise document.refuse("E_ANIMATION", f"{place}/input", "key times must start at 0 or later and increase")
    per_key = 3 if sampler.get("interpolation") == "CUBICSPLINE" else 1
    if len(values) == 0 or len(values) % (len(times) * per_key):
        fault = f"{len(values):,} values for {len(times):,} keys"
        raise document.refuse("E_ANIMATION", f"{place}/output", fault)
    return {**sampler, "input": source, "output": target}


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
