"""Scene -> Joined: the triangles of all its meshes in one Surface, and what is needed to take it apart again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import Array, Primitive, Scene
from assetpipe.geometry.anchors import WIDTH, hang
from assetpipe.geometry.bounds import scene_bounds
from assetpipe.geometry.directions import crosses
from assetpipe.geometry.flat import Facets, flat_vertices, measure_facets
from assetpipe.geometry.kernels.alike import first_alike
from assetpipe.geometry.kernels.order import take, take_rows
from assetpipe.geometry.kernels.threads import both, over_ranges
from assetpipe.geometry.layers import find_layers, separate_layers
from assetpipe.geometry.pose import Pose
from assetpipe.geometry.surface import Floats, Ints, Surface
from assetpipe.geometry.welding import first_equal

# What one unit of an attribute's error is worth, in metres of surface error.
UV_WORTH = (
    0.18  # of the length that the texture spans there: at 0.2 UVs drift a twentieth less (p99 0.21 texels of 4096, not
    # 0.22, on a polished body at 50 k triangles) and the shape strays as far as MeshLab's, at 0.3 2 % farther
)
NORMAL_WORTH = (
    0.00125  # of the asset's radius: four times as much costs an eighth of the shape (rms) for a fifth of the shading
)
ANCHOR_WORTH = 0.06  # of the way between joints: a bent arm strays by a fifth less, an arm at rest by 4 % more
COLOUR_WORTH = 0.01  # of the asset's radius: at half a pixel of 1024, a tenth of the range
SAMPLE = 20_000  # triangles that tell how far a texture spans
FEW = 64
ONE = np.float32(1)
DIRECTIONS = ("NORMAL", "TANGENT")
WIDTHS = {"TEXCOORD": 2, "NORMAL": 3, "COLOR": 4, "TANGENT": 3}


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive of TRIANGLES: a group of the surface."""

    mesh: int
    primitive: int
    source: Primitive
    scale: float
    """Metres per unit of the mesh."""
    copies: int
    flat: NDArray[np.bool_]
    """(vertices,) whose triangles each have their own normal: normals follow from triangles, so none are solved for."""

    @cached_property
    def facets(self) -> Facets:
        return measure_facets(self.source)


@dataclass(frozen=True, eq=False)
class Joined:
    scene: Scene
    surface: Surface
    parts: tuple[Part, ...]
    starts: Ints
    """(parts + 1,) the first source vertex of each part; source vertices are numbered through all parts."""
    wedge_source: Ints
    """(w,) the source vertex of each wedge."""
    columns: tuple[tuple[str, slice], ...]
    """Which columns of `surface.attributes` hold which attribute; after them come the anchors of a skinned scene."""
    uv_scales: dict[str, Floats]
    """TEXCOORD_n -> (parts,) power of two that UVs were multiplied by, so that one unit spans alike everywhere."""


def join(scene: Scene) -> Joined | None:
    """None when the scene has no triangles. Positions are welded inside each mesh, across its primitives."""
    parts = tuple(_parts(scene))
    if not parts:
        return None
    counts = [len(part.source.positions) for part in parts]
    starts = np.array([0, *accumulate(counts)], np.int32)
    places, (radius, uv_scales, spans) = both(lambda: _places(parts, starts), lambda: _measure(scene, parts))
    corners = _corners(parts, starts)
    (vertices, vertex, layer), (parts, columns, attributes) = both(
        lambda: _vertices(places, corners),
        lambda: _solved(_told_flat(parts, places, starts), uv_scales),
    )
    wedges, kept = _wedges(parts, places, attributes)
    wedge_vertex = vertex if len(kept) == len(wedges) else vertex[kept]
    if len(kept) < len(wedges):
        corners = take(_numbers(kept, len(wedges))[wedges], corners)
    layers = separate_layers(layer, corners, wedge_vertex, len(vertices))
    faces = [part.source.triangles for part in parts]
    positions = _end_to_end([metres(part.source.positions, part.scale) for part in parts])
    origin = np.arange(len(layers.wedges), dtype=np.int32)
    all_kept = len(origin) == len(wedges) == len(kept)
    source = origin if all_kept else kept[layers.wedges].astype(np.int32)
    corner_values = attributes if all_kept else take(attributes, source)
    weights = _weights(columns, spans, radius or 1.0)
    anchors = hang(scene, [(part.mesh, part.source) for part in parts])
    if anchors is not None:
        corner_values = np.concatenate([corner_values, anchors[source]], axis=1)
        weights = np.concatenate([weights, np.full(WIDTH, ANCHOR_WORTH, np.float32)])
    surface = Surface(
        positions=take_rows(positions, vertices[layers.vertices]),
        corners=np.ascontiguousarray(layers.corners, np.int32),
        wedge_vertex=layers.wedge_vertex,
        attributes=corner_values,
        weights=weights,
        group=_of_faces(np.arange(len(parts), dtype=np.int32), faces),
        copies=_of_faces(np.array([part.copies for part in parts], np.int32), faces),
        origin=origin,
        uv_sets=len(uv_scales),
    )
    return Joined(scene, surface, parts, starts, source, columns, uv_scales)


