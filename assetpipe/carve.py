"""Source -> Carved: the levels' shapes and materials, measured, before their pictures are encoded.

read ─ prepare ─ remove hidden ─ merge materials ─ decimate ─ rebake ─ occlude

What takes long is kept (`stages/`), under all that it follows from: whoever changes a stage's settings changes its key
here. What leads to the same scene as before, by whatever settings, is not decimated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import RLock

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
from assetpipe.manifest import SourceRecord
from assetpipe.quality.silhouettes import Overlap
from assetpipe.queries.device import Choice, pick, told
from assetpipe.rebaking import Asked, AskedOcclusion, occlude, rebake
from assetpipe.records import source_record
from assetpipe.scores import as_shipped, keep_outlines
from assetpipe.sources import Source, read_scene, recall
from assetpipe.stages.kept import Kept
from assetpipe.stages.keys import stage_key
from assetpipe.stages.nouns import DECIMATED, decimated_digest, rebaked_codec, scene_digest
from assetpipe.stages.prepared import PREPARED, Prepared
from assetpipe.stages.shelf import Shelf
from assetpipe.textures import TextureCache, decoded, image_info, require_encoder

ASTRAY = 1.25
"""Times the error that was asked for: beyond, a level says how far it strays."""
NEAREST = 0.25
"""Of an asset's sphere is on a level's screen when it is seen nearest: nobody fills the screen with the end of a stick,
and levels' screens are two to four times apart, so that whoever comes nearer sees the next finer level."""
NOTHING_KEPT = Kept()
SAYING = RLock()
"""Levels are encoded at the same time; who listens hears one event after the other."""


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
    shelf: Shelf | None = None
    """Where stages' results are kept."""

    @property
    def asset(self) -> str:
        return self.folder.name

    def say(self, kind: Kind, message: str, fraction: float = 0.0) -> None:
        with SAYING:
            self.report(Event(kind, self.asset, message, fraction))


@dataclass(frozen=True, eq=False)
class Carved:
    """An asset's levels, fine to coarse, before their textures are encoded."""

    lods: list[Lod]
    deviations: list[Deviation]
    overlaps: list[Overlap]
    """Of each level's silhouettes with the source's."""
    bounds: Bounds
    source: SourceRecord
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    """What was decided for all levels."""


def carve(job: Job, source: Source, textures: TextureCache, kept: Kept = NOTHING_KEPT) -> Carved:
    """All but the encoding. The source's own arrays are let go when this returns."""
    # A GPU or an encoder that is not there is told before minutes of work, not after.
    pick(job.device)
    require_encoder(job.config.textures.format)
    try:
        return _carve(job, source, textures, kept)
    except _OtherScene:
        return _carve(job, source, textures, replace(kept, afresh=True))


class _OtherScene(Exception):
    """A source does not lead to the scene that was kept of it: one of its files has just changed, or somebody lied."""


def _carve(job: Job, source: Source, textures: TextureCache, kept: Kept) -> Carved:
    levels = job.config.fine_to_coarse

    @cache
    def merged() -> tuple[Prepared, Scene]:
        return _prepared(job, source, textures, kept)

    prepared = kept.through(
        _prepare_key(job, source), lambda: merged()[0], PREPARED, fits=lambda found: _is_of(found, source)
    )

    def scene() -> Scene:
        if merged()[0].scene != prepared.scene:
            raise _OtherScene
        return merged()[1]

    decimated = _occluded(job, prepared, scene, textures, kept)
    lods = [
        _lod(job, name, each, each.deviation.max / pixel(level, prepared.bounds))
        for (name, level), each in zip(levels, decimated, strict=True)
    ]
    overlaps = [
        prepared.outlines.overlap(as_shipped(lod.scene, job.config.compression), level.screen_px)
        for lod, (_, level) in zip(lods, levels, strict=True)
    ]
    deviations = [each.deviation for each in decimated]
    said = prepared.repairs, prepared.warnings, prepared.notes
    return Carved(lods, deviations, overlaps, prepared.bounds, prepared.source, *said)


def _prepare_key(job: Job, source: Source) -> str:
    """The name counts: messages have it, and it may tell the format. Other files that a source names are not known
    before it is read: they are compared with those that had been read."""
    config, main = job.config, source.files[0]
    return stage_key(
        "prepare",
        source=[main.uri, main.sha256],
        limits=config.limits.model_dump(),
        geometry=config.geometry.model_dump(include={"weld_m", "hidden"}),
        atlas=_atlas(config),
        screens=[level.screen_px for _, level in config.fine_to_coarse],
    )


def _atlas(config: Config) -> object:
    textures, sides = config.textures, [level.texture_px for level in config.levels.values()]
    if textures.atlas == "never":
        return "never"
    return [textures.atlas, textures.atlas_draw_texels, textures.atlas_loss, max(sides), min(sides)]


def _is_of(prepared: Prepared, source: Source) -> bool:
    """Also when other files lie beside it: whether those that were read are still the same."""
    found = recall(source, prepared.source.files)
    return found is not None and found.repairs == prepared.spelt


