"""A carved stone head, 0.42 m high, as a scanner would deliver it: a million triangles, charts with seams, 4096² maps.

The stone is three lattices: its sides over (turn, height), its crown and its foot over (turn, way to the axis).
The maps' charts are cut-outs of those lattices, filled from the very fields that shape the geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from kit.document import Document, pbr
from kit.patterns import Array, clouds, jpeg, lumps, normals_of, orm, png, to_bytes
from kit.surfaces import Part, join, sheet, smooth

HEIGHT, LID = 0.42, 0.395  # metres: of the whole; where the crown begins
CHARTS = (4, 2)  # round and up the sides
SIDES, CROWN, FOOT = (0.0, 0.0, 1.0, 0.74), (0.0, 0.74, 0.26, 0.26), (0.26, 0.74, 0.26, 0.26)  # u, v, width, height
MARGIN = 0.003  # of the maps, on each side of a chart

PROFILE = np.array(
    [
        (0.0, 0.088),
        (0.04, 0.091),
        (0.11, 0.078),
        (0.20, 0.080),
        (0.42, 0.084),
        (0.66, 0.084),
        (0.78, 0.087),
        (0.92, 0.084),
        (1.0, 0.077),
    ]
)
OCTAVES = (
    (0.060, 0.0026),
    (0.021, 0.0013),
    (0.0075, 0.0006),
    (0.0028, 0.00028),
    (0.0012, 0.00012),
)  # lump, height; metres
# carved features, +Z is the face: angle, height (of HEIGHT), width, tallness, relief in metres
FEATURES = [
    (0.00, 0.540, 0.19, 0.130, 0.034),  # nose
    (0.00, 0.445, 0.28, 0.042, 0.020),  # nostrils
    (0.00, 0.725, 0.92, 0.040, 0.021),  # brow
    (0.46, 0.640, 0.27, 0.052, -0.022),  # eye sockets
    (-0.46, 0.640, 0.27, 0.052, -0.022),
    (0.00, 0.345, 0.42, 0.022, 0.014),  # lips
    (0.00, 0.285, 0.38, 0.020, 0.012),
    (0.00, 0.315, 0.42, 0.009, -0.010),
    (0.00, 0.190, 0.50, 0.055, 0.022),  # chin
    (0.80, 0.430, 0.34, 0.120, -0.008),  # cheeks
    (-0.80, 0.430, 0.34, 0.120, -0.008),
    (1.66, 0.560, 0.20, 0.165, 0.017),  # ears
    (-1.66, 0.560, 0.20, 0.165, 0.017),
    (1.62, 0.570, 0.085, 0.115, -0.010),
    (-1.62, 0.570, 0.085, 0.115, -0.010),
]


@dataclass(frozen=True, eq=False)
class Lattice:
    """A piece of the stone: points (rows, columns, 3) and, at each of them, what the maps are painted from."""

    points: Array
    hollow: Array
    """(rows, columns): how deep it lies below its surroundings, about -1..1."""
    stain: Array
    """(rows, columns): weathering and lichen, about -1..1."""


def build(triangles: int = 1_000_000, px: int = 4096) -> bytes:
    document = Document(copyright="CC0 1.0: no rights reserved", tangents=False)
    sides, crown, foot = _stone(triangles)
    colour, normal, packed = _maps(sides, crown, foot, px)
    packed_map = document.texture("scan-orm", jpeg(packed, quality=92))
    stone = document.material(
        "weathered-stone",
        pbrMetallicRoughness=pbr(
            baseColorTexture={"index": document.texture("scan-colour", png(colour, level=1))},
            metallicRoughnessTexture={"index": packed_map},
        ),
        normalTexture={"index": document.texture("scan-normal", png(normal, level=1))},
        occlusionTexture={"index": packed_map},
    )
    mesh = document.mesh("carved-head", [(_surface(sides, crown, foot), stone)])
    document.root("carved-stone-head", [document.node("scan", mesh=mesh)])
    return document.glb()


def _stone(triangles: int) -> tuple[Lattice, Lattice, Lattice]:
    """Sides, crown and foot with at least so many triangles, in nearly square cells."""
    columns = int(np.ceil(np.sqrt(triangles / 2 / 1.06) / 8)) * 8
    caps = max(2, round(columns * 0.16))
    rows = int(np.ceil((triangles / (2 * columns) - 2 * caps + 1) / 2)) * 2
    turn = np.linspace(-np.pi, np.pi, columns + 1)[None]
    radial = np.stack([np.sin(turn), 0 * turn, np.cos(turn)], axis=-1)
    up = np.linspace(0, 1, rows + 1)[:, None]
    radius = _carved(turn, up)
    points = radius[..., None] * radial + np.array([0, LID, 0]) * up[..., None]
    sides = _weathered(points, np.broadcast_to(radial, points.shape), _below(radius))
    way = np.linspace(1, 0, caps + 1)[:, None]
    rise = np.sqrt(np.clip(1 - way**2, 0, 1))
    rim = radius[-1][None, :, None] * radial
    dome = way[..., None] * rim + np.array([0, 1.0, 0]) * (LID + (HEIGHT - LID) * rise)[..., None]
    crown = _weathered(dome, way[..., None] * radial + np.array([0, 1.0, 0]) * rise[..., None], 0 * way + 0 * turn)
    flat = way[::-1][..., None] * sides.points[:1]
    return sides, crown, Lattice(flat, 0 * flat[..., 0], sides.stain[:1] * way[::-1])


def _carved(turn: Array, up: Array) -> Array:
    """(rows, columns) metres from the axis, before the weather; turn 0 is the face."""
    outline = np.interp(up, *_soft(PROFILE).T)
    rounded = (np.abs(np.sin(turn) / 0.80) ** 2.7 + np.abs(np.cos(turn)) ** 2.7) ** (-1 / 2.7)
    radius = outline * rounded
    for angle, height, wide, tall, relief in FEATURES:
        across = ((turn - angle + np.pi) % (2 * np.pi) - np.pi) / wide
        radius = radius + relief * np.exp(-(np.abs(across) ** 2.6) - np.abs((up - height) / tall) ** 2.6)
    result: Array = radius
    return result


def _soft(profile: Array) -> Array:
    fine = np.linspace(0, 1, 401)
    kernel = np.hanning(43) / np.hanning(43).sum()
    return np.stack(
        [fine, np.convolve(np.pad(np.interp(fine, *profile.T), 21, mode="edge"), kernel, mode="valid")], axis=1
    )


def _below(radius: Array) -> Array:
    """How far each place lies under the average of its surroundings, about -1..1; rows clamp, columns wrap."""
    size = max(2, radius.shape[0] // 28)
    window = np.hanning(2 * size + 1) / np.hanning(2 * size + 1).sum()
    padded = np.pad(np.pad(radius[:, :-1], ((0, 0), (size, size)), mode="wrap"), ((size, size), (0, 0)), mode="edge")
    across = sum(weight * padded[:, k : k + radius.shape[1] - 1] for k, weight in enumerate(window))
    around = sum(weight * across[k : k + radius.shape[0]] for k, weight in enumerate(window))
    depth = (around - radius[:, :-1]) / 0.004
    return np.clip(np.concatenate([depth, depth[:, :1]], axis=1), -1, 1)


def _weathered(points: Array, outward: Array, hollow: Array) -> Lattice:
    """Chips and pores: lumps in space, so that lattices meet without a step."""
    flat = points.reshape(-1, 3)
    layers = [lumps(flat, cell, seed) for seed, (cell, _) in enumerate(OCTAVES, start=91)]
    rough = sum(layer * size for layer, (_, size) in zip(layers, OCTAVES, strict=True)).reshape(points.shape[:2])
    moved = points + outward * rough[..., None]
    moved[:, -1] = moved[:, 0]
    stain = lumps(flat, 0.045, 97) + 0.6 * lumps(flat, 0.014, 98) + 0.4 * layers[3]
    fine = (layers[2] + layers[3]).reshape(rough.shape)
    return Lattice(moved, np.clip(hollow - 0.35 * fine, -1.5, 1.5), stain.reshape(rough.shape))


def _surface(sides: Lattice, crown: Lattice, foot: Lattice) -> Part:
    """All charts as one surface: vertices are doubled at seams, normals are not."""
    parts = []
    for rows, columns, box in _side_charts(sides):
        v, u = np.meshgrid(
            np.linspace(1, 0, rows.stop - rows.start), np.linspace(0, 1, columns.stop - columns.start), indexing="ij"
        )
        parts.append(sheet(sides.points[rows, columns], _inside(box, u, v)))
    for lattice, box in ((crown, CROWN), (foot, FOOT)):
        way, turn = _polar_axes(lattice, box)
        u, v = 0.5 + 0.5 * way * np.sin(turn), 0.5 + 0.5 * way * np.cos(turn)
        parts.append(sheet(lattice.points, _inside(box, u, v)))
    whole = join(parts)
    return smooth(whole.points, whole.uvs, whole.faces)


Box = tuple[float, float, float, float]


def _side_charts(sides: Lattice) -> list[tuple[slice, slice, Box]]:
    """(rows, columns, rectangle in the maps) of each chart; neighbours share a row or a column of points."""
    rows, columns = (count - 1 for count in sides.hollow.shape)
    wide, tall = SIDES[2] / CHARTS[0], SIDES[3] / CHARTS[1]
    charts = []
    for j, i in np.ndindex(CHARTS[1], CHARTS[0]):
        down = slice(rows * j // CHARTS[1], rows * (j + 1) // CHARTS[1] + 1)
        across = slice(columns * i // CHARTS[0], columns * (i + 1) // CHARTS[0] + 1)
        charts.append((down, across, (wide * i, tall * (CHARTS[1] - 1 - j), wide, tall)))
    return charts


def _inside(box: Box, u: Array, v: Array) -> Array:
    """UVs of a chart's own 0..1 coordinates, clear of its neighbours."""
    width, height = box[2] - 2 * MARGIN, box[3] - 2 * MARGIN
    return np.stack([box[0] + MARGIN + u * width, box[1] + MARGIN + v * height], axis=-1)


