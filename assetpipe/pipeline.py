"""READ 2ND: the verbs, in order. The only module that knows the order of the stages.

open ─ read ─ prepare ─ decimate ─▶ per level: dress ─ encode ─ fit ─ measure ─▶ manifest ─ bundle
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from assetpipe.asset import Deviation, Glb, Lod, Scene
from assetpipe.bundle import Bundle, damage, locked, read_bundle, write_bundle
from assetpipe.config import Config, Level
from assetpipe.container import prune
from assetpipe.errors import AssetpipeError, LimitExceeded
from assetpipe.fit import fit
from assetpipe.geometry import (
    Bounds,
    Decimated,
    decimate,
    drawn_triangles,
    measure_deviation,
    prepare,
    scene_bounds,
    trim_attributes,
)
from assetpipe.geometry.surface import Target
from assetpipe.log import Event, Kind, Report, silent
from assetpipe.manifest import (
    BoundsRecord,
    DeviationRecord,
    FileRecord,
    LevelRecord,
    Manifest,
    PosterRecord,
    SourceRecord,
    TextureRecord,
    ToolRecord,
)
from assetpipe.poster import make_poster
from assetpipe.quality import Finding, audit_glb, report_html
from assetpipe.sources import Source, open_source, read_scene, unchanged
from assetpipe.textures import TextureCache, image_info
from assetpipe.version import __version__

REPORT, POSTER = "report.html", "poster.webp"


@dataclass(frozen=True)
class Built:
    """What `build_asset` leaves: the bundle, and whether it had to be made."""

    bundle: Bundle
    fresh: bool


@dataclass(frozen=True)
class Job:
    """One asset to build: `folder` is the bundle's, its last part the asset's name."""

    source: Path
    folder: Path
    config: Config
    force: bool = False
    report: Report = silent

    @property
    def asset(self) -> str:
        return self.folder.name

    def say(self, kind: Kind, message: str, fraction: float = 0.0) -> None:
        self.report(Event(kind, self.asset, message, fraction))


def build_asset(job: Job) -> Built:
    """Source file to bundle; does nothing when the bundle was made from this source, config and version."""
    with locked(job.folder):
        job.say("step", "looking", 0.0)
        current = None if job.force else _current(job)
        if current:
            job.say("done", "unchanged, nothing to do (--force builds it again)", 1.0)
            return Built(current, fresh=False)
        job.say("step", "reading", 0.02)
        with open_source(job.source, job.config.limits) as source:
            files, manifest = make_bundle(job, source)
        bundle = write_bundle(job.folder, files, manifest)
    _tell(job, manifest)
    return Built(bundle, fresh=True)


def rehearse(job: Job) -> Manifest:
    """All of the work and nothing written."""
    with open_source(job.source, job.config.limits) as source:
        _, manifest = make_bundle(job, source)
    _tell(job, manifest)
    return manifest


def make_bundle(job: Job, source: Source) -> tuple[dict[str, bytes], Manifest]:
    """All files of the bundle but the manifest, and the manifest; nothing is written."""
    scene = read_scene(source, job.config.limits)
    triangles = drawn_triangles(scene)
    job.say("step", f"preparing {triangles:,} triangles", 0.1)
    scene = prepare(scene, job.config.geometry)
    bounds = scene_bounds(scene)
    made = list(_levels(job, scene, bounds))
    job.say("step", "poster", 0.95)
    poster = make_poster(_poster_level(made, job.config).lod.scene)
    files = {**{f"{glb.level}.glb": glb.data for glb, _ in made}, POSTER: poster}
    manifest = Manifest(
        asset=job.asset,
        category=job.config.category,
        source=_source_record(source, triangles),
        config_sha256=job.config.sha256,
        tool=ToolRecord(version=__version__),
        bounds=BoundsRecord(min=bounds.min, max=bounds.max, radius=bounds.radius),
        levels=tuple(_level_record(glb, job.config.levels[glb.level], far) for glb, far in reversed(made)),
        poster=PosterRecord(uri=POSTER, sha256=hashlib.sha256(poster).hexdigest()),
        repairs=scene.repairs,
        warnings=scene.warnings,
    )
    findings = [found for glb, _ in reversed(made) for found in _audit(glb, job.config)]
    return {**files, REPORT: report_html(manifest.to_json(), {POSTER: poster}, findings).encode()}, manifest


def _tell(job: Job, manifest: Manifest) -> None:
    for sentence in manifest.repairs:
        job.say("note", sentence)
    for sentence in manifest.warnings:
        job.say("warning", sentence)
    job.say("done", summary(manifest), 1.0)


def pixel(level: Level, bounds: Bounds) -> float:
    """Metres that one pixel spans when the asset is `screen_px` high on screen."""
    return 2 * bounds.radius / level.screen_px


def summary(manifest: Manifest) -> str:
    levels = (f"{level.name} {level.triangles:,} triangles, {level.bytes / 1000:,.0f} kB" for level in manifest.levels)
    return " · ".join(levels)


def _current(job: Job) -> Bundle | None:
    """The bundle that is there, when building again would give the same bytes."""
    try:
        bundle = read_bundle(job.folder)
    except AssetpipeError:
        return None
    manifest = bundle.manifest
    made_by = (manifest.tool.version, manifest.config_sha256, manifest.asset)
    same = made_by == (__version__, job.config.sha256, job.asset)
    return bundle if same and unchanged(job.source, manifest.source.files) and not damage(bundle) else None


def _levels(job: Job, scene: Scene, bounds: Bounds) -> Iterator[tuple[Glb, Deviation]]:
    """Fine to coarse, out of one descent; textures are decoded once for all levels."""
    levels = job.config.fine_to_coarse
    error_px = job.config.geometry.max_error_px
    targets = [Target(level.max_triangles, error_px * pixel(level, bounds)) for _, level in levels]
    job.say("step", "decimating", 0.15)
    cache = TextureCache()
    for at, ((name, level), decimated) in enumerate(zip(levels, decimate(scene, targets), strict=True)):
        job.say("step", f"{name}: textures and encoding", 0.3 + 0.65 * at / len(levels))
        _keep_promise(job, name, level, decimated)
        dressed = trim_attributes(decimated.scene)
        lod = Lod(name, prune(dressed.scene), (*decimated.notes, *dressed.notes))
        glb = fit(lod, level, job.config, cache)
        job.say("step", f"{name}: measuring", 0.3 + 0.65 * (at + 0.7) / len(levels))
        deviation = measure_deviation(scene, glb.lod.scene)
        strays = deviation.max / pixel(level, bounds)
        if strays > 2 * error_px:
            note = f"strays {strays:.1f} px at {level.screen_px} px in the worst place"
            glb = replace(glb, lod=replace(glb.lod, notes=(*glb.notes, note)))
        yield glb, deviation


def _keep_promise(job: Job, name: str, level: Level, decimated: Decimated) -> None:
    drawn = drawn_triangles(decimated.scene)
    if drawn > level.max_triangles:
        raise LimitExceeded(
            "E_LEVEL_TRIANGLES",
            f"{job.asset}: {name} needs at least {drawn:,} triangles, max_triangles is {level.max_triangles:,}",
            hint=f"raise [levels.{name}] max_triangles to {drawn:,}, or merge small parts in the source",
        )


def _poster_level(made: list[tuple[Glb, Deviation]], config: Config) -> Glb:
    """The coarsest level that is made for at least the poster's pixels, else the finest."""
    by_size = [glb for glb, _ in reversed(made) if config.levels[glb.level].screen_px >= 1024]
    return by_size[0] if by_size else made[0][0]


