"""Joined, Copy -> Scene: the decimated surface back in the meshes and primitives that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assetpipe.asset import TRIANGLES, Array, Mesh, Primitive, Scene
from assetpipe.geometry.directions import square_to, unit
from assetpipe.geometry.flat import CREASE, with_flat_normals
from assetpipe.geometry.join import DIRECTIONS, Joined, Part, metres, solved_attribute
from assetpipe.geometry.surface import Ints, Surface

BOUND = ("JOINTS_", "WEIGHTS_")  # what moves a vertex, and so must be the same on both sides of a seam


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
    order = np.argsort(surface.group, kind="stable")
    ends = np.searchsorted(surface.group[order], np.arange(len(joined.parts) + 1))
    binding = _binding(joined, surface)
    made: dict[tuple[int, int], Primitive] = {}
    for number, part in enumerate(joined.parts):
        faces = order[ends[number] : ends[number + 1]]
        if len(faces):
            wedges, indices = np.unique(surface.corners[faces], return_inverse=True)
            piece = Slice(part, number, wedges, indices.reshape(-1).astype(np.uint32))
            primitive, flat = _primitive(joined, surface, piece, binding)
            made[part.mesh, part.primitive] = _shade(primitive, part, flat, pixel)
    meshes = tuple(_mesh(mesh, at, made) for at, mesh in enumerate(joined.scene.meshes))
    return replace(joined.scene, meshes=meshes)


def _mesh(mesh: Mesh, at: int, made: Mapping[tuple[int, int], Primitive]) -> Mesh:
    """Points and lines as they were."""
    kept = (
        primitive if primitive.mode != TRIANGLES else made.get((at, number))
        for number, primitive in enumerate(mesh.primitives)
    )
    return replace(mesh, primitives=tuple(primitive for primitive in kept if primitive is not None))


def _binding(joined: Joined, surface: Surface) -> Ints:
    """(w,) the source vertex that tells what moves each wedge. Wedges of one vertex may stem from different places
    after a collapse: then they all follow the first of them, or the seam would tear open when it moves."""
    first = np.zeros(len(surface.positions), np.int32)
    first[surface.wedge_vertex[::-1]] = surface.origin[::-1]
    leader = first[surface.wedge_vertex]
    place = joined.surface.wedge_vertex
    same = place[leader] == place[surface.origin]
    sources: Ints = joined.wedge_source[np.where(same, surface.origin, leader)]
    return sources


def _primitive(joined: Joined, surface: Surface, piece: Slice, binding: Ints) -> tuple[Primitive, NDArray[np.bool_]]:
    """And which of its triangles are flat."""
    own = joined.wedge_source[surface.origin[piece.wedges]] - joined.starts[piece.number]
    bound = binding[piece.wedges]
    source = piece.part.source
    fetched = {
        name: _bound(joined, piece, bound, (None, name)) if name.startswith(BOUND) else values[own]
        for name, values in source.attributes.items()
    }
    targets = tuple(
        {
            name: _bound(joined, piece, bound, (at, name)) if name == "POSITION" else values[own]
            for name, values in target.items()
        }
        for at, target in enumerate(source.targets)
    )
    solved = _sound(_solved(joined, surface, piece, fetched), fetched)
    solved |= {
        name: np.where(piece.part.flat[own][:, None], fetched[name], solved[name])
        for name in DIRECTIONS
        if name in solved
    }
    made = replace(source, indices=piece.indices, attributes={**fetched, **solved}, targets=targets)
    return made, piece.part.flat[own][piece.indices[::3]]


def _shade(made: Primitive, part: Part, flat: NDArray[np.bool_], pixel: float) -> Primitive:
    """Normals of the `flat` (f,) triangles; none where the source has none and shows its facets."""
    smooth = flat.any() and not part.facets.show(pixel / part.scale)
    if not smooth and ("NORMAL" not in made.attributes or not flat.any()):
        return made
    return with_flat_normals(made, flat, CREASE if smooth else 0.0)


def _bound(joined: Joined, piece: Slice, sources: Ints, key: tuple[int | None, str]) -> Array:
    """Values of source vertices, which may be those of another primitive across a border."""
    numbers = np.searchsorted(joined.starts, sources, side="right") - 1
    own = _read(piece.part.source, key)
    assert own is not None
    values = np.zeros((len(sources), *own.shape[1:]), own.dtype)
    for number in np.unique(numbers):
        rows = numbers == number
        other = _read(joined.parts[number].source, key)
        if other is not None and other.shape[1:] == own.shape[1:]:
            values[rows] = other[sources[rows] - joined.starts[number]]
    return values


def _read(primitive: Primitive, key: tuple[int | None, str]) -> Array | None:
    target, name = key
    if target is None:
        return primitive.attributes.get(name)
    return primitive.targets[target].get(name) if target < len(primitive.targets) else None


def _solved(joined: Joined, surface: Surface, piece: Slice, fetched: Mapping[str, Array]) -> dict[str, Array]:
    """What the collapse computed. Where it changed nothing, the source's own numbers."""
    part = piece.part
    moved = surface.positions[surface.wedge_vertex[piece.wedges]]
    before = metres(fetched["POSITION"], part.scale)
    back = (moved.astype(np.float64) / part.scale).astype(np.float32)
    solved: dict[str, Array] = {"POSITION": np.where(moved == before, fetched["POSITION"], back)}
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
