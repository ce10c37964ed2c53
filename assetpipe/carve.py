"""Source -> Carved: the levels' shapes and materials, measured, before their pictures are encoded.

read ─ prepare ─ remove hidden ─ merge materials ─ decimate ─ rebake
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assetpipe.asset import Deviation, Image, Lod, Scene
from assetpipe.atlas import Merged, Pictures, Sizes, merge
from assetpipe.config import Config, Level
from assetpipe.container import prune
from assetpipe.errors import LimitExceeded
from assetpipe.geometry import (
    Bounds,
    Decimated,
    decimate,
    drawn_triangles,
    prepare,
    remove_hidden,
    scene_bounds,
    trim_attributes,
)
from assetpipe.geometry.surface import Target
from assetpipe.log import Event, Kind, Report, silent
from assetpipe.quality.silhouettes import Overlap
from assetpipe.queries.device import Choice, pick
from assetpipe.rebaking import Asked, rebake
from assetpipe.scores import as_shipped, keep_outlines
from assetpipe.sources import Source, read_scene
from assetpipe.textures import TextureCache, decoded, image_info

ASTRAY = 1.25
"""Times the error that was asked for: beyond, a level says how far it strays."""


@dataclass(frozen=True)
class Job:
    """One asset to build: `folder` is the bundle's, its last part the asset's name."""

    source: Path
    folder: Path
    config: Config
    force: bool = False
    device: Choice = "auto"
    """That bakes."""
    report: Report = silent

    @property
    def asset(self) -> str:
        return self.folder.name

    def say(self, kind: Kind, message: str, fraction: float = 0.0) -> None:
        self.report(Event(kind, self.asset, message, fraction))


@dataclass(frozen=True, eq=False)
class Carved:
    """An asset's levels, fine to coarse, before their textures are encoded."""

    lods: list[Lod]
    deviations: list[Deviation]
    overlaps: list[Overlap]
    """Of each level's silhouettes with the source's."""
    bounds: Bounds
    triangles: int
    """Of the source, as drawn."""
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    """What was decided for all levels."""


def carve(job: Job, source: Source, textures: TextureCache) -> Carved:
    """All but the encoding. The source's own arrays are let go when this returns."""
    scene = read_scene(source, job.config.limits)
    triangles, levels = drawn_triangles(scene), job.config.fine_to_coarse
    job.say("step", f"preparing {triangles:,} triangles", 0.05)
    outlines = keep_outlines(scene, [level.screen_px for _, level in levels])
    scene = prepare(scene, job.config.geometry)
    bounds = scene_bounds(scene)
    merged = _merged(job, _seen(job, scene), textures)
    decimated = _rebaked(job, merged.scene, _decimated(job, merged.scene, bounds), textures)
    lods = [
        _lod(job, name, each, each.deviation.max / pixel(level, bounds))
        for (name, level), each in zip(levels, decimated, strict=True)
    ]
    overlaps = [
        outlines.overlap(as_shipped(lod.scene, job.config.compression), level.screen_px)
        for lod, (_, level) in zip(lods, levels, strict=True)
    ]
    deviations = [each.deviation for each in decimated]
    said = merged.scene.repairs, merged.scene.warnings, merged.notes
    return Carved(lods, deviations, overlaps, bounds, triangles, *said)


def pixel(level: Level, bounds: Bounds) -> float:
    """Metres that one pixel spans when the asset is `screen_px` high on screen."""
    return 2 * bounds.radius / level.screen_px


def _seen(job: Job, scene: Scene) -> Scene:
    if job.config.geometry.hidden == "keep":
        return scene
    job.say("step", "looking for hidden geometry", 0.07)
    return remove_hidden(scene).scene


def _merged(job: Job, scene: Scene, textures: TextureCache) -> Merged:
    if job.config.textures.atlas != "never":
        job.say("step", f"merging {len(scene.materials):,} material{'s'[: len(scene.materials) != 1]}", 0.09)
    sides = [level.texture_px for level in job.config.levels.values()]
    return merge(scene, job.config.textures, Sizes(max(sides), min(sides)), _pictures(textures))


def _pictures(textures: TextureCache) -> Pictures:
    def size(image: Image) -> tuple[int, int]:
        info = image_info(image)
        return info.width, info.height

    return Pictures(size, lambda image: decoded(image, image.name, textures).array)


def _decimated(job: Job, scene: Scene, bounds: Bounds) -> Sequence[Decimated]:
    job.say("step", "decimating", 0.1)
    error_px = job.config.geometry.max_error_px
    levels = [level for _, level in job.config.fine_to_coarse]
    return decimate(scene, [Target(level.max_triangles, error_px * pixel(level, bounds)) for level in levels])


def _rebaked(job: Job, scene: Scene, levels: Sequence[Decimated], textures: TextureCache) -> Sequence[Decimated]:
    settings = job.config.textures
    if settings.bake == "never":
        return levels
    job.say("step", "baking", 0.3)
    sides = [level.texture_px for _, level in job.config.fine_to_coarse]
    asked = Asked(settings.bake == "always", settings.bake_degrees, sides, pick(job.device))
    return rebake(scene, levels, asked, textures)


def _lod(job: Job, name: str, decimated: Decimated, strays_px: float) -> Lod:
    level = job.config.levels[name]
    _keep_promise(job, name, level, decimated)
    dressed = trim_attributes(decimated.scene)
    notes = [*decimated.notes, *dressed.notes]
    if strays_px > ASTRAY * job.config.geometry.max_error_px:
        notes.append(f"strays {strays_px:.1f} px at {level.screen_px} px in the worst place")
    return Lod(name, prune(dressed.scene), tuple(notes))


def _keep_promise(job: Job, name: str, level: Level, decimated: Decimated) -> None:
    drawn = drawn_triangles(decimated.scene)
    if drawn > level.max_triangles:
        raise LimitExceeded(
            "E_LEVEL_TRIANGLES",
            f"{job.asset}: {name} needs at least {drawn:,} triangles, max_triangles is {level.max_triangles:,}",
            hint=f"raise [levels.{name}] max_triangles to {drawn:,}, or merge small parts in the source",
        )