def _audit(glb: Glb, config: Config) -> list[Finding]:
    return audit_glb(glb.data, level=config.levels[glb.level], name=f"{glb.level}.glb")


def _source_record(source: Source, triangles: int) -> SourceRecord:
    files = tuple(FileRecord(uri=file.uri, sha256=file.sha256, bytes=file.bytes) for file in source.files)
    return SourceRecord(
        sha256=source.sha256, bytes=source.bytes, format=source.format, triangles=triangles, files=files
    )


def _level_record(glb: Glb, level: Level, deviation: Deviation) -> LevelRecord:
    scene = glb.lod.scene
    primitives = [primitive for mesh in scene.meshes for primitive in mesh.primitives]
    return LevelRecord(
        name=glb.level,
        uri=f"{glb.level}.glb",
        sha256=hashlib.sha256(glb.data).hexdigest(),
        bytes=len(glb.data),
        triangles=drawn_triangles(scene),
        vertices=sum(len(primitive.positions) for primitive in primitives),
        materials=len({primitive.material for primitive in primitives}),
        textures=_texture_records(scene),
        screen_px=level.screen_px,
        deviation=DeviationRecord(max=_significant(deviation.max), rms=_significant(deviation.rms)),
        notes=glb.notes,
    )


def _texture_records(scene: Scene) -> tuple[TextureRecord, ...]:
    """One for each slot and image, in the order of the materials."""
    found: dict[tuple[str, int], TextureRecord] = {}
    for material in scene.materials:
        for slot in material.textures:
            image = scene.json["textures"][slot.texture].get("source")
            if image is not None:
                info = image_info(scene.images[image])
                record = TextureRecord(slot=slot.name, px=max(info.width, info.height), mime=info.mime)
                found.setdefault((slot.name, image), record)
    return tuple(found.values())


def _significant(metres: float) -> float:
    """Four digits: more would only repeat the noise of sampling."""
    return float(f"{metres:.3e}")
