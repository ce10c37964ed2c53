"""A material's primitives -> UVs in which every triangle has texels of its own, and how large a picture there is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assetpipe.asset import Material, Primitive, Scene
from assetpipe.baking import Surface
from assetpipe.geometry.unwrap import Unwrapping, unwrap
from assetpipe.rebaking.dressing import with_primitives, with_set
from assetpipe.rebaking.gutters import FILL, gutter
from assetpipe.rebaking.maps import unit_squares, uv_set_of
from assetpipe.rebaking.plan import is_unique
from assetpipe.rebaking.tiles import brought_home
from assetpipe.worn import NOTHING, Key

MOST_PX, LEAST_PX = 1024, 64
COARSE = 4.0
"""Pixels of the level's screen that a texel may span: what light from all about does is soft."""
SPARSE = 0.04
"""Of a picture UVs must cover to be of use: those that lie in a corner would have a fifth of the texels of new ones."""
APART = 3.0
"""Texels between charts that a picture must have room for. The gadget's `preview`, 2,048 charts on 256²: none."""
GUTTER = 8
UVS = "TEXCOORD_"


@dataclass(frozen=True)
class Place:
    """Where a picture lies on a material."""

    uv_set: int
    unwrapped: bool = False
    home: bool = False
    """Charts lie whole tiles away, where a picture that repeats shows the same."""


@dataclass(frozen=True)
class Sheet:
    """How large a level's pictures may be."""

    px: int
    pixel: float
    """Metres on the level's screen."""

    def side(self, metres: float, squares: float) -> int:
        """Of a picture of so many square metres that lie on so much of the unit square."""
        texels = math.sqrt(metres / max(squares, 1e-12)) / (COARSE * max(self.pixel, 1e-12))
        return min(1 << math.ceil(math.log2(min(max(texels, LEAST_PX), MOST_PX))), self.px)


def find_place(primitives: Mapping[Key, Primitive], materials: Sequence[Material]) -> Place:
    """The first UVs that every primitive has and that serve, else a set beside those that are looked up."""
    sets = set.intersection(
        *({name for name in each.attributes if name.startswith(UVS)} for each in primitives.values())
    )
    for at in sorted(int(name.removeprefix(UVS)) for name in sets):
        if covered(primitives, at) >= SPARSE:
            if is_unique(primitives, at):
                return Place(at)
            if is_unique(brought_home(primitives, at), at):
                return Place(at, home=True)
    used = [uv_set_of(slot.info) for material in materials for slot in material.textures]
    return Place(1 + max(used, default=-1), unwrapped=True)


def as_baked(primitives: Mapping[Key, Primitive], place: Place) -> Mapping[Key, Primitive]:
    """With UVs within the picture."""
    return brought_home(primitives, place.uv_set) if place.home else primitives


@dataclass(frozen=True, eq=False)
class Room:
    """A scene with UVs for a picture."""

    scene: Scene
    px: int
    """Side of the picture."""
    gutter: int
    """Texels about each chart."""
    notes: tuple[str, ...]


def make_room(
    scene: Scene, material: int, primitives: Mapping[Key, Primitive], place: Place, size: tuple[float, Sheet]
) -> Room:
    """`size`: square metres that are shown, and how large a picture may be."""
    metres, sheet = size
    if place.unwrapped:
        return _unwrapped(scene, material, primitives, place, size)
    return Room(scene, sheet.side(metres, covered(primitives, place.uv_set)), GUTTER, ())


def _unwrapped(
    scene: Scene, material: int, primitives: Mapping[Key, Primitive], place: Place, size: tuple[float, Sheet]
) -> Room:
    """With the set that `place` asks for. Sets above it, which no texture is looked up with, go; glTF wants numbers
    without gaps: those that are missing below are zeros. A picture too small to keep its charts apart is doubled."""
    below = {key: _with_sets(each, place.uv_set) for key, each in primitives.items()}
    scene, (metres, sheet) = with_primitives(scene, below), size
    side = sheet.side(metres, FILL)
    while True:
        apart = gutter(metres, side, sheet.pixel)
        among: frozenset[int | None] = frozenset({None if material == NOTHING else material})
        found = unwrap(scene, Unwrapping(side, apart, replaces=True, materials=among))
        if found.gutter >= APART or 2 * side > min(MOST_PX, sheet.px):
            return Room(with_set(scene, found, place.uv_set), side, max(GUTTER, apart // 2), found.notes)
        side *= 2


def _with_sets(primitive: Primitive, count: int) -> Primitive:
    kept = {
        name: values
        for name, values in primitive.attributes.items()
        if not name.startswith(UVS) or int(name.removeprefix(UVS)) < count
    }
    none = np.zeros((len(primitive.positions), 2), np.float32)
    missing = {name: none for name in (f"{UVS}{at}" for at in range(count)) if name not in kept}
    return replace(primitive, attributes={**kept, **missing})


def covered(primitives: Mapping[Key, Primitive], uv_set: int) -> float:
    """Unit squares of UVs."""
    name = f"{UVS}{uv_set}"
    surfaces = (Surface(each.positions, each.indices, uvs={0: each.attributes[name]}) for each in primitives.values())
    return sum(unit_squares(each, 0) for each in surfaces)
