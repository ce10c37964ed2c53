"""READ 2ND: the verbs, in order. The only module that knows the order of the stages.

open ─ read ─ prepare ─ decimate ─▶ per level: textures ─ encode ─ fit ─▶ poster ─ manifest ─ bundle
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assetpipe.asset import Deviation, Glb, Lod
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
    prepare,
    remove_hidden,
    scene_bounds,
    trim_attributes,
)
from assetpipe.geometry.surface import Target
from assetpipe.log import Event, Kind, Report, silent
from assetpipe.manifest import BoundsRecord, Manifest, PosterRecord, ToolRecord
from assetpipe.poster import POSTER_PX, make_poster
from assetpipe.quality import Finding, audit_glb, report_html
from assetpipe.quality.silhouettes import Overlap
from assetpipe.records import level_record, source_record
from assetpipe.scores import as_shipped, keep_outlines
from assetpipe.sources import Source, open_source, read_scene, unchanged
from assetpipe.textures import TextureCache
from assetpipe.version import __version__

REPORT, POSTER = "report.html", "poster.webp"
ASTRAY = 1.25
"""Times the error that was asked for: beyond, a level says how far it strays."""


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


@dataclass(frozen=True, eq=False)
class Carved:
    """An asset's levels, fine to coarse, before their textures."""

    lods: list[Lod]
    deviations: list[Deviation]
    overlaps: list[Overlap]
    """Of each level's silhouettes with the source's."""
    bounds: Bounds
    triangles: int
    """Of the source, as drawn."""
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]


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
    carved = carve(job, source)
    glbs = list(_encode(job, carved))
    job.say("step", "poster", 0.93)
    poster = make_poster(_poster_level(glbs, job.config).lod.scene)
    files = {**{f"{glb.level}.glb": glb.data for glb in glbs}, POSTER: poster}
    measured = zip(glbs, carved.deviations, carved.overlaps, strict=True)
    records = [
        level_record(glb, job.config.levels[glb.level], deviation, overlap) for glb, deviation, overlap in measured
    ]
    manifest = Manifest(
        asset=job.asset,
        category=job.config.category,
        source=source_record(source, carved.triangles),
        config_sha256=job.config.sha256,
        tool=ToolRecord(version=__version__),
        bounds=BoundsRecord(min=carved.bounds.min, max=carved.bounds.max, radius=carved.bounds.radius),
        levels=tuple(reversed(records)),
        poster=PosterRecord(uri=POSTER, sha256=hashlib.sha256(poster).hexdigest()),
        repairs=carved.repairs,
        warnings=_warnings(carved, glbs),
    )
    findings = [found for glb in reversed(glbs) for found in _audit(glb, job.config)]
    return {**files, REPORT: report_html(manifest.to_json(), {POSTER: poster}, findings).encode()}, manifest


def carve(job: Job, source: Source) -> Carved:
    """Read to measured levels, all but the textures. The source's own arrays are let go when this returns."""
    scene = read_scene(source, job.config.limits)
    triangles = drawn_triangles(scene)
    levels, error_px = job.config.fine_to_coarse, job.config.geometry.max_error_px
    job.say("step", f"preparing {triangles:,} triangles", 0.05)
    outlines = keep_outlines(scene, [level.screen_px for _, level in levels])
    scene = prepare(scene, job.config.geometry)
    bounds = scene_bounds(scene)
    if job.config.geometry.hidden == "remove":
        job.say("step", "looking for hidden geometry", 0.07)
        scene = remove_hidden(scene).scene
    targets = [Target(level.max_triangles, error_px * pixel(level, bounds)) for _, level in levels]
    job.say("step", "decimating", 0.1)
    decimated = decimate(scene, targets)
    lods = [
        _lod(job, name, each, each.deviation.max / pixel(level, bounds))
        for (name, level), each in zip(levels, decimated, strict=True)
    ]
    overlaps = [
        outlines.overlap(as_shipped(lod.scene, job.config.compression), level.screen_px)
        for lod, (_, level) in zip(lods, levels, strict=True)
    ]
    deviations = [each.deviation for each in decimated]
    return Carved(lods, deviations, overlaps, bounds, triangles, scene.repairs, scene.warnings)


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


def _lod(job: Job, name: str, decimated: Decimated, strays_px: float) -> Lod:
    level = job.config.levels[name]
    _keep_promise(job, name, level, decimated)
    dressed = trim_attributes(decimated.scene)
    notes = [*decimated.notes, *dressed.notes]
    if strays_px > ASTRAY * job.config.geometry.max_error_px:
        notes.append(f"strays {strays_px:.1f} px at {level.screen_px} px in the worst place")
    return Lod(name, prune(dressed.scene), tuple(notes))


def _encode(job: Job, carved: Carved) -> Iterator[Glb]:
    """Fine to coarse; textures are decoded once for all levels."""
    textures = TextureCache()
    for at, lod in enumerate(carved.lods):
        job.say("step", f"{lod.level}: textures and encoding", 0.4 + 0.5 * at / len(carved.lods))
        yield fit(lod, job.config.levels[lod.level], job.config, textures)


def _warnings(carved: Carved, glbs: list[Glb]) -> tuple[str, ...]:
    """The source's, then what the texture stage found, each once."""
    return tuple(dict.fromkeys([*carved.warnings, *(line for glb in glbs for line in glb.lod.scene.warnings)]))


def _keep_promise(job: Job, name: str, level: Level, decimated: Decimated) -> None:
    drawn = drawn_triangles(decimated.scene)
    if drawn > level.max_triangles:
        raise LimitExceeded(
            "E_LEVEL_TRIANGLES",
            f"{job.asset}: {name} needs at least {drawn:,} triangles, max_triangles is {level.max_triangles:,}",
            hint=f"raise [levels.{name}] max_triangles to {drawn:,}, or merge small parts in the source",
        )


def _poster_level(glbs: list[Glb], config: Config) -> Glb:
    """The coarsest level that is made for at least the poster's pixels, else the finest."""
    return next((glb for glb in reversed(glbs) if config.levels[glb.level].screen_px >= POSTER_PX), glbs[0])


def _audit(glb: Glb, config: Config) -> list[Finding]:
    return audit_glb(glb.data, level=config.levels[glb.level], name=f"{glb.level}.glb")
