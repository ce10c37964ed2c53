"""Joined, Copy -> Scene: the decimated surface back in the meshes and primitives that it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import TRIANGLES, Array, Mesh, Primitive, Scene
from assetpipe.geometry.columns import DIRECTIONS, Part, solved_attribute
from assetpipe.geometry.directions import square_to, unit
from assetpipe.geometry.fetching import Origins, bind, mix
from assetpipe.geometry.flat import CREASE, with_flat_normals
from assetpipe.geometry.join import Joined, metres
from assetpipe.geometry.surface import Floats, Ints, Surface

BOUND = ("JOINTS_", "WEIGHTS_")


@dataclass(frozen=True, eq=False)
class Slice:
    """The wedges of one part that are left."""

    part: Part
    number: int
    wedges: Ints
    indices: NDArray[np.uint32]


def split(joined: Joined, surface: Surface, *, pixel: float = 0.0) -> Scene:
    """Order of meshes, nodes and materials as they were; a primitive of which nothing is left is gone. Facets of the
    source that are too small to be seen at `pixel` metres are drawn smooth."""
    origins = Origins(joined, surface)
    pieces = list(_pieces(joined, surface))
    places = _places(joined, surface, pieces)
    made: dict[tuple[int, int], Primitive] = {}
    for piece in pieces:
        primitive, flat = _primitive(origins, piece, places)
        made[piece.part.mesh, piece.part.primitive] = _shade(primitive, piece.part, flat, pixel)
    meshes = tuple(_mesh(mesh, at, made) for at, mesh in enumerate(joined.scene.meshes))
    return replace(joined.scene, meshes=meshes)


def _pieces(joined: Joined, surface: Surface) -> Iterator[Slice]:
    order = np.argsort(surface.group, kind="stable")
    ends = np.searchsorted(surface.group[order], np.arange(len(joined.parts) + 1))
    for number, part in enumerate(joined.parts):
        faces = order[ends[number] : ends[number + 1]]
        if len(faces):
            wedges, indices = np.unique(surface.corners[faces], return_inverse=True)
            yield Slice(part, number, wedges, indices.reshape(-1).astype(np.uint32))


def _places(joined: Joined, surface: Surface, pieces: Sequence[Slice]) -> Floats:
    """(v, 3) in units of each mesh: the source's own numbers for what did not move. One place for each vertex: its
    wedges may stem from different places, and a seam would open by the rounding if each were asked by itself."""
    places = np.full(surface.positions.shape, np.nan, np.float32)
    for piece in pieces:
        vertex = surface.wedge_vertex[piece.wedges]
        own = joined.wedge_source[surface.origin[piece.wedges]] - joined.starts[piece.number]
        source = piece.part.source.positions[own]
        stayed = (metres(source, piece.part.scale) == surface.positions[vertex]).all(axis=1)
        places[vertex[stayed]] = source[stayed]
    for piece in pieces:
        vertex = surface.wedge_vertex[piece.wedges]
        moved = np.isnan(places[vertex, 0])
        places[vertex[moved]] = surface.positions[vertex[moved]].astype(np.float64) / piece.part.scale
    return places


def _mesh(mesh: Mesh, at: int, made: Mapping[tuple[int, int], Primitive]) -> Mesh:
    """Points and lines as they were."""
    kept = (
        primitive if primitive.mode != TRIANGLES else made.get((at, number))
        for number, primitive in enumerate(mesh.primitives)
    )
    return replace(mesh, primitives=tuple(primitive for primitive in kept if primitive is not None))


def _primitive(origins: Origins, piece: Slice, places: Floats) -> tuple[Primitive, NDArray[np.bool_]]:
    """And which of its triangles are flat."""
    joined, surface = origins.joined, origins.surface
    own = joined.wedge_source[surface.origin[piece.wedges]] - joined.starts[piece.number]
    source = piece.part.source
    fetched = {name: values[own] for name, values in source.attributes.items() if not name.startswith(BOUND)}
    positions = places[surface.wedge_vertex[piece.wedges]]
    solved = _sound({"POSITION": positions, **_solved(joined, surface, piece)}, fetched)
    solved |= {
        name: np.where(piece.part.flat[own][:, None], fetched[name], solved[name])
        for name in DIRECTIONS
        if name in solved
    }
    found = {**fetched, **solved, **_custom(origins, piece), **_bound(origins, piece)}
    attributes = {name: found[name] for name in source.attributes if name in found}
    targets = tuple(_target(origins, piece, at) for at in range(len(source.targets)))
    made = replace(source, indices=piece.indices, attributes=attributes, targets=targets)
    return made, piece.part.flat[own][piece.indices[::3]]


def _bound(origins: Origins, piece: Slice) -> dict[str, Array]:
    if not any(name.startswith(BOUND) for name in piece.part.source.attributes):
        return {}
    return bind(origins.joined, origins.of_vertices.of(piece.wedges), piece.number)


def _custom(origins: Origins, piece: Slice) -> dict[str, Array]:
    """Measures are mixed. What only has whole numbers counts or names something (EXT_mesh_features may write them as
    floats): that stays the nearest vertex's."""
    source = piece.part.source.attributes
    measures = {name: values for name, values in source.items() if name.startswith("_") and _is_measure(values)}
    return {
        name: mix(origins.joined, origins.of_wedges.of(piece.wedges), (None, name), values)
        for name, values in measures.items()
    }


