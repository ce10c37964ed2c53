"""Skins and instancing -> the same JSON with indices into `Scene.arrays` in place of accessors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from assetpipe.asset import Array, Json
from assetpipe.sources.accessors import Accessors
from assetpipe.sources.document import Document
from assetpipe.sources.vectors import first_nonfinite

INSTANCING = "EXT_mesh_gpu_instancing"
# What an exporter's arithmetic may leave in the last row of a matrix, which has to be 0 0 0 1.
AFFINE = 1e-3
Mend = Callable[[Array, str], Array]
"""An array and its place -> the array as glTF allows it, the very same when nothing is wrong."""


def unchanged(values: Array, _place: str) -> Array:
    return values


@dataclass(frozen=True, eq=False)
class Lifted:
    """Arrays in the order in which they were first asked for."""

    accessors: Accessors
    arrays: list[Array] = field(default_factory=list)
    _places: dict[tuple[int, str], int] = field(default_factory=dict)

    def lift(self, accessor: int, place: str, use: str, mend: Mend = unchanged) -> int:
        """Once for each use: glTF lets no accessor be a key time here and a matrix or a rotation there."""
        key = (accessor, use)
        if key not in self._places:
            self.arrays.append(mend(self._shaped(accessor, place), place))
            self._places[key] = len(self.arrays) - 1
        return self._places[key]

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
        index = lifted.lift(skin["inverseBindMatrices"], place, "bind", partial(_affine, document))
        skins.append({**skin, "inverseBindMatrices": index})
    return skins


def _affine(document: Document, matrices: Array, place: str) -> Array:
    """(n, 4, 4), columns first: each column ends in what the last row is."""
    last = np.array([0, 0, 0, 1], np.float32)
    astray = np.abs(matrices[:, :, 3] - last).max(axis=1)
    if not astray.any():
        return matrices
    if astray.max() > AFFINE:
        worst = int(astray.argmax())
        shown = ", ".join(f"{value:g}" for value in matrices[worst, :, 3])
        raise document.refuse("E_SKIN", place, f"the last row of matrix {worst} is ({shown}), not (0, 0, 0, 1)")
    document.notes.repair("W_SKIN", f"{place}: the last row of {int((astray > 0).sum())} is (0, 0, 0, 1) now")
    mended = matrices.copy()
    mended[:, :, 3] = last
    return mended


def lift_instances(lifted: Lifted, node: Json, place: str) -> Json:
    """A node with its EXT_mesh_gpu_instancing attributes lifted."""
    extension = node.get("extensions", {}).get(INSTANCING)
    if extension is None:
        return node
    attributes = {
        semantic: lifted.lift(accessor, f"{place}/extensions/{INSTANCING}/attributes/{semantic}", "instances")
        for semantic, accessor in extension["attributes"].items()
    }
    if len({len(lifted.arrays[index]) for index in attributes.values()}) > 1:
        raise lifted.accessors.document.refuse("E_ATTRIBUTE_COUNT", place, "instance attributes differ in length")
    return {**node, "extensions": {**node["extensions"], INSTANCING: {**extension, "attributes": attributes}}}
