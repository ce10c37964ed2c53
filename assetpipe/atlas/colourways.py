"""A group of members -> ways to part it, where variants change some of them.

Members whose factors change alike from look to look (a fabric in six colours, on the seat and on the back) need one set
of pictures, and a factor for each look. Beside one that changes otherwise, or never, each look takes pictures of its
own. Which of that is less depends on sizes: the plan weighs the ways that are offered here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from assetpipe.asset import Material, Scene
from assetpipe.atlas.lookups import Lookup, Pictures, look_up
from assetpipe.atlas.paints import DIGITS, Span
from assetpipe.slots import SHEETS, SLOTS, Channel, span
from assetpipe.worn import Worn

Parts = tuple[tuple[Worn, ...], ...]
BY_MAPS = "maps"


def partings(scene: Scene, group: Sequence[Worn], pictures: Pictures) -> list[Parts]:
    """Each once, the whole group first."""
    changes = [len(set(worn)) > 1 for worn in group]
    whole: Parts = (tuple(group),)
    if not any(changes):
        return [whole]
    ways = [_way(scene, worn, pictures) for worn in group]
    lone = [way if way == BY_MAPS or ways.count(way) > 1 else BY_MAPS for way in ways]
    return list(dict.fromkeys([whole, *(_parted(group, keys) for keys in (changes, ways, lone))]))


def _parted(group: Sequence[Worn], keys: Sequence[Hashable]) -> Parts:
    """By their keys, in order."""
    return tuple(
        tuple(worn for worn, own in zip(group, keys, strict=True) if own == key) for key in dict.fromkeys(keys)
    )


def _way(scene: Scene, worn: Worn, pictures: Pictures) -> Hashable:
    """How it changes from look to look: equal for those that one set of pictures serves."""
    materials = [scene.materials[at] for at in worn]
    if len({_lookups(scene, each, pictures) for each in materials}) > 1:
        return BY_MAPS
    opaque = materials[0].alpha_mode == "OPAQUE"
    channels = {
        (sheet.name, part): _course([span(each.json, channel) for each in materials], channel)
        for sheet in SHEETS
        for part, channel in sheet.channels.items()
        if not (opaque and (sheet.name, part) == ("baseColor", "a"))
    }
    return tuple((key, course) for key, course in (channels | _bends(materials)).items() if course)


def _lookups(scene: Scene, material: Material, pictures: Pictures) -> frozenset[tuple[str, Lookup | None]]:
    slots = (slot for slot in material.textures if slot.name in SLOTS)
    return frozenset((slot.name, look_up(scene, slot, pictures)) for slot in slots)


def _course(spans: Sequence[Span], channel: Channel) -> Hashable:
    """What factors change by: those that are multiples of one another change alike. Nothing: not at all."""
    if len(set(spans)) == 1:
        return ()
    if any(low for low, _ in spans) or channel.slot == "occlusion":
        return tuple(spans)
    most = max(gain for _, gain in spans)
    return tuple(round(gain / most, DIGITS) for _, gain in spans)


def _bends(materials: Iterable[Material]) -> dict[tuple[str, str], Hashable]:
    """Scales of normal maps, where they change: members of one picture have one scale."""
    scales: dict[str, list[float]] = {}
    for slot in (slot for each in materials for slot in each.textures if slot.name in SLOTS):
        scales.setdefault(slot.name, []).append(float(slot.info.get("scale", 1.0)))
    return {(name, "scale"): tuple(of) if len(set(of)) > 1 else () for name, of in scales.items()}
