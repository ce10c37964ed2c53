"""Scene, materials of a group -> the sheets that they need together, and what each member puts on them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from assetpipe.asset import Scene
from assetpipe.atlas.lookups import Lookup, Pictures, look_up
from assetpipe.slots import SHEETS, Sheet, common_span, span

FACING = frozenset({"normal", "clearcoatNormal", "anisotropy"})
"""Sheets of vectors along tangents."""
Span = tuple[float, float]
DIGITS = 9
"""Of factors that are told apart: a ratio of two that all looks share comes out a rounding error apart."""


@dataclass(frozen=True)
class Ink:
    """What a material puts into one channel: `start + gain * texel`, 0..1; colours as light."""

    lookup: Lookup | None
    component: str
    start: float
    gain: float
    neutral: float
    """the texel where there is no lookup"""

    @property
    def flat(self) -> float:
        """The channel's value where there is no lookup."""
        return self.start + self.gain * self.neutral

    @property
    def recipe(self) -> Hashable:
        return self.lookup, self.component, round(self.start, DIGITS), round(self.gain, DIGITS), self.neutral


@dataclass(frozen=True)
class Paint:
    """A material as texels."""

    material: int
    inks: Mapping[str, Mapping[str, Ink]]
    """sheet -> component -> ink"""
    bends: Mapping[str, float]
    """sheet of normals -> what x and y are multiplied with, where members differ"""

    @cached_property
    def lookups(self) -> tuple[Lookup, ...]:
        """Those of all sheets, the finest first."""
        found = dict.fromkeys(ink.lookup for inks in self.inks.values() for ink in inks.values() if ink.lookup)
        return tuple(sorted(found, key=lambda lookup: -lookup.density))

    @property
    def facing(self) -> tuple[Lookup, ...]:
        """Those of vectors."""
        found = {ink.lookup for name in FACING & self.inks.keys() for ink in self.inks[name].values() if ink.lookup}
        return tuple(lookup for lookup in self.lookups if lookup in found)


@dataclass(frozen=True)
class Paints:
    members: tuple[Paint, ...]
    sheets: tuple[Sheet, ...]
    """Those that somebody has a map for, or that members disagree about."""
    spans: Mapping[str, Mapping[str, Span]]
    """sheet -> component -> what the merged material's factors say"""
    bends: Mapping[str, float]
    """sheet of normals -> the merged material's `scale`"""

    def recipe(self, sheet: Sheet, components: str) -> Hashable:
        """Equal for what gives the same picture in the same places: variants often differ in one sheet alone."""
        return sheet.name, tuple(
            (
                tuple(ink.recipe for part, ink in paint.inks[sheet.name].items() if part in components),
                round(paint.bends.get(sheet.name, 1.0), DIGITS),
            )
            for paint in self.members
        )


def mix_paints(scene: Scene, group: Sequence[int], pictures: Pictures) -> Paints:
    lookups = {at: _lookups(scene, at, pictures) for at in group}
    spans: dict[str, dict[str, dict[int, Span]]] = {
        sheet.name: {part: _spans(scene, group, sheet, part) for part in sheet.channels} for sheet in SHEETS
    }
    common = {
        sheet.name: {
            part: common_span(list(spans[sheet.name][part].values()), channel)
            for part, channel in sheet.channels.items()
        }
        for sheet in SHEETS
    }
    sheets = tuple(sheet for sheet in SHEETS if _needed(sheet, lookups.values(), spans[sheet.name]))
    bends = {sheet.name: _scales(scene, group, sheet) for sheet in sheets if sheet.role == "normal"}
    kept = {name: values[0] if len(set(values)) == 1 else 1.0 for name, values in bends.items()}
    members = tuple(
        Paint(
            at,
            {
                sheet.name: {
                    part: _ink(lookups[at], sheet, part, spans[sheet.name][part][at], common[sheet.name][part])
                    for part in sheet.channels
                }
                for sheet in sheets
            },
            {name: _scale(scene, at, name) / kept[name] if kept[name] else 1.0 for name in bends},
        )
        for at in group
    )
    return Paints(members, sheets, common, kept)


def filled_in(looks: Sequence[Paints]) -> list[Paints]:
    """What a factor of zero hides in one look is as in another: in pure red nobody sees shares of green."""
    return [_filled_in(own, looks) for own in looks]


def _filled_in(own: Paints, looks: Sequence[Paints]) -> Paints:
    members = list(own.members)
    for sheet in own.sheets:
        for part in sheet.channels:
            other = next((each for each in looks if sheet in each.sheets and each.spans[sheet.name][part][1]), None)
            if own.spans[sheet.name][part][1] or other is None:
                continue
            lent = [paint.inks[sheet.name][part] for paint in other.members]
            if [ink.lookup for ink in lent] == [paint.inks[sheet.name][part].lookup for paint in members]:
                members = [_with_ink(paint, sheet, part, ink) for paint, ink in zip(members, lent, strict=True)]
    return replace(own, members=tuple(members))


def _with_ink(paint: Paint, sheet: Sheet, part: str, ink: Ink) -> Paint:
    return replace(paint, inks={**paint.inks, sheet.name: {**paint.inks[sheet.name], part: ink}})


def _lookups(scene: Scene, material: int, pictures: Pictures) -> dict[str, Lookup]:
    found = {slot.name: look_up(scene, slot, pictures) for slot in scene.materials[material].textures}
    return {name: lookup for name, lookup in found.items() if lookup is not None}


def _spans(scene: Scene, group: Sequence[int], sheet: Sheet, part: str) -> dict[int, Span]:
    return {at: span(scene.materials[at].json, sheet.channels[part]) for at in group}


def _needed(sheet: Sheet, lookups: object, spans: Mapping[str, Mapping[int, Span]]) -> bool:
    mapped = any(slot in own for own in lookups for slot in sheet.slots)  # type: ignore[attr-defined]
    return mapped or (sheet.role != "normal" and any(len(set(of.values())) > 1 for of in spans.values()))


def _ink(lookups: Mapping[str, Lookup], sheet: Sheet, part: str, own: Span, common: Span) -> Ink:
    channel = sheet.channels[part]
    start, gain = (own[0] - common[0], own[1]) if common[1] else (0.0, 1.0)
    scale = common[1] or 1.0
    return Ink(lookups.get(channel.slot), part, start / scale, gain / scale, channel.neutral)


def _scales(scene: Scene, group: Sequence[int], sheet: Sheet) -> list[float]:
    mapped = [at for at in group if any(slot.name == sheet.name for slot in scene.materials[at].textures)]
    return [_scale(scene, at, sheet.name) for at in mapped]


def _scale(scene: Scene, material: int, name: str) -> float:
    slots = [slot for slot in scene.materials[material].textures if slot.name == name]
    return float(slots[0].info.get("scale", 1.0)) if slots else 1.0
