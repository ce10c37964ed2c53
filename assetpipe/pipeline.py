"""READ 2ND: the verbs, in order. With carve.py the only module that knows the order of the stages.

open ─ carve (read to levels) ─▶ per level: textures ─ encode ─ fit ─▶ poster ─ manifest ─ bundle
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from assetpipe.asset import Glb, Lod
from assetpipe.bundle import Bundle, damage, locked, read_bundle, write_bundle
from assetpipe.carve import NOTHING_KEPT, Carved, Job, carve
from assetpipe.config import Config
from assetpipe.errors import AssetpipeError
from assetpipe.fit import fit
from assetpipe.kernels import told_of_compiling
from assetpipe.manifest import BoundsRecord, Manifest, PosterRecord, ToolRecord
from assetpipe.poster import POSTER_PX, make_poster
from assetpipe.quality import Finding, audit_glb, report_html
from assetpipe.records import level_record
from assetpipe.sources import Source, open_source, unchanged
from assetpipe.stages.kept import Kept
from assetpipe.stages.keys import stage_key
from assetpipe.stages.nouns import BYTES, glb_codec, scene_digest
from assetpipe.textures import TextureCache
from assetpipe.version import __version__

REPORT, POSTER = "report.html", "poster.webp"
ENCODING = frozenset(
    {"format", "colour_quality", "normal_quality", "data_quality", "min_quality", "min_px", "power_of_two"}
)
"""What encoding asks of [textures]; all else there was decided before."""
COMPILING = "compiling kernels: some seconds, once on this machine for each version"
AT_A_TIME = 2
"""Levels that are encoded."""


@dataclass(frozen=True)
class Built:
    """What `build_asset` leaves: the bundle, and whether it had to be made."""

    bundle: Bundle
    fresh: bool


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
            kept = _kept(job, source)
            files, manifest = make_bundle(job, source, kept)
        kept.tidy()
        bundle = write_bundle(job.folder, files, manifest)
    _tell(job, manifest)
    return Built(bundle, fresh=True)


def rehearse(job: Job) -> Manifest:
    """All of the work and nothing written, not even into the cache."""
    with open_source(job.source, job.config.limits) as source:
        _, manifest = make_bundle(job, source)
    _tell(job, manifest)
    return manifest


def make_bundle(job: Job, source: Source, kept: Kept = NOTHING_KEPT) -> tuple[dict[str, bytes], Manifest]:
    """All files of the bundle but the manifest, and the manifest; nothing is written but what is kept of stages."""
    textures = TextureCache()
    with told_of_compiling(lambda: job.say("note", COMPILING)):
        carved = carve(job, source, textures, kept)
        glbs = _encode(job, carved, textures, kept)
        poster = _poster(job, glbs, kept)
    files = {**{f"{glb.level}.glb": glb.data for glb in glbs}, POSTER: poster}
    measured = zip(glbs, carved.deviations, carved.overlaps, strict=True)
    records = [
        level_record(glb, job.config.levels[glb.level], deviation, overlap) for glb, deviation, overlap in measured
    ]
    manifest = Manifest(
        asset=job.asset,
        category=job.config.category,
        source=carved.source,
        config_sha256=job.config.sha256,
        tool=ToolRecord(version=__version__),
        bounds=BoundsRecord(min=carved.bounds.min, max=carved.bounds.max, radius=carved.bounds.radius),
        levels=tuple(reversed(records)),
        poster=PosterRecord(uri=POSTER, sha256=hashlib.sha256(poster).hexdigest()),
        repairs=carved.repairs,
        warnings=_warnings(carved, glbs),
        notes=carved.notes,
    )
    findings = [found for glb in reversed(glbs) for found in _audit(glb, job.config)]
    return {**files, REPORT: report_html(manifest.to_json(), {POSTER: poster}, findings).encode()}, manifest


def _tell(job: Job, manifest: Manifest) -> None:
    for sentence in manifest.repairs:
        job.say("note", sentence)
    for sentence in manifest.warnings:
        job.say("warning", sentence)
    job.say("done", summary(manifest), 1.0)


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


def _kept(job: Job, source: Source) -> Kept:
    """--force does all of it again."""

    def say(fault: str) -> None:
        job.say("warning", fault)

    return Kept(job.shelf, str(source.files[0].sha256), say, afresh=job.force) if job.shelf else NOTHING_KEPT


def _encode(job: Job, carved: Carved, textures: TextureCache, kept: Kept) -> list[Glb]:
    """Fine to coarse, two at a time: a level's geometry is encoded by one core, and its largest picture holds up the
    rest. Textures are decoded once for all levels."""

    def through(at: int) -> Glb:
        lod = carved.lods[at]
        key = _encode_key(job.config, lod, kept) if kept.shelf else ""
        make = partial(_encoded, job, lod, textures, 0.4 + 0.5 * at / len(carved.lods))
        return kept.through(key, make, glb_codec(lod))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(through, range(len(carved.lods))))


def _encoded(job: Job, lod: Lod, textures: TextureCache, fraction: float) -> Glb:
    job.say("step", f"{lod.level}: textures and encoding", fraction)
    return fit(lod, job.config.levels[lod.level], job.config, textures)


def _encode_key(config: Config, lod: Lod, kept: Kept) -> str:
    """The same level of detail is the same file, whatever the other levels are."""
    level = config.levels[lod.level]
    return stage_key(
        "encode",
        lod=[lod.level, lod.notes, scene_digest(lod.scene, kept.digests)],
        level=level.model_dump(include={"texture_px", "screen_px", "max_bytes"}),
        textures=config.textures.model_dump(include=set(ENCODING)),
        compression=config.compression.model_dump(),
    )


def _poster(job: Job, glbs: list[Glb], kept: Kept) -> bytes:
    glb = _poster_level(glbs, job.config)
    key = stage_key("poster", scene=scene_digest(glb.lod.scene, kept.digests)) if kept.shelf else ""

    def make() -> bytes:
        job.say("step", "poster", 0.93)
        return make_poster(glb.lod.scene)

    return kept.through(key, make, BYTES)


def _warnings(carved: Carved, glbs: list[Glb]) -> tuple[str, ...]:
    """The source's, then what the texture stage found, each once."""
    return tuple(dict.fromkeys([*carved.warnings, *(line for glb in glbs for line in glb.lod.scene.warnings)]))


def _poster_level(glbs: list[Glb], config: Config) -> Glb:
    """The coarsest level that is made for at least the poster's pixels, else the finest."""
    return next((glb for glb in reversed(glbs) if config.levels[glb.level].screen_px >= POSTER_PX), glbs[0])


def _audit(glb: Glb, config: Config) -> list[Finding]:
    return audit_glb(glb.data, level=config.levels[glb.level], name=f"{glb.level}.glb")
