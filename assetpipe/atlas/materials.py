"""What the members of a look are painted with, its pictures -> their one material."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from assetpipe.asset import Json, Material, Scene
from assetpipe.atlas.paints import Paints
from assetpipe.slots import SHEETS, STRENGTH, THICKNESS, Channel, Sheet, find

NAMED = 3
"""Members that a merged material's name lists."""


def merge_materials(scene: Scene, paints: Paints, textures: Mapping[str, int]) -> Material:
    """`textures`: sheet -> its texture. What no factor or map says is alike in all members: the first one's stays."""
    members = [scene.materials[at] for at in dict.fromkeys(paint.material for paint in paints.members)]
    json = _bare(members[0].json)
    json["name"] = _name([member.name for member in members])
    for member in members[1:]:
        if "extras" in member.json:
            json["extras"] = {**member.json["extras"], **json.get("extras", {})} if _tables(json, member) else None
    if json.get("extras", 0) is None:
        del json["extras"]
    for sheet in SHEETS:
        if any(_holds(member.json, sheet) for member in members):
            _set_factors(json, sheet, paints)
    for sheet in paints.sheets:
        _set_maps(json, sheet, paints, textures[sheet.name])
    return Material(json)


def _bare(json: Json) -> Json:
    """Without maps."""
    return {
        key: _bare(value) if isinstance(value, dict) and key != "extras" else copy.deepcopy(value)
        for key, value in json.items()
        if not key.endswith("Texture")
    }


def _tables(json: Json, member: Material) -> bool:
    return isinstance(json.get("extras", {}), dict) and isinstance(member.json["extras"], dict)


def _name(names: Sequence[str]) -> str:
    named = [name for name in names if name]
    more = len(named) - NAMED
    return " + ".join(named[:NAMED]) + (f" and {more} more" if more > 0 else "") or "atlas"


def _holds(json: Json, sheet: Sheet) -> bool:
    return any(not channel.holder or _has(json, channel.holder) for channel in sheet.channels.values())


def _has(json: Json, path: Sequence[str]) -> bool:
    return path[0] in json and (len(path) == 1 or _has(json[path[0]], path[1:]))


def _made(json: Json, path: Sequence[str]) -> Json:
    """The object at `path` of our own copy, made where it is missing."""
    for key in path:
        json = json.setdefault(key, {})
    return json


def _set_factors(json: Json, sheet: Sheet, paints: Paints) -> None:
    spans = paints.spans[sheet.name]
    if sheet.name == "emissive":
        _set_emission(json, [spans[part][1] for part in "rgb"])
        return
    for part, channel in sheet.channels.items():
        if channel.slot == "iridescenceThickness":
            holder = _made(json, channel.holder)
            low, gain = spans[part]
            holder.update(zip(THICKNESS, (low, low + gain), strict=True))
        elif channel.factor:
            _set_factor(json, channel, spans[part][1])


def _set_factor(json: Json, channel: Channel, value: float) -> None:
    """Left out where it is what glTF takes it for."""
    if channel.part is None:
        if value != channel.default or channel.factor in find(json, channel.holder):
            _made(json, channel.holder)[channel.factor] = value
        return
    holder = find(json, channel.holder)
    whole: list[Any] = list(holder.get(channel.factor, ()))
    size = 4 if channel.factor == "baseColorFactor" else 3
    if whole or value != channel.default:
        whole = whole or [channel.default] * size
        whole[channel.part] = value
        _made(json, channel.holder)[channel.factor] = whole


def _set_emission(json: Json, light: list[float]) -> None:
    """A factor of no more than 1, and the strength beyond it."""
    strength = max(light)
    extensions = {key: value for key, value in json.get("extensions", {}).items() if key != STRENGTH[-1]}
    if strength > 1:
        extensions[STRENGTH[-1]] = {"emissiveStrength": strength}
        light = [value / strength for value in light]
    if extensions:
        json["extensions"] = extensions
    else:
        json.pop("extensions", None)
    if strength:
        json["emissiveFactor"] = light


def _set_maps(json: Json, sheet: Sheet, paints: Paints, texture: int) -> None:
    mapped = {channel.slot: channel.holder for channel in sheet.channels.values() if _is_map(sheet, channel, paints)}
    for slot, holder in mapped.items():
        info: Json = {"index": texture}
        if slot == "occlusion":
            strength = paints.spans[sheet.name]["r"][1]
            info |= {"strength": strength} if strength != 1.0 else {}
        elif sheet.role == "normal" and paints.bends[sheet.name] != 1.0:
            info["scale"] = paints.bends[sheet.name]
        _made(json, holder)[f"{slot}Texture"] = info


def _is_map(sheet: Sheet, channel: Channel, paints: Paints) -> bool:
    """A slot that no member has a map for, and all have alike, needs none."""
    same = {other for other, own in sheet.channels.items() if own.slot == channel.slot}
    inks = [paint.inks[sheet.name][other] for paint in paints.members for other in sorted(same)]
    if any(ink.lookup for ink in inks):
        return True
    return any(len({paint.inks[sheet.name][other].flat for paint in paints.members}) > 1 for other in sorted(same))
