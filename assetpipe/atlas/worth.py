"""Atlas -> what it costs and what it saves: texels in graphics memory, draw calls."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from assetpipe.asset import Scene
from assetpipe.atlas.join import is_clear, standing
from assetpipe.atlas.looks import Atlas, Look
from assetpipe.atlas.lookups import Lookup, Pictures
from assetpipe.atlas.paints import Paint
from assetpipe.atlas.primitives import likeness
from assetpipe.slots import Sheet
from assetpipe.transforms import placements
from assetpipe.worn import Worn, worn_by


def halvings(atlas: Atlas, look: Look, sheet: Sheet) -> int:
    """How often the sheet can be halved before any map of it loses a texel: a constant needs few."""
    most = (atlas.layout.block // 2).bit_length() - 1
    for at, (each, paint) in enumerate(zip(atlas.outlines, look.paints.members, strict=True)):
        scale = float(atlas.own(at).max())
        for lookup in own_lookups(paint, sheet):
            if not each.frame.unique:
                return 0
            finer = scale * each.lookups[0].density / lookup.density if lookup.density else 1.0
            most = min(most, max(0, math.floor(math.log2(finer) + 1e-6)))
    return most


def own_lookups(paint: Paint, sheet: Sheet) -> set[Lookup]:
    return {ink.lookup for ink in paint.inks[sheet.name].values() if ink.lookup}


def texels_of(atlas: Atlas) -> int:
    """Of all its pictures."""
    width, height = atlas.layout.size
    return sum(width * height >> 2 * halvings(atlas, look, sheet) for look, sheet in atlas.pictures.values())


def texels_freed(scene: Scene, members: Collection[Worn], pictures: Pictures, px: int) -> int:
    """Of images that nobody but the members shows, as large as the finest level has them."""
    gone = materials_gone(scene, members)
    users: dict[int, set[int]] = {}
    for at, material in enumerate(scene.materials):
        for slot in material.textures:
            image = scene.json["textures"][slot.texture].get("source")
            if image is not None:
                users.setdefault(image, set()).add(at)
    freed = [image for image, own in users.items() if own <= gone]
    return sum(math.prod(min(side, px) for side in pictures.size(scene.images[image])) for image in freed)


def materials_gone(scene: Scene, members: Collection[Worn]) -> set[int]:
    """Materials of members that nothing else shows."""
    others = {at for worn in worn_by(scene).values() if worn not in members for at in worn}
    return {at for worn in members for at in worn} - others


def draw_calls(scene: Scene, members: Collection[Worn] = ()) -> int:
    """Of the default scene when all that can be one primitive is, and the members are one material."""
    still, worn = standing(scene), worn_by(scene)
    found = set()
    for place in placements(scene):
        for at, each in enumerate(scene.meshes[place.mesh].primitives):
            own = worn.get((place.mesh, at))
            key = (None, "") if own in members else (own, likeness(replace(each, json={})))
            fixed = is_clear(scene, each) or each.targets
            found.add((-1 if place.node in still and not fixed else place.node, key))
    return len(found)
