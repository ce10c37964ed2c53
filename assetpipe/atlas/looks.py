"""The noun between the plan and its pictures: members that share one layout, and all that is painted into it.

A look is what all members wear at the same time, without a variant or in one: one material, one set of pictures. Looks
share the layout and every picture that comes out alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from assetpipe.asset import Scene
from assetpipe.atlas.layout import Layout
from assetpipe.atlas.lookups import Doubles, Lookup, Pictures
from assetpipe.atlas.outlines import Outline, Subject
from assetpipe.atlas.paints import Paint, Paints, filled_in, mix_paints
from assetpipe.slots import Sheet
from assetpipe.worn import Worn


@dataclass(frozen=True, eq=False)
class Look:
    paints: Paints
    opaque: bool
    """Whether nobody looks at the alpha of base colours."""

    @property
    def members(self) -> tuple[int, ...]:
        """Their materials; what shows the same one in this look shows another one elsewhere."""
        return tuple(paint.material for paint in self.paints.members)

    def components(self, sheet: Sheet) -> str:
        return "rgba" if "a" in sheet.channels and not (sheet.name == "baseColor" and self.opaque) else "rgb"

    def recipe(self, sheet: Sheet) -> Hashable:
        """Equal for equal pictures: colourways mostly differ in one sheet."""
        components = self.components(sheet)
        return components, self.paints.recipe(sheet, components)


@dataclass(frozen=True, eq=False)
class Looks:
    """Of one group."""

    each: tuple[Look, ...]
    of: tuple[int, ...]
    """without a variant, then in each: which look"""


@dataclass(frozen=True, eq=False)
class Atlas:
    looks: Looks
    outlines: tuple[Outline, ...]
    layout: Layout

    @property
    def members(self) -> tuple[Worn, ...]:
        return tuple(each.subject.worn for each in self.outlines)

    def own(self, at: int) -> Doubles:
        """The scales of a member's patches."""
        return self.layout.scale[self.layout.first[at] : self.layout.first[at + 1]]

    @property
    def pictures(self) -> dict[Hashable, tuple[Look, Sheet]]:
        """Each once, by its recipe."""
        found: dict[Hashable, tuple[Look, Sheet]] = {}
        for look in self.looks.each:
            for sheet in look.paints.sheets:
                found.setdefault(look.recipe(sheet), (look, sheet))
        return found


def mix_looks(scene: Scene, group: Sequence[Worn], pictures: Pictures) -> Looks:
    columns = list(zip(*group, strict=True))
    distinct = list(dict.fromkeys(columns))
    paints = filled_in([mix_paints(scene, each, pictures) for each in distinct])
    looks = (Look(own, _is_opaque(scene, each[0])) for own, each in zip(paints, distinct, strict=True))
    return Looks(tuple(looks), tuple(distinct.index(each) for each in columns))


def subjects(group: Sequence[Worn], looks: Looks) -> list[Subject]:
    """Each member with the maps of all that it wears: all of them must fit its one place."""
    worn_paints: zip[tuple[Paint, ...]] = zip(*(look.paints.members for look in looks.each), strict=True)
    found = []
    for worn, paints in zip(group, worn_paints, strict=True):
        lookups = dict.fromkeys(lookup for paint in paints for lookup in paint.lookups)
        facing = dict.fromkeys(lookup for paint in paints for lookup in paint.facing)
        found.append(Subject(worn, _finest_first(lookups), _finest_first(facing)))
    return found


def _finest_first(lookups: Iterable[Lookup]) -> tuple[Lookup, ...]:
    return tuple(sorted(lookups, key=lambda lookup: -lookup.density))


def cut(subject: Subject) -> Subject:
    return replace(subject, is_tile=True)


def _is_opaque(scene: Scene, material: int) -> bool:
    """Members agree."""
    return scene.materials[material].alpha_mode == "OPAQUE"
