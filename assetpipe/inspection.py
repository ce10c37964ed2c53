"""`inspect`: what is in a source, and what a build would make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from assetpipe.asset import TRIANGLES, Scene
from assetpipe.carve import pixel
from assetpipe.config import Config
from assetpipe.geometry import Bounds, drawn_triangles, placements, prepare, remove_hidden, scene_bounds
from assetpipe.sources import Source, open_source, read_scene
from assetpipe.textures import image_info


class Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class MaterialRow(Row):
    name: str
    alpha: str
    double_sided: bool
    extensions: list[str]


class TextureRow(Row):
    name: str
    slots: list[str]
    """The words of the materials that use it: baseColor, normal, ..."""
    width: int
    height: int
    mime: str
    bytes: int
    gpu_bytes: int


class LevelPlan(Row):
    """What a level may be at most; a build takes fewer triangles where the surface allows."""

    level: str
    triangles: int
    texture_px: int
    max_bytes: int
    strays_mm: float
    """How far the surface may move: `max_error_px` at the level's screen."""


class Inspection(Row):
    source: str
    format: str
    bytes: int
    sha256: str
    files: list[str]
    generator: str
    copyright: str
    size_m: tuple[float, float, float]
    triangles: int
    triangles_stored: int
    hidden_triangles: int | None
    """That a build would remove because nobody can see them; null where the config keeps them."""
    vertices: int
    other_primitives: int
    """Points and lines, which pass through unchanged."""
    draw_calls: int
    nodes: int
    meshes: int
    skins: int
    animations: list[str]
    morph_targets: int
    variants: list[str]
    lights: int
    cameras: int
    extensions: list[str]
    materials: list[MaterialRow]
    textures: list[TextureRow]
    problems: list[str]
    levels: list[LevelPlan]


def inspect_source(path: Path, config: Config) -> Inspection:
    with open_source(path, config.limits) as source:
        scene = read_scene(source, config.limits)
        return Inspection(**_of_file(source, scene), **_of_geometry(scene, config), **_of_looks(scene))


def _of_file(source: Source, scene: Scene) -> dict[str, Any]:
    asset = scene.json.get("asset", {})
    return {
        "source": source.name,
        "format": source.format,
        "bytes": source.bytes,
        "sha256": source.sha256,
        "files": [file.uri for file in source.files],
        "generator": str(asset.get("generator", "")),
        "copyright": str(asset.get("copyright", "")),
        "problems": [*scene.repairs, *scene.warnings],
    }


def _of_geometry(scene: Scene, config: Config) -> dict[str, Any]:
    primitives = [primitive for mesh in scene.meshes for primitive in mesh.primitives]
    bounds = scene_bounds(scene)
    shown = [scene.meshes[placement.mesh] for placement in placements(scene)]
    extents = np.subtract(bounds.max, bounds.min)
    triangles = drawn_triangles(scene)
    return {
        "size_m": tuple(round(float(extent), 6) for extent in extents),
        "triangles": triangles,
        "triangles_stored": scene.triangles,
        "hidden_triangles": _hidden(scene, config),
        "vertices": sum(len(primitive.positions) for primitive in primitives),
        "other_primitives": sum(primitive.mode != TRIANGLES for primitive in primitives),
        "draw_calls": sum(len(mesh.primitives) for mesh in shown),
        "nodes": len(scene.nodes),
        "meshes": len(scene.meshes),
        "skins": len(scene.json.get("skins", ())),
        "morph_targets": max((len(primitive.targets) for primitive in primitives), default=0),
        "levels": _plan(triangles, bounds, config),
    }


def _hidden(scene: Scene, config: Config) -> int | None:
    """Counted as a build counts: in the scene that is ready for the descent."""
    if config.geometry.hidden == "keep":
        return None
    return remove_hidden(prepare(scene, config.geometry)).triangles


def _plan(triangles: int, bounds: Bounds, config: Config) -> list[LevelPlan]:
    return [
        LevelPlan(
            level=name,
            triangles=min(triangles, level.max_triangles),
            texture_px=level.texture_px,
            max_bytes=level.max_bytes,
            strays_mm=round(1000 * config.geometry.max_error_px * pixel(level, bounds), 4),
        )
        for name, level in reversed(config.fine_to_coarse)
    ]


def _of_looks(scene: Scene) -> dict[str, Any]:
    document = scene.json
    extensions = document.get("extensions", {})
    return {
        "animations": [str(item.get("name", "")) for item in document.get("animations", ())],
        "variants": [str(item["name"]) for item in extensions.get("KHR_materials_variants", {}).get("variants", ())],
        "lights": len(extensions.get("KHR_lights_punctual", {}).get("lights", ())),
        "cameras": len(document.get("cameras", ())),
        "extensions": sorted(document.get("extensionsUsed", ())),
        "materials": [
            MaterialRow(
                name=material.name,
                alpha=material.alpha_mode,
                double_sided=material.double_sided,
                extensions=sorted(material.json.get("extensions", {})),
            )
            for material in scene.materials
        ],
        "textures": _textures(scene),
    }


def _textures(scene: Scene) -> list[TextureRow]:
    slots: dict[int, list[str]] = {}
    for material in scene.materials:
        for slot in material.textures:
            image = scene.json["textures"][slot.texture].get("source")
            if image is not None and slot.name not in slots.setdefault(image, []):
                slots[image].append(slot.name)
    rows = []
    for at, image in enumerate(scene.images):
        info = image_info(image)
        rows.append(
            TextureRow(
                name=image.name or f"image {at}",
                slots=slots.get(at, []),
                width=info.width,
                height=info.height,
                mime=info.mime,
                bytes=info.bytes,
                gpu_bytes=info.gpu_bytes,
            )
        )
    return rows
