"""What a camera and a light of a document must be: the rules for both, the conditions between properties included."""

from __future__ import annotations

import math

from assetpipe.asset import Json
from assetpipe.sources.rules import Context, above, array, choice, number, record, text

CAMERA = record(
    {"type": choice("perspective", "orthographic")},
    perspective=record({"yfov": above(0), "znear": above(0)}, aspectRatio=above(0), zfar=above(0)),
    orthographic=record({"xmag": number(), "ymag": number(), "zfar": above(0), "znear": number(0)}),
)
LIGHT = record(
    {"type": text},
    color=array(number(0, 1), length=3),
    intensity=number(0),
    range=above(0),
    spot=record(innerConeAngle=number(0), outerConeAngle=number(0, math.pi / 2)),
)
WIDEST = math.pi / 4
"""The default of outerConeAngle."""


def camera(context: Context, value: object, place: str) -> Json:
    checked: Json = CAMERA(context, value, place)
    kind = checked["type"]
    if kind not in checked:
        raise context.refuse("E_SCHEMA", place, f"is {kind}, but has no {kind!r}")
    other = "orthographic" if kind == "perspective" else "perspective"
    if other in checked:
        context.notes.repair("W_CAMERA", f"{place} is {kind}: {other} dropped")
    lens = _lens(context, checked[kind], f"{place}/{kind}")
    return {**{key: own for key, own in checked.items() if key != other}, kind: lens}


def _lens(context: Context, lens: Json, place: str) -> Json:
    for key in ("xmag", "ymag"):
        if lens.get(key) == 0:
            raise context.refuse("E_SCHEMA", f"{place}/{key}", "0 shows nothing")
    if lens.get("zfar", math.inf) > lens["znear"]:
        return lens
    fault = f"{lens['zfar']:g} is not more than znear, {lens['znear']:g}"
    if "yfov" not in lens:
        raise context.refuse("E_SCHEMA", f"{place}/zfar", fault)
    context.notes.repair("W_CAMERA", f"{place}/zfar: {fault}: dropped, it sees to infinity")
    return {key: own for key, own in lens.items() if key != "zfar"}


def light(context: Context, value: object, place: str) -> Json:
    checked: Json = LIGHT(context, value, place)
    if checked["type"] != "spot":
        return checked
    if "spot" not in checked:
        context.notes.repair("W_LIGHT", f"{place} is a spot without 'spot': the default cone holds")
    spot = checked.get("spot", {})
    inner, outer = spot.get("innerConeAngle", 0), spot.get("outerConeAngle", WIDEST)
    if not outer > 0:
        raise context.refuse("E_SCHEMA", f"{place}/spot/outerConeAngle", f"{outer:g} lights nothing")
    if inner >= outer:
        context.notes.repair("W_LIGHT", f"{place}/spot: innerConeAngle {inner:g} is not less than {outer:g}: now it is")
        # The hardest edge that can be written.
        spot = {**spot, "innerConeAngle": outer * 0.999}
    return {**checked, "spot": spot}
