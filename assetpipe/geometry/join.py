"""Scene -> Joined: the triangles of all its meshes in one Surface, and what is needed to take it apart again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from assetpipe.asset import Array, Scene
from assetpipe.geometry.anchors import WIDTH, hang
from assetpipe.geometry.bounds import scene_bounds
from assetpipe.geometry.columns import Part, end_to_end, fill_columns, find_columns, uv_scales_of, weigh_columns
from assetpipe.geometry.flat import flat_vertices
from assetpipe.geometry.kernels.alike import first_alike
from assetpipe.geometry.kernels.order import take, take_rows
from assetpipe.geometry.kernels.threads import both
from assetpipe.geometry.layers import find_layers, separate_layers
from assetpipe.geometry.pose import Pose
from assetpipe.geometry.surface import Floats, Ints, Surface
from assetpipe.geometry.welding import first_equal

ANCHOR_WORTH = 0.06  # of the way between joints: a bent arm strays by a fifth less, an arm at rest by 4 % more


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
    positions = end_to_end([metres(part.source.positions, part.scale) for part in parts])
    origin = np.arange(len(layers.wedges), dtype=np.int32)
    all_kept = len(origin) == len(wedges) == len(kept)
    source = origin if all_kept else kept[layers.wedges].astype(np.int32)
    corner_values = attributes if all_kept else take(attributes, source)
    weights = weigh_columns(columns, spans, radius or 1.0)
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
    columns, meshes = [end_to_end([part.source.positions for part in parts])], [part.mesh for part in parts]
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
    """The scene's radius; what `uv_scales_of` says of its texture coordinates."""
    names = [name for name, _ in find_columns(parts, ("TEXCOORD",))]
    return scene_bounds(scene).radius, *uv_scales_of(parts, names)


def _of_faces(values: Ints, faces: Sequence[int]) -> Ints:
    """(parts,) -> (f,); without memory of its own where all are the same."""
    same = bool((values == values[0]).all())
    return np.broadcast_to(values[0], (sum(faces),)) if same else np.repeat(values, faces)


def _corners(parts: Sequence[Part], starts: Ints) -> Ints:
    """(f, 3) source vertices; of a single part the source's own memory."""
    if len(parts) == 1 and parts[0].source.indices.dtype == np.uint32:
        return parts[0].source.indices.view(np.int32).reshape(-1, 3)
    corners = [part.source.indices.astype(np.int32) + start for part, start in zip(parts, starts, strict=False)]
    return end_to_end(corners).reshape(-1, 3)


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


def _solved(
    parts: tuple[Part, ...], uv_scales: dict[str, Floats]
) -> tuple[tuple[Part, ...], tuple[tuple[str, slice], ...], Floats]:
    """The parts, which columns hold what of them, and these columns."""
    columns = tuple(find_columns(parts))
    return parts, columns, fill_columns(parts, columns, uv_scales)


def _wedges(parts: Sequence[Part], places: Array, attributes: Floats) -> tuple[Array, Array]:
    """(source vertices,) the first that is the same wedge, and which are the first: flat parts join those that only
    their normals kept apart."""
    wedges, flat = np.arange(len(places)), end_to_end([part.flat for part in parts])
    if not flat.any():
        return wedges, wedges
    part_of = np.repeat(np.arange(len(parts)), [len(part.source.positions) for part in parts])
    some = np.flatnonzero(flat)
    wedges[some] = some[first_equal([places[some], part_of[some], attributes[some]])]
    return wedges, _firsts(wedges)
