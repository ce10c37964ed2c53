"""The attributes of a primitive, from accessors or Draco -> arrays as every later stage may rely on them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from assetpipe.asset import Array, Indices, Json
from assetpipe.sources.accessors import Accessors, as_floats
from assetpipe.sources.document import Document
from assetpipe.sources.draco import Decoded
from assetpipe.sources.vectors import Surroundings, first_nonfinite, mend_attribute, mend_skinning

WIDTHS = {
    "POSITION": (3,),
    "NORMAL": (3,),
    "TANGENT": (4,),
    "TEXCOORD": (2,),
    "COLOR": (3, 4),
    "JOINTS": (4,),
    "WEIGHTS": (4,),
}
SEMANTIC = re.compile(r"POSITION|NORMAL|TANGENT|(TEXCOORD|COLOR|JOINTS|WEIGHTS)_\d|_.+")
# Beyond this, differences of positions overflow float32 when they are squared.
FARTHEST = 1e18


@dataclass(frozen=True)
class Part:
    """A primitive that is being read."""

    entry: Json
    place: str
    draco: Decoded | None


def _values(accessors: Accessors, part: Part, semantic: str) -> tuple[Array, bool]:
    """As stored, and whether integers are normalised."""
    index = part.entry["attributes"][semantic]
    normalised = bool(accessors.entry(index).get("normalized"))
    if part.draco and semantic in part.draco.attributes:
        return part.draco.attributes[semantic], normalised
    return accessors.array(index), normalised


def _floats(accessors: Accessors, part: Part, semantic: str) -> Array:
    if part.draco and semantic in part.draco.attributes:
        values, normalised = _values(accessors, part, semantic)
        return np.ascontiguousarray(as_floats(values, normalised=normalised))
    return accessors.floats(part.entry["attributes"][semantic])


def read_positions(accessors: Accessors, part: Part) -> Array:
    document, place = accessors.document, f"{part.place}/attributes/POSITION"
    positions = _floats(accessors, part, "POSITION")
    key = (part.entry["attributes"]["POSITION"], "POSITION")
    if key in accessors.mended and not part.draco:
        return positions
    _check_width(document, "POSITION", positions, place)
    bad, first = first_nonfinite(positions)
    if bad:
        shown = ", ".join(f"{value:g}" for value in positions[first])
        fault = f"{bad:,} of {len(positions):,} positions are not finite; first [{first}] = ({shown})"
        raise document.refuse("E_NONFINITE", place, fault, "clean the mesh where it was made and export it again")
    if max(float(positions.max(initial=0)), -float(positions.min(initial=0))) > FARTHEST:
        fault = f"coordinates of more than {FARTHEST:g} metres"
        raise document.refuse("E_EXTENT", place, fault, "check the units and the origin of the source")
    accessors.mended[key] = positions
    return positions


def read_attributes(accessors: Accessors, part: Part, positions: Array, triangles: Indices | None) -> dict[str, Array]:
    document, place = accessors.document, f"{part.place}/attributes"
    around = Surroundings(positions, triangles, place, document.notes)
    attributes: dict[str, Array] = {"POSITION": positions}
    for semantic in part.entry["attributes"]:
        if semantic == "POSITION":
            continue
        if not SEMANTIC.fullmatch(semantic):
            document.notes.repair("W_SEMANTIC", f"{place}/{semantic} is no attribute of glTF and is dropped")
            continue
        mended = _mended(accessors, part, semantic, around)
        if mended is not None:
            attributes[semantic] = mended
    _check_pairs(document, attributes, place)
    return mend_skinning(_numbered(document, attributes, place), around)


def _mended(accessors: Accessors, part: Part, semantic: str, around: Surroundings) -> Array | None:
    """Once per accessor: a hundred primitives over one vertex buffer share what was normalised."""
    key = (part.entry["attributes"][semantic], semantic)
    if not part.draco and key in accessors.mended and len(accessors.mended[key]) == len(around.positions):
        return accessors.mended[key]
    document, repairs = accessors.document, len(around.notes.repairs)
    values = _attribute(accessors, part, semantic)
    if values is None:
        return None
    if len(values) != len(around.positions):
        fault = f"{len(values):,} elements, but POSITION has {len(around.positions):,}"
        raise document.refuse("E_ATTRIBUTE_COUNT", f"{around.place}/{semantic}", fault)
    mended = mend_attribute(semantic, values, around)
    if len(around.notes.repairs) == repairs and mended is not None:  # a repair may depend on the triangles
        accessors.mended[key] = mended
    return mended


def _attribute(accessors: Accessors, part: Part, semantic: str) -> Array | None:
    place = f"{part.place}/attributes/{semantic}"
    values, normalised = _values(accessors, part, semantic)
    _check_width(accessors.document, semantic, values, place)
    if semantic.startswith("JOINTS_"):
        return _joints(accessors.document, values, place)
    if semantic.startswith("_") and not normalised:
        return _custom(accessors.document, values, place)
    return _floats(accessors, part, semantic)


def _custom(document: Document, values: Array, place: str) -> Array | None:
    """In its own type where glTF allows that: not for 32 bit integers, nor for 3 x 3 matrices without padding."""
    if values.dtype == np.uint32:
        most = int(values.max(initial=0))
        fitting = np.uint16 if most < 1 << 16 else np.float32 if most <= 1 << 24 else None
        instead = f"{np.dtype(fitting)} now" if fitting else f"dropped, for {most} fits nothing else"
        document.notes.repair("W_SEMANTIC", f"{place}: 32 bit integers are no vertex attribute: {instead}")
        return values.astype(fitting) if fitting else None
    return np.ascontiguousarray(values if values.shape[1] != 9 else values.astype(np.float32))


def _joints(document: Document, values: Array, place: str) -> Array:
    if values.dtype.kind == "f" and (values == np.round(values)).all() and 0 <= values.min() <= values.max() <= 0xFFFF:
        document.notes.repair("W_JOINTS", f"{place} were floats, now integers")
    elif values.dtype.kind != "u" or int(values.max(initial=0)) > 0xFFFF:
        raise document.refuse("E_JOINTS", place, f"{values.dtype} joints up to {values.max()} are not 16 bit integers")
    return np.ascontiguousarray(values.astype(np.uint16))


def _check_width(document: Document, semantic: str, values: Array, place: str) -> None:
    allowed = WIDTHS.get(semantic.partition("_")[0])
    if allowed and values.shape[1] not in allowed:
        raise document.refuse(
            "E_ATTRIBUTE_TYPE", place, f"{values.shape[1]} components, not {' or '.join(map(str, allowed))}"
        )


def _check_pairs(document: Document, attributes: dict[str, Array], place: str) -> None:
    joints = {key.partition("_")[2] for key in attributes if key.startswith("JOINTS_")}
    weights = {key.partition("_")[2] for key in attributes if key.startswith("WEIGHTS_")}
    if joints != weights:
        alone = sorted(joints ^ weights)[0]
        raise document.refuse("E_JOINTS", place, f"JOINTS_{alone} and WEIGHTS_{alone} do not come together")


def _numbered(document: Document, attributes: dict[str, Array], place: str) -> dict[str, Array]:
    """Sets of joints and of colours without gaps. Joints add up in any order; colours after the first no viewer knows.

    Gaps between UV sets are filled when the materials are known, for they count on the numbers (`uv_sets.py`).
    """
    skins = sorted(key.partition("_")[2] for key in attributes if key.startswith("JOINTS_"))
    colours = [f"COLOR_{n}" for n, key in enumerate(sorted(k for k in attributes if k.startswith("COLOR_")))]
    new = {f"{kind}_{old}": f"{kind}_{n}" for n, old in enumerate(skins) for kind in ("JOINTS", "WEIGHTS")}
    found = {}
    for key, values in attributes.items():
        if key.startswith("COLOR_") and key not in colours:
            document.notes.repair("W_SEMANTIC", f"{place}/{key} comes after a gap and is dropped")
        else:
            found[new.get(key, key)] = values
    if any(old != now for old, now in new.items()):
        document.notes.repair("W_SEMANTIC", f"{place}: JOINTS_{', '.join(skins)} are counted from 0 now")
    return found
