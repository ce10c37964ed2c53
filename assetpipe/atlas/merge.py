"""The stage: Scene -> Merged."""

from __future__ import annotations

from dataclasses import dataclass

from assetpipe.asset import Scene
from assetpipe.atlas.groups import group_materials
from assetpipe.atlas.join import Joined, join_draws
from assetpipe.atlas.lookups import Pictures
from assetpipe.atlas.place import place
from assetpipe.atlas.plan import Plan, Sizes, name_of, plan_atlas
from assetpipe.atlas.tiles import Tiled, cut_tiles
from assetpipe.config import Textures


@dataclass(frozen=True, eq=False)
class Merged:
    scene: Scene
    notes: tuple[str, ...] = ()
    """What became of the materials, one sentence each."""


def merge(scene: Scene, settings: Textures, levels: Sizes, pictures: Pictures) -> Merged:
    """Materials that can share one draw call become one, with one set of maps. Decimation comes after: one placement
    serves all levels, whose pictures are made smaller from these."""
    if settings.atlas == "never":
        return Merged(scene)
    tiled, plan = _planned(scene, settings, levels, pictures)
    joined = join_draws(place(tiled.scene, plan, pictures) if plan.atlases else scene)
    return Merged(joined.scene, (*plan.notes, *_cut(scene, tiled), *_told(joined)))


def _planned(scene: Scene, settings: Textures, levels: Sizes, pictures: Pictures) -> tuple[Tiled, Plan]:
    """What is cut along its tiles and finds no place in an atlas is left whole, and all is planned again."""
    wanted = {worn for group in group_materials(scene).mergeable for worn in group}
    while True:
        tiled = cut_tiles(scene, wanted, pictures)
        plan = plan_atlas(tiled.scene, settings, levels, pictures, tiled.members)
        placed = {worn for atlas in plan.atlases for worn in atlas.members}
        if tiled.members <= placed:
            return tiled, plan
        wanted = set(tiled.members & placed)


def _cut(scene: Scene, tiled: Tiled) -> tuple[str, ...]:
    if not tiled.members:
        return ()
    names = ", ".join(name_of(scene, worn) for worn in sorted(tiled.members))
    more = tiled.scene.triangles - scene.triangles
    return (f"cut along the tiles of their maps, into {more:,} triangles more: {names}",)


def _told(joined: Joined) -> tuple[str, ...]:
    if not joined.saved:
        return ()
    return (f"what stands still and looks alike is drawn together: {joined.saved:,} draw calls less",)
