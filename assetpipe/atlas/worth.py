"""Atlas -> what it costs and what it saves: texels in graphics memory, draw calls."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import replace

from assetpipe.asset import Scene
from assetpipe.atlas.join import standing
from assetpipe.atlas.layout import Layout
from assetpipe.atlas.lookups import Lookup, Pictures
from assetpipe.atlas.outlines import Outline
from assetpipe.atlas.primitives import likeness
from assetpipe.atlas.slots import Sheet
from assetpipe.transforms import placements


def halvings(outlines: tuple[Outline, ...], layout: Layout, sheet: Sheet) -> int:
    """How often the sheet can be halved before any map of it loses a texel: a constant needs few."""
    most = (layout.cell // 2).bit_length() - 1
    for at, each in enumerate(outlines):
        scale = float(layout.scale[layout.first[at] : layout.first[at + 1]].max())
        for lookup in own_lookups(each, sheet):
            if not each.frame.unique:
                return 0
            finer = scale * each.paint.lookups[0].density / lookup.density if lookup.density else 1.0
            most = min(most, max(0, math.floor(math.log2(finer) + 1e-6)))
    return most


def own_lookups(outline: Outline, sheet: Sheet) -> set[Lookup]:
    return {ink.lookup for ink in outline.paint.inks[sheet.name].values() if ink.lookup}


def texels_of(outlines: tuple[Outline, ...], layout: Layout, sheets: tuple[Sheet, ...]) -> int:
    """Of all sheets."""
    return sum(layout.size[0] * layout.size[1] >> 2 * halvings(outlines, layout, sheet) for sheet in sheets)


def texels_freed(scene: Scene, members: Container[int], pictures: Pictures, px: int) -> int:
    """Of images that nobody but the members shows, as large as the finest level has them."""
    users: dict[int, set[int]] = {}
    for at, material in enumerate(scene.materials):
        for slot in material.textures:
            image = scene.json["textures"][slot.texture].get("source")
            if image is not None:
                users.setdefault(image, set()).add(at)
    freed = [image for image, own in users.items() if all(at in members for at in own)]
    return sum(math.prod(min(side, px) for side in pictures.size(scene.images[image])) for image in freed)


def draw_calls(scene: Scene, members: Container[int] = ()) -> int:
    """Of the default scene when all that can be one primitive is, and the members are one material."""
    still = standing(scene)
    found = set()
    for place in placements(scene):
        for each in scene.meshes[place.mesh].primitives:
            key = (-1, "") if each.material in members else (each.material, likeness(replace(each, json={})))
            clear = each.material is not None and scene.materials[each.material].alpha_mode == "BLEND"
            found.add((-1 if place.node in still and not clear and not each.targets else place.node, key))
    return len(found)
