"""Surfaces and layers -> what the kernels read, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import warp as wp

from assetpipe.asset import Array
from assetpipe.baking import kernels
from assetpipe.baking.cage import build_cage
from assetpipe.baking.kernels import texels
from assetpipe.baking.kernels.level import Level
from assetpipe.baking.kernels.paint import Source
from assetpipe.baking.surface import BakeRequest, Coat, Layer, Surface, Texture
from assetpipe.baking.tables import STEPS, linear_of_srgb, srgb_of_linear
from assetpipe.queries.device import Device, load_on
from assetpipe.queries.nearest import stage_faces
from assetpipe.queries.texels import Pyramid

KERNELS = ("cast", "paint", "sky", "spread", "texels")
ROWS = 1 << 20
"""texels per launch while textures are halved"""


@dataclass(frozen=True, eq=False)
class StagedLayer:
    layer: Layer
    library: Any
    code: Any
    """(65536,) 0..1 -> byte, as the layer's map stores it"""


@dataclass(frozen=True, eq=False)
class Staged:
    """A source that levels can be baked from, one after the other: its triangles are sorted once, 1 s a million."""

    device: Device
    centre: Array
    """(3,) float64: the kernels' lengths are metres about it, for which float32 is enough"""
    size: float
    """metres, its largest extent"""
    triangles: int
    layers: Sequence[StagedLayer]
    struct: Any
    alive: Any
    """The hierarchy, which must live as long."""

    @cached_property
    def mesh(self) -> Any:
        """The same triangles, sorted for rays: three times as fast where only the first that is met counts (the sofa,
        229,484 triangles: 1.5 µs instead of 3.9)."""
        faces = self.struct.faces
        return wp.Mesh(faces.points, faces.corners, bvh_constructor="sah")


def stage_source(source: Surface, layers: Sequence[Layer], device: Device, like: Staged | None = None) -> Staged:
    """`like`: the same triangles in the same order, staged for other layers, which need not be sorted again."""
    for name in KERNELS:
        load_on(f"{kernels.__name__}.{name}", device)
    source.check()
    rows = 1 + int(0 if source.materials is None else source.materials.max(initial=0))
    assert all(len(layer.coats) >= rows for layer in layers), "a material without a coat"
    used = source.positions[source.indices]
    low, high = (used.min(axis=0), used.max(axis=0)) if len(used) else (np.zeros(3), np.zeros(3))
    centre = (low.astype(np.float64) + high) / 2
    struct = Source()
    parts = _rows(source.parts, source.triangles)
    points = _centred(source.positions, centre)
    known = like.alive if like else None
    struct.faces, alive = stage_faces(points, source.indices.reshape(-1, 3), parts, device, known)
    normals = np.zeros_like(points) if source.normals is None else source.normals
    struct.normals = wp.array(np.ascontiguousarray(normals, np.float32), dtype=wp.vec3, device=device)
    tangents = np.zeros((0, 4), np.float32) if source.tangents is None else source.tangents
    struct.tangents = wp.array(np.ascontiguousarray(tangents, np.float32), dtype=wp.vec4, device=device)
    struct.uvs = wp.array(_uv_sets(source), dtype=wp.vec2, device=device)
    struct.colours = wp.array(_colours(source), dtype=wp.vec4, device=device)
    struct.materials = wp.array(_rows(source.materials, source.triangles), dtype=int, device=device)
    struct.two_sided = wp.array(_rows(source.two_sided, source.triangles), dtype=int, device=device)
    size = float((high - low).max()) or 1.0
    return Staged(device, centre, size, source.triangles, [_layer(each, device) for each in layers], struct, alive)


def stage_level(level: Surface, request: BakeRequest, staged: Staged) -> Any:
    level.check()
    device, cage, struct = staged.device, build_cage(level), Level()
    points = _centred(level.positions, staged.centre)
    empty = np.zeros((0, 4), np.float32)
    struct.points = wp.array(points, dtype=wp.vec3, device=device)
    struct.corners = wp.array(level.indices.astype(np.int32), dtype=int, device=device)
    struct.uvs = wp.array(np.ascontiguousarray(level.uvs[request.uv_set], np.float32), dtype=wp.vec2, device=device)
    normals = empty[:, :3] if level.normals is None else level.normals
    tangents = empty if level.tangents is None else level.tangents
    struct.normals = wp.array(np.ascontiguousarray(normals, np.float32), dtype=wp.vec3, device=device)
    struct.tangents = wp.array(np.ascontiguousarray(tangents, np.float32), dtype=wp.vec4, device=device)
    struct.smooth = wp.array(cage.smooth, dtype=wp.vec3, device=device)
    struct.sharp = wp.array(cage.sharp, dtype=wp.vec3, device=device)
    struct.hard = wp.array(cage.hard, dtype=int, device=device)
    struct.parts = wp.array(_rows(level.parts, level.triangles), dtype=int, device=device)
    # Level and source are the same surface where nothing was decimated: some reach is needed to meet even that.
    struct.px, struct.reach = float(request.px), max(request.distance, 1e-5 * staged.size)
    return struct