def _places(parts: Sequence[Part], starts: Ints) -> Array:
    """(source vertices,) the first of the same mesh in the same place."""
    columns, meshes = [_end_to_end([part.source.positions for part in parts])], [part.mesh for part in parts]
    if len(set(meshes)) > 1:
        columns.append(np.repeat(meshes, np.diff(starts)))
    return first_equal(columns)


def _vertices(places: Array, corners: Ints) -> tuple[Array, Ints, Array | None]:
    """The source vertices that are the first in their place; which of these each is, and the layer of each triangle."""
    firsts = _firsts(places)
    vertex = take(_numbers(firsts, len(places)), places)
    return firsts, vertex, find_layers(first_alike(corners, vertex))


def _told_flat(parts: Sequence[Part], places: Array, starts: Ints) -> tuple[Part, ...]:
    pairs = zip(parts, pairwise(starts), strict=True)
    return tuple(replace(part, flat=flat_vertices(part.source, places[low:high])) for part, (low, high) in pairs)


def _measure(scene: Scene, parts: Sequence[Part]) -> tuple[float, dict[str, Floats], dict[str, float]]:
    """The scene's radius; what `_uv_scales` says of its texture coordinates."""
    names = [name for name, _ in _columns(parts, ("TEXCOORD",))]
    return scene_bounds(scene).radius, *_uv_scales(parts, names)


def _of_faces(values: Ints, faces: Sequence[int]) -> Ints:
    """(parts,) -> (f,); without memory of its own where all are the same."""
    same = bool((values == values[0]).all())
    return np.broadcast_to(values[0], (sum(faces),)) if same else np.repeat(values, faces)


def _corners(parts: Sequence[Part], starts: Ints) -> Ints:
    """(f, 3) source vertices; of a single part the source's own memory."""
    if len(parts) == 1 and parts[0].source.indices.dtype == np.uint32:
        return parts[0].source.indices.view(np.int32).reshape(-1, 3)
    corners = [part.source.indices.astype(np.int32) + start for part, start in zip(parts, starts, strict=False)]
    return _end_to_end(corners).reshape(-1, 3)


