"""READ 2ND: the verbs, in order. With carve.py the only module that knows the order of the stages.

open ─ carve (read to levels) ─▶ per level: textures ─ encode ─ fit ─▶ poster ─ manifest ─ bundle
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from assetpipe.asset import Glb
from assetpipe.bundle import Bundle, damage, locked, read_bundle, write_bundle
from assetpipe.carve import Carved, Job, carve
from assetpipe.config import Config
from assetpipe.errors import AssetpipeError
from assetpipe.fit import fit
from assetpipe.manifest import BoundsRecord, Manifest, PosterRecord, ToolRecord
from assetpipe.poster import POSTER_PX, make_poster
from assetpipe.quality import Finding, audit_glb, report_html
from assetpipe.records import level_record, source_record
from assetpipe.sources import Source, open_source, unchanged
from assetpipe.textures import TextureCache
from assetpipe.version import __version__

REPORT, POSTER = "report.html", "poster.webp"


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
    textures = TextureCache()
    carved = carve(job, source, textures)
    glbs = list(_encode(job, carved, textures))
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


def _encode(job: Job, carved: Carved, textures: TextureCache) -> Iterator[Glb]:
    """Fine to coarse; textures are decoded once for all levels."""
    for at, lod in enumerate(carved.lods):
        job.say("step", f"{lod.level}: textures and encoding", 0.4 + 0.5 * at / len(carved.lods))
        yield fit(lod, job.config.levels[lod.level], job.config, textures)


def _warnings(carved: Carved, glbs: list[Glb]) -> tuple[str, ...]:
    """The source's, then what the texture stage found, each once."""
    return tuple(dict.fromkeys([*carved.warnings, *(line for glb in glbs for line in glb.lod.scene.warnings)]))


def _poster_level(glbs: list[Glb], config: Config) -> Glb:
    """The coarsest level that is made for at least the poster's pixels, else the finest."""
    return next((glb for glb in reversed(glbs) if config.levels[glb.level].screen_px >= POSTER_PX), glbs[0])


def _audit(glb: Glb, config: Config) -> list[Finding]:
    return audit_glb(glb.data, level=config.levels[glb.level], name=f"{glb.level}.glb")