def _polar_axes(lattice: Lattice, box: Box) -> tuple[Array, Array]:
    """The way from the axis 0..1 of each row, and the turn of each column."""
    rows, columns = lattice.hollow.shape
    way = np.linspace(1, 0, rows) if box is CROWN else np.linspace(0, 1, rows)
    return way[:, None], np.linspace(-np.pi, np.pi, columns)[None]


def _maps(sides: Lattice, crown: Lattice, foot: Lattice, px: int) -> tuple[Array, Array, Array]:
    """Base colour, normal map, occlusion-roughness-metalness; (px, px, 3) uint8 each."""
    tile = px // 2
    grain = clouds(tile, 95, finest=2, coarsest=96, slope=0.5).astype(np.float32)
    pores = np.clip(clouds(tile, 96, finest=6, coarsest=40, slope=0.6) - 1.5, 0, 1)
    relief = np.tile(np.clip(0.5 + 0.13 * grain - 0.6 * pores, 0, 1), (2, 2))
    colour, packed = np.full((px, px, 3), 128, np.uint8), np.full((px, px, 3), 200, np.uint8)
    for window, hollow, stain in _unrolled(sides, crown, foot, px):
        colour[window], packed[window] = _painted(hollow, stain, relief[window])
    return colour, normals_of(relief, 7.0), packed