def _end_to_end(arrays: Sequence[Array]) -> Array:
    """Not copied where there is one."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _firsts(first: Array) -> Array:
    """Which rows are the first of those that equal them."""
    return np.flatnonzero(first == np.arange(len(first)))


def _parts(scene: Scene) -> Iterator[Part]:
    pose = Pose(scene)
    for at, mesh in enumerate(scene.meshes):
        for number, primitive in enumerate(mesh.primitives):
            if primitive.triangles:
                yield Part(
                    at,
                    number,
                    primitive,
                    pose.scales[at],
                    max(1, pose.copies[at]),
                    np.zeros(len(primitive.positions), bool),
                )


def metres(positions: Floats, scale: float) -> Floats:
    if scale == 1.0:
        return np.asarray(positions, np.float32)
    return (positions.astype(np.float64) * scale).astype(np.float32)


def _numbers(kept: Array, count: int) -> Ints:
    """(count,) -> where each of the kept stands among the kept."""
    numbers = np.full(count, -1, np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return numbers


def _columns(parts: Sequence[Part], kinds: Collection[str] = WIDTHS) -> Iterator[tuple[str, slice]]:
    """Attributes that vary somewhere; those that are the same all over need no solving."""
    found = {name for part in parts for name in part.source.attributes if name.split("_")[0] in kinds}
    names = sorted(found, key=lambda name: (not name.startswith("TEXCOORD"), name))  # the collapse looks for UVs first
    start = 0
    for name in names:
        if any(_varies(part, name) for part in parts):
            stop = start + WIDTHS[name.split("_")[0]]
            yield name, slice(start, stop)
            start = stop


def _varies(part: Part, name: str) -> bool:
    values = solved_attribute(part, name)
    if values is None:
        return False
    return any((rows != values[0]).any() for rows in (values[:FEW], values))  # as a rule the first tell


def solved_attribute(part: Part, name: str) -> Array | None:
    """Zeros for directions that follow from flat triangles, None where all do."""
    values = part.source.attributes.get(name)
    if values is None or name not in DIRECTIONS or not part.flat.any():
        return values
    return None if part.flat.all() else np.where(part.flat[:, None], values.dtype.type(0), values)


def _uv_scales(parts: Sequence[Part], names: Sequence[str]) -> tuple[dict[str, Floats], dict[str, float]]:
    """And the metres that a unit of the scaled UVs spans, for each UV set."""
    scales, spans = {}, {}
    for name in names:
        span = np.array([_span(part, name) for part in parts])
        known = span[span > 0]
        spans[name] = float(np.exp(np.log(known).mean())) if len(known) else 0.0
        ratio = np.where(span > 0, span, spans[name] or 1.0) / (spans[name] or 1.0)
        scales[name] = np.exp2(np.round(np.log2(ratio))).astype(np.float32)
    return scales, spans


def _span(part: Part, name: str) -> float:
    """Metres that one unit of UV spans on the part; 0 when unknown."""
    uvs = part.source.attributes.get(name)
    if uvs is None:
        return 0.0
    triangles = part.source.indices.reshape(-1, 3)
    triangles = triangles[:: max(1, len(triangles) // SAMPLE)]
    surface = np.linalg.norm(crosses(part.source.positions, triangles), axis=1).sum() * part.scale**2
    a, b, c = (uvs[triangles[:, corner]].astype(np.float64) for corner in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    texture = np.abs(ux * vy - uy * vx).sum()
    return float(np.sqrt(surface / texture)) if texture > 0 and surface > 0 else 0.0


def _solved(
    parts: tuple[Part, ...], uv_scales: dict[str, Floats]
) -> tuple[tuple[Part, ...], tuple[tuple[str, slice], ...], Floats]:
    """The parts, which columns hold what of them, and these columns."""
    columns = tuple(_columns(parts))
    return parts, columns, _attributes(parts, columns, uv_scales)


def _attributes(parts: Sequence[Part], columns: Sequence[tuple[str, slice]], uv_scales: dict[str, Floats]) -> Floats:
    """(source vertices, k); zeros where a part has no such attribute, a missing alpha is 1."""
    width = columns[-1][1].stop if columns else 0
    blocks = []
    for at, part in enumerate(parts):
        block = np.zeros((len(part.source.positions), width), np.float32)
        for name, where in columns:
            values = solved_attribute(part, name)
            if values is not None:
                _fill(block[:, where], _padded(values, where), uv_scales[name][at] if name in uv_scales else ONE)
        blocks.append(block)
    return _end_to_end(blocks)


def _fill(block: Array, values: Array, scale: np.float32) -> None:
    def work(first: int, last: int) -> None:
        np.multiply(values[first:last], scale, out=block[first:last])

    over_ranges(len(block), work)


def _padded(values: Array, where: slice) -> Array:
    width = where.stop - where.start
    if values.shape[1] >= width:
        return values[:, :width]
    return np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=1)


def _wedges(parts: Sequence[Part], places: Array, attributes: Floats) -> tuple[Array, Array]:
    """(source vertices,) the first that is the same wedge, and which are the first: flat parts join those that only
    their normals kept apart."""
    wedges, flat = np.arange(len(places)), _end_to_end([part.flat for part in parts])
    if not flat.any():
        return wedges, wedges
    part_of = np.repeat(np.arange(len(parts)), [len(part.source.positions) for part in parts])
    some = np.flatnonzero(flat)
    wedges[some] = some[first_equal([places[some], part_of[some], attributes[some]])]
    return wedges, _firsts(wedges)


def _weights(columns: Sequence[tuple[str, slice]], spans: dict[str, float], radius: float) -> Floats:
    weights: list[float] = []
    for name, where in columns:
        kind = name.split("_")[0]
        worth = {"NORMAL": NORMAL_WORTH * radius, "COLOR": COLOUR_WORTH * radius, "TANGENT": 0.0}
        weights += [UV_WORTH * spans[name] if kind == "TEXCOORD" else worth[kind]] * (where.stop - where.start)
    return np.array(weights, np.float32)
