"""What was made -> its lines in the manifest."""

from __future__ import annotations

import hashlib
import math

from assetpipe.asset import Deviation, Glb, Scene
from assetpipe.config import Level
from assetpipe.geometry import drawn_triangles
from assetpipe.manifest import DeviationRecord, FileRecord, LevelRecord, SourceRecord, TextureRecord
from assetpipe.quality.silhouettes import Overlap
from assetpipe.sources import Source
from assetpipe.textures import image_info


def source_record(source: Source, triangles: int) -> SourceRecord:
    files = tuple(FileRecord(uri=file.uri, sha256=file.sha256, bytes=file.bytes) for file in source.files)
    return SourceRecord(
        sha256=source.sha256, bytes=source.bytes, format=source.format, triangles=triangles, files=files
    )


def level_record(glb: Glb, level: Level, deviation: Deviation, overlap: Overlap) -> LevelRecord:
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
        scores={"silhouette_iou": _rounded_down(overlap.worst)},
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


def _rounded_down(share: float) -> float:
    """Four digits; what reads 0.995 is no less."""
    return math.floor(share * 10_000) / 10_000