def _is_measure(values: Array) -> bool:
    return values.dtype.kind == "f" and bool((values != np.rint(values)).any())


def _target(origins: Origins, piece: Slice, at: int) -> dict[str, Array]:
    """Where a vertex moves to is the same on both sides of a seam; how its normal turns is not."""
    return {
        name: mix(
            origins.joined,
            (origins.of_vertices if name == "POSITION" else origins.of_wedges).of(piece.wedges),
            (at, name),
            values,
        )
        for name, values in piece.part.source.targets[at].items()
    }


def _shade(made: Primitive, part: Part, flat: NDArray[np.bool_], pixel: float) -> Primitive:
    """Normals of the `flat` (f,) triangles; none where the source has none and shows its facets."""
    smooth = flat.any() and not part.facets.show(pixel / part.scale)
    if not smooth and ("NORMAL" not in made.attributes or not flat.any()):
        return made
    return with_flat_normals(made, flat, CREASE if smooth else 0.0)


def _solved(joined: Joined, surface: Surface, piece: Slice) -> dict[str, Array]:
    """What the collapse computed beside positions."""
    part = piece.part
    solved: dict[str, Array] = {}
    for name, where in joined.columns:
        if (values := solved_attribute(part, name)) is not None:
            width = min(values.shape[1], where.stop - where.start)
            columns = surface.attributes[piece.wedges, where.start : where.start + width]
            solved[name] = columns / joined.uv_scales[name][piece.number] if name in joined.uv_scales else columns
    return solved


def _sound(solved: dict[str, Array], fetched: Mapping[str, Array]) -> dict[str, Array]:
    """Colours in 0..1; normals of length 1 and tangents square to them, where they are no longer the source's."""
    changed = np.zeros(len(solved["POSITION"]), bool)
    for name, values in solved.items():
        if name.startswith("COLOR_"):
            solved = {**solved, name: np.clip(values, 0, 1)}
    if "NORMAL" in solved:
        changed = (solved["NORMAL"] != fetched["NORMAL"]).any(axis=1)
        turned = unit(solved["NORMAL"])
        lost = ~(turned.any(axis=1) & np.isfinite(turned).all(axis=1)) | ~changed
        solved = {**solved, "NORMAL": np.where(lost[:, None], fetched["NORMAL"], turned)}
    if "TANGENT" in solved:
        changed = changed | (solved["TANGENT"] != fetched["TANGENT"][:, :3]).any(axis=1)
        tangents = np.concatenate([solved["TANGENT"], fetched["TANGENT"][:, 3:]], axis=1)
        square = square_to(solved.get("NORMAL", fetched["NORMAL"]), tangents)
        solved = {**solved, "TANGENT": np.where(changed[:, None], square, fetched["TANGENT"])}
    return solved