def _layer(layer: Layer, device: Device) -> StagedLayer:
    """A texture that several coats show is there once."""
    shown = {id(coat.texture): coat.texture for coat in layer.coats if coat.texture is not None}
    row = {key: at for at, key in enumerate(shown)}
    library, code = texels.Library(), wp.array(_code(layer), dtype=wp.uint8, device=device)
    linear = linear_of_srgb() if layer.kind == "colour" else np.arange(256, dtype=np.float32) / np.float32(255)
    library.linear = wp.array(linear, dtype=float, device=device)
    textures = list(shown.values())
    starts = [0, *accumulate(sum(_sizes(texture)) for texture in textures)]
    library.texels = wp.empty(max(starts[-1], 1), dtype=wp.uint8, device=device)
    tables = [_pyramid(texture, start) for texture, start in zip(textures, starts, strict=False)]
    for texture, table in zip(textures, tables, strict=True):
        _fill(library, texture, table, (code, int(_covers(layer, texture))))
    library.pyramids = wp.array(tables or [Pyramid()], dtype=Pyramid, device=device)
    slots = [_slot(coat, row) for coat in layer.coats]
    library.slots = wp.array(slots, dtype=texels.Slot, device=device)
    return StagedLayer(layer, library, code)


def _covers(layer: Layer, texture: Texture) -> bool:
    """Its alpha says how much of its colour is there, to one material at least."""
    return layer.base and any(coat.texture is texture and not coat.opaque for coat in layer.coats)


def _code(layer: Layer) -> Array:
    if layer.kind == "colour":
        return srgb_of_linear()
    return ((np.arange(STEPS + 1) * 255 + STEPS // 2) // STEPS).astype(np.uint8)


def _fill(library: Any, texture: Texture, table: Any, how: tuple[Any, int]) -> None:
    start, (width, height) = int(table.start), (int(table.width), int(table.height))
    pixels = np.ascontiguousarray(texture.pixels).reshape(-1)
    device = library.texels.device
    wp.copy(library.texels, wp.array(pixels, dtype=wp.uint8, device=device), dest_offset=start, count=len(pixels))
    while (width, height) != (1, 1):
        half = max(width // 2, 1) * max(height // 2, 1)
        for first in range(0, half, ROWS):
            inputs = [library.texels, library.linear, how[0], table, start, width, height, first, how[1]]
            wp.launch(texels.halve, min(ROWS, half - first), inputs, device=device)
        start += width * height * int(table.channels)
        width, height = max(width // 2, 1), max(height // 2, 1)


def _sizes(texture: Texture) -> list[int]:
    """Bytes of each copy, fine to coarse."""
    height, width, channels = texture.pixels.shape
    sizes = [width * height * channels]
    while (width, height) != (1, 1):
        width, height = max(width // 2, 1), max(height // 2, 1)
        sizes.append(width * height * channels)
    return sizes


def _pyramid(texture: Texture, start: int) -> Any:
    table = Pyramid()
    table.height, table.width, table.channels = texture.pixels.shape
    table.start, table.levels = start, len(_sizes(texture))
    table.wrap_u, table.wrap_v = texture.wrap
    return table


def _slot(coat: Coat, row: dict[int, int]) -> Any:
    slot, m = texels.Slot(), coat.matrix
    slot.texture = row[id(coat.texture)] if coat.texture is not None else -1
    slot.uv_set, slot.opaque = coat.uv_set, int(coat.opaque)
    slot.turn, slot.move = wp.vec4(m[0], m[1], m[3], m[4]), wp.vec2(m[2], m[5])
    slot.factor, slot.offset = wp.vec4(*coat.factor), wp.vec4(*coat.offset)
    return slot


def _centred(positions: Array, centre: Array) -> Array:
    return (positions - centre).astype(np.float32)


def _rows(values: Array | None, count: int) -> Array:
    return np.zeros(count, np.int32) if values is None else np.ascontiguousarray(values, np.int32)


def _colours(source: Surface) -> Array:
    white = np.ones((len(source.positions), 4), np.float32)
    if source.colours is None:
        return white
    return np.concatenate([source.colours, white[:, source.colours.shape[1] :]], axis=1).astype(np.float32)


def _uv_sets(source: Surface) -> Array:
    """(sets, vertices, 2); zero where a set is missing."""
    none = np.zeros((len(source.positions), 2), np.float32)
    sets: Sequence[Array] = [source.uvs.get(at, none) for at in range(max(source.uvs, default=0) + 1)]
    return np.stack(sets).astype(np.float32)
