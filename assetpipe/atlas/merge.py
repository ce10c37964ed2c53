"""The stage: Scene -> Merged."""

from __future__ import annotations

from dataclasses import dataclass

from assetpipe.asset import Scene
from assetpipe.atlas.join import Joined, join_draws
from assetpipe.atlas.lookups import Pictures
from assetpipe.atlas.place import place
from assetpipe.atlas.plan import Sizes, plan_atlas
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
    plan = plan_atlas(scene, settings, levels, pictures)
    joined = join_draws(place(scene, plan, pictures) if plan.atlases else scene)
    return Merged(joined.scene, (*plan.notes, *_told(joined)))


def _told(joined: Joined) -> tuple[str, ...]:
    if not joined.saved:
        return ()
    return (f"what stands still and looks alike is drawn together: {joined.saved:,} draw calls less",)
