"""Drawables and textures -> the structures that the kernels read, in units of the model's largest extent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import warp as wp

from assetpipe.asset import Array, Json, Material
from assetpipe.quality.drawables import Box, Drawable, Texture
from assetpipe.quality.kernels.model import Model, Paint
from assetpipe.quality.kernels.textures import Library, Slot
from assetpipe.quality.pyramids import linear_of_srgb, packed, pyramid
from assetpipe.queries.texels import Pyramid

COLOUR = frozenset({"baseColor", "emissive"})
SLOTS = {
    "base_map": "baseColor",
    "metal_rough_map": "metallicRoughness",
    "normal_map": "normal",
    "occlusion_map": "occlusion",
    "emissive_map": "emissive",
    "coat_map": "clearcoat",
    "coat_roughness_map": "clearcoatRoughness",
}
ALPHA_MODES = {"OPAQUE": 0, "MASK": 1, "BLEND": 2}
MAX_UV_SETS = 4


def stage_model(drawables: Sequence[Drawable], textures: Mapping[int, Texture], box: Box, px: int) -> tuple[Any, Any]:
    """The kernels' Model, and the wp.Mesh that must live as long. `px`: no texture is needed larger than this."""
    materials = list({id(item.material): item.material for item in drawables}.values())
    row = {id(material): i for i, material in enumerate(materials)}
    library, texture_row = _library(materials, textures, px)
    starts = [0, *accumulate(len(item.positions) for item in drawables)]
    model = Model()
    points = _joined([(item.positions - box.centre) / box.size for item in drawables], 3)
    corners = np.concatenate(
        [item.indices.astype(np.int32) + start for item, start in zip(drawables, starts, strict=False)]
    )
    model.points = wp.array(points, dtype=wp.vec3, device="cpu")
    model.corners = wp.array(corners, dtype=int, device="cpu")
    model.normals = wp.array(_joined([_normals(item) for item in drawables], 3), dtype=wp.vec3, device="cpu")
    model.uvs = wp.array(_uv_sets(drawables), dtype=wp.vec2, device="cpu")
    model.colours = wp.array(_joined([_colours(item) for item in drawables], 4), dtype=wp.vec4, device="cpu")
    paint = np.concatenate([np.full(len(item.indices) // 3, row[id(item.material)], np.int32) for item in drawables])
    model.paint = wp.array(paint, dtype=int, device="cpu")
    paints = [_paint(material, texture_row) for material in materials]
    model.paints = wp.array(paints, dtype=Paint, device="cpu")
    model.library = library
    mesh = wp.Mesh(model.points, model.corners)
    model.mesh = mesh.id
    return model, mesh


def _library(
    materials: Sequence[Material | None], textures: Mapping[int, Texture], px: int
) -> tuple[Any, dict[int, int]]:
    uses = [slot for material in materials if material for slot in material.textures if slot.name in SLOTS.values()]
    wanted = sorted({slot.texture for slot in uses} & textures.keys())
    colours = {slot.texture for slot in uses if slot.name in COLOUR}
    levels = [pyramid(textures[index], colour=index in colours, px=px) for index in wanted]
    sizes = [sum(level.shape[0] * level.shape[1] for level in item) for item in levels]
    library = Library()
    library.texels = wp.array(packed(level for item in levels for level in item), dtype=wp.uint32, device="cpu")
    library.linear = wp.array(linear_of_srgb().astype(np.float32) / np.float32(65535), dtype=float, device="cpu")
    tables = [
        _pyramid(start, item, textures[index])
        for start, item, index in zip([0, *accumulate(sizes)], levels, wanted, strict=False)
    ]
    library.pyramids = wp.array(tables or [Pyramid()], dtype=Pyramid, device="cpu")
    return library, {index: i for i, index in enumerate(wanted)}


def _pyramid(start: int, levels: Sequence[Array], texture: Texture) -> Any:
    table = Pyramid()
    table.start, table.levels = start, len(levels)
    table.height, table.width = levels[0].shape[:2]
    table.wrap_u, table.wrap_v = texture.wrap
    return table


def _paint(material: Material | None, texture_row: Mapping[int, int]) -> Any:
    json: Json = material.json if material else {}
    pbr = _table(json, "pbrMetallicRoughness")
    coat = _extension(json, "KHR_materials_clearcoat")
    glow = _number(_extension(json, "KHR_materials_emissive_strength"), "emissiveStrength", 1.0)
    paint = Paint()
    paint.base = wp.vec4(*_numbers(pbr, "baseColorFactor", (1.0, 1.0, 1.0, 1.0)))
    paint.emissive = wp.vec3(*_numbers(json, "emissiveFactor", (0.0, 0.0, 0.0))) * glow
    paint.metallic, paint.roughness = _number(pbr, "metallicFactor", 1.0), _number(pbr, "roughnessFactor", 1.0)
    paint.bump = _number(_table(json, "normalTexture"), "scale", 1.0)
    paint.occlusion = _number(_table(json, "occlusionTexture"), "strength", 1.0)
    paint.cutoff = _number(json, "alphaCutoff", 0.5)
    paint.transmission = _number(_extension(json, "KHR_materials_transmission"), "transmissionFactor", 0.0)
    paint.coat, paint.coat_roughness = (
        _number(coat, "clearcoatFactor", 0.0),
        _number(coat, "clearcoatRoughnessFactor", 0.0),
    )
    paint.alpha_mode = ALPHA_MODES.get(material.alpha_mode, 0) if material else 0
    paint.double_sided = int(material.double_sided) if material else 0
    paint.unlit = int("KHR_materials_unlit" in _table(json, "extensions"))
    infos = {slot.name: slot.info for slot in material.textures} if material else {}
    for field, name in SLOTS.items():
        setattr(paint, field, _slot(infos.get(name, {}), texture_row))
    return paint


def _slot(info: Json, texture_row: Mapping[int, int]) -> Any:
    moved = _extension(info, "KHR_texture_transform")
    turn, (x, y) = _number(moved, "rotation", 0.0), _numbers(moved, "scale", (1.0, 1.0))
    uv_set = int(_number(moved, "texCoord", _number(info, "texCoord", 0.0)))
    slot = Slot()
    slot.texture = texture_row.get(info.get("index", -1), -1)
    slot.uv_set = min(max(uv_set, 0), MAX_UV_SETS - 1)
    # KHR_texture_transform: scale first, then turn counter-clockwise in (u, v), then move.
    slot.turn = wp.vec4(math.cos(turn) * x, math.sin(turn) * y, -math.sin(turn) * x, math.cos(turn) * y)
    slot.move = wp.vec2(*_numbers(moved, "offset", (0.0, 0.0)))
    return slot


def _table(json: Json, key: str) -> Json:
    found = json.get(key)
    return found if isinstance(found, dict) else {}


def _extension(json: Json, name: str) -> Json:
    return _table(_table(json, "extensions"), name)


def _numbers(json: Json, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Nobody checks what an extension holds before a picture is made: what makes no sense counts as absent."""
    found = json.get(key)
    if not isinstance(found, list | tuple) or len(found) != len(default):
        return default
    return tuple(_number({key: part}, key, value) for part, value in zip(found, default, strict=True))


def _number(json: Json, key: str, default: float) -> float:
    found = json.get(key)
    sound = isinstance(found, int | float) and abs(found) < 1e30
    return float(found) if sound and found is not None else default


def _normals(item: Drawable) -> Array:
    """Zero where there are none: the kernel takes the face's then."""
    return np.zeros_like(item.positions) if item.normals is None else item.normals


def _colours(item: Drawable) -> Array:
    white = np.ones((len(item.positions), 4), np.float32)
    if item.colours is None:
        return white
    return np.concatenate([item.colours, white[:, item.colours.shape[1] :]], axis=1)


def _uv_sets(drawables: Sequence[Drawable]) -> Array:
    """(sets, vertices, 2); zero where a drawable lacks a set."""
    count = min(max((max(item.uvs, default=0) for item in drawables), default=0) + 1, MAX_UV_SETS)
    return np.stack([_joined([_uv_set(item, i) for item in drawables], 2) for i in range(count)])


def _uv_set(item: Drawable, index: int) -> Array:
    found = item.uvs.get(index)
    return np.zeros((len(item.positions), 2), np.float32) if found is None else np.asarray(found)


def _joined(arrays: Sequence[Array], width: int) -> Array:
    return np.concatenate([np.zeros((0, width), np.float32), *arrays]).astype(np.float32)