def _painted(hollow: Array, stain: Array, relief: Array) -> tuple[Array, Array]:
    """Colour and packed map of one chart: dust in hollows, pale edges, patches of lichen."""
    light = 0.56 + 0.55 * (relief - 0.5) - 0.17 * hollow + 0.07 * stain
    stone = np.array([0.64, 0.60, 0.54], np.float32) * light[..., None] * 1.35
    lichen = np.clip((stain + 1.6 * (relief - 0.5) - 1.05) * 4, 0, 1)[..., None]
    ochre = np.array([0.68, 0.66, 0.50], np.float32) * (0.55 + 0.75 * relief[..., None])
    soot = np.clip((-stain - 0.9) * 0.8, 0, 0.35)[..., None]
    mixed = stone * (1 - 0.75 * lichen) + ochre * 0.75 * lichen
    occlusion = np.clip(1 - 0.45 * np.clip(hollow, 0, 1.2) - 0.3 * np.clip(0.5 - relief, 0, 1), 0.2, 1)
    return to_bytes(0.05 + 0.9 * mixed * (1 - soot)), orm(occlusion, 0.86 + 0.1 * lichen[..., 0] - 0.1 * relief, 0)


Filled = tuple[tuple[slice, slice], Array, Array]


def _unrolled(sides: Lattice, crown: Lattice, foot: Lattice, px: int) -> list[Filled]:
    """(window of the maps, hollow, stain) of each chart, its margin filled by what lies beyond its border."""
    filled: list[Filled] = []
    for rows, columns, box in _side_charts(sides):
        window, u, v = _texels(box, px)
        row = rows.start + (1 - v) * (rows.stop - 1 - rows.start)
        column = columns.start + u * (columns.stop - 1 - columns.start)
        filled.append(
            (
                window,
                _sampled(sides.hollow, row[:, None], column[None]),
                _sampled(sides.stain, row[:, None], column[None]),
            )
        )
    for lattice, box in ((crown, CROWN), (foot, FOOT)):
        window, u, v = _texels(box, px)
        x, z = np.meshgrid(2 * u - 1, 2 * v - 1)
        far, count = np.hypot(x, z), np.array(lattice.hollow.shape) - 1
        row = np.clip(1 - far if box is CROWN else far, 0, 1) * count[0]
        column = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * count[1]
        filled.append((window, _sampled(lattice.hollow, row, column), _sampled(lattice.stain, row, column)))
    return filled


def _texels(box: Box, px: int) -> tuple[tuple[slice, slice], Array, Array]:
    """The chart's window, and its own coordinates at the texels' middles; they pass 0..1 in the margin."""
    left, top, right, bottom = (round(value * px) for value in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    u = ((np.arange(left, right) + 0.5) / px - box[0] - MARGIN) / (box[2] - 2 * MARGIN)
    v = ((np.arange(top, bottom) + 0.5) / px - box[1] - MARGIN) / (box[3] - 2 * MARGIN)
    return (slice(top, bottom), slice(left, right)), u, v


def _sampled(field: Array, row: Array, column: Array) -> Array:
    """Between the lattice's values; rows clamp, columns wrap."""
    rows, columns = field.shape[0] - 1, field.shape[1] - 1
    row, column = np.clip(row, 0, rows - 1e-4).astype(np.float32), (column % columns).astype(np.float32)
    low, left = row.astype(np.int32), np.minimum(column.astype(np.int32), columns - 1)
    down, across = row - low, column - left
    values = field.astype(np.float32)
    top = values[low, left] * (1 - across) + values[low, left + 1] * across
    under = values[low + 1, left] * (1 - across) + values[low + 1, left + 1] * across
    result: Array = top * (1 - down) + under * down
    return result