def _prepared(job: Job, source: Source, textures: TextureCache, kept: Kept) -> tuple[Prepared, Scene]:
    """The scene that is decimated, and what outlives it."""
    scene = read_scene(source, job.config.limits)
    triangles = drawn_triangles(scene)
    job.say("step", f"preparing {triangles:,} triangles", 0.05)
    with ThreadPoolExecutor(1) as beside:  # what prepares keeps one core busy, of a million triangles for a second
        outlines = beside.submit(keep_outlines, scene, [level.screen_px for _, level in job.config.fine_to_coarse])
        prepared = prepare(scene, job.config.geometry)
        bounds = scene_bounds(prepared)
        merged = _merged(job, _seen(job, prepared), textures, bounds)
    digest = scene_digest(merged.scene, kept.digests) if kept.shelf else ""
    said = merged.scene.repairs, merged.scene.warnings, merged.notes
    record = source_record(source, triangles)
    return Prepared(record, source.repairs, bounds, outlines.result(), digest, *said), merged.scene


def pixel(level: Level, bounds: Bounds) -> float:
    """Metres that one pixel spans when the asset fills `screen_px`, seen from that of its six sides which shows it
    largest: a racket from its end, where half a pixel of its sphere is more than a whole one."""
    _, widest, _ = sorted(high - low for low, high in zip(bounds.min, bounds.max, strict=True))
    return max(widest, NEAREST * 2 * bounds.radius) / level.screen_px


def coarsest_pixel(level: Level, bounds: Bounds) -> float:
    """The same when all of it stays on screen however it is turned: the coarsest mip levels are seen then."""
    return 2 * bounds.radius / level.screen_px


def _seen(job: Job, scene: Scene) -> Scene:
    if job.config.geometry.hidden == "keep":
        return scene
    job.say("step", "looking for hidden geometry", 0.07)
    return remove_hidden(scene).scene


def _merged(job: Job, scene: Scene, textures: TextureCache, bounds: Bounds) -> Merged:
    if job.config.textures.atlas == "never":
        return Merged(scene)
    job.say("step", f"merging {len(scene.materials):,} material{'s'[: len(scene.materials) != 1]}", 0.09)
    sides = [level.texture_px for level in job.config.levels.values()]
    coarsest = max(coarsest_pixel(level, bounds) for level in job.config.levels.values())
    return merge(scene, job.config.textures, Sizes(max(sides), min(sides), coarsest), _pictures(textures))


def _pictures(textures: TextureCache) -> Pictures:
    def size(image: Image) -> tuple[int, int]:
        info = image_info(image)
        return info.width, info.height

    return Pictures(size, lambda image: decoded(image, image.name, textures).array)


def _decimated(job: Job, prepared: Prepared, scene: Callable[[], Scene], kept: Kept) -> Sequence[Decimated]:
    error_px = job.config.geometry.max_error_px
    levels = [level for _, level in job.config.fine_to_coarse]
    targets = [Target(level.max_triangles, error_px * pixel(level, prepared.bounds)) for level in levels]
    key = stage_key("decimate", scene=prepared.scene, targets=[[each.triangles, each.error] for each in targets])

    def make() -> Sequence[Decimated]:
        own = scene()
        job.say("step", "decimating", 0.1)
        return decimate(own, targets)

    return kept.through(key, make, DECIMATED)


def _rebaked(
    job: Job, prepared: Prepared, scene: Callable[[], Scene], textures: TextureCache, kept: Kept
) -> Sequence[Decimated]:
    """Decimated before."""
    levels, settings = _decimated(job, prepared, scene, kept), job.config.textures
    if settings.bake == "never":
        return levels
    sides, pixels = _screens(job, prepared)
    asked = Asked(settings.bake == "always", settings.bake_degrees, sides, pick(job.device), pixels)
    made_from = [prepared.scene, decimated_digest(levels, kept.digests)] if kept.shelf else []
    key = stage_key("rebake", of=made_from, asked=[asked.always, asked.degrees, sides, pixels, told(asked.device)])

    def make() -> Sequence[Decimated]:
        own = scene()
        job.say("step", f"baking on the {'CPU' if asked.device == 'cpu' else 'GPU'}", 0.3)
        return rebake(own, levels, asked, textures)

    return kept.through(key, make, rebaked_codec(levels))


def _occluded(
    job: Job, prepared: Prepared, scene: Callable[[], Scene], textures: TextureCache, kept: Kept
) -> Sequence[Decimated]:
    """Rebaked before."""
    levels = _rebaked(job, prepared, scene, textures, kept)
    if not job.config.textures.bake_occlusion:
        return levels
    asked = AskedOcclusion(*_screens(job, prepared), pick(job.device))
    made_from = [prepared.scene, decimated_digest(levels, kept.digests)] if kept.shelf else []
    key = stage_key("occlude", of=made_from, asked=[asked.px, asked.pixels, told(asked.device)])

    def make() -> Sequence[Decimated]:
        own = scene()
        job.say("step", "baking ambient occlusion", 0.37)
        return occlude(own, levels, asked, textures)

    return kept.through(key, make, rebaked_codec(levels))


def _screens(job: Job, prepared: Prepared) -> tuple[list[int], list[float]]:
    """Of the levels: sides of their pictures, and metres that a pixel spans."""
    levels = [level for _, level in job.config.fine_to_coarse]
    return [level.texture_px for level in levels], [coarsest_pixel(level, prepared.bounds) for level in levels]


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
