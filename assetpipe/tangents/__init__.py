"""Primitive with normals and UVs -> the same with MikkTSpace's tangents, which every baker and viewer agrees on.

glTF 2.0, 3.7.2.1 asks for them "with default MikkTSpace algorithms"; v grows downwards in glTF, so w has the other sign
than the algorithm's own. A million triangles take 2.5 s, the reference in WebAssembly 20.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import warp as wp

from assetpipe.asset import Array, Floats, Primitive
from assetpipe.kernels import load
from assetpipe.rows import first_equal
from assetpipe.tangents.kernels import mikktspace

__all__ = ["STRAIGHT", "Turn", "corner_tangents", "with_tangents"]

Turn = tuple[float, float, float, float]
"""Row by row, UVs -> texture coordinates."""
STRAIGHT: Turn = (1.0, 0.0, 0.0, 1.0)

NONE = np.array([1, 0, 0, 1], np.float32)
"""Where UVs give no direction."""


def with_tangents(primitive: Primitive, uvs: str = "TEXCOORD_0", turn: Turn = STRAIGHT) -> Primitive:
    """TRIANGLES with NORMAL and the UV set -> with TANGENT. Old vertices keep their numbers; where the corners at one
    differ (mirrored UVs meet, UVs turn about a point) the others follow after them, in the order of the triangles.
    `turn`: KHR_texture_transform's, for viewers make tangents where the picture lies."""
    attributes = primitive.attributes
    placed = attributes[uvs] if turn == STRAIGHT else _turned(attributes[uvs], turn)
    tangents = corner_tangents(primitive.indices, primitive.positions, attributes["NORMAL"], placed)
    indices, source, founder = _split(primitive.indices, tangents, len(primitive.positions))
    found = np.where(founder[:, None] >= 0, tangents[founder] if len(tangents) else NONE, NONE)
    kept = {name: values[source] for name, values in attributes.items() if name != "TANGENT"}
    return replace(
        primitive,
        indices=indices.astype(np.uint32),
        attributes={**kept, "TANGENT": _square_to(kept["NORMAL"], found)},
        targets=tuple(
            {name: values[source] for name, values in target.items() if name != "TANGENT"}
            for target in primitive.targets
        ),
    )


def _turned(uvs: Floats, turn: Turn) -> Floats:
    turned: Floats = (uvs.astype(np.float64) @ np.reshape(turn, (2, 2)).T).astype(np.float32)
    return turned


def corner_tangents(indices: Array, positions: Floats, normals: Floats, uvs: Floats) -> Floats:
    """(3 f,) of (n, 3), (n, 3) unit and (n, 2) -> (3 f, 4), (1, 0, 0, 1) where UVs give no direction."""
    welded = first_equal([positions, normals, uvs]).astype(np.int32)
    corners = welded[indices].reshape(-1, 3)
    a, b, c = (positions[corners[:, at]] for at in range(3))
    solid = (a != b).any(axis=1) & (b != c).any(axis=1) & (c != a).any(axis=1)
    if solid.all():
        return _of_solid(corners, positions, normals, uvs)
    tangents = np.tile(NONE, (len(corners), 3, 1))
    tangents[solid] = _of_solid(np.ascontiguousarray(corners[solid]), positions, normals, uvs).reshape(-1, 3, 4)
    tangents[~solid] = _lent(corners, tangents, solid)
    return tangents.reshape(-1, 4)


def _of_solid(faces: Array, positions: Floats, normals: Floats, uvs: Floats) -> Floats:
    """(f, 3) int32 triangles without two corners in one place -> (3 f, 4)."""
    load(mikktspace.__name__)
    if not len(faces):
        return np.zeros((0, 4), np.float32)
    on = {"device": "cpu"}
    mesh = _warp(faces, int), _warp(positions, wp.vec3), _warp(normals, wp.vec3)
    along, total = _zeros((len(faces), 2), wp.vec3), _zeros(faces.size, wp.vec3)
    side, free, torn = (_zeros(count, int) for count in (len(faces), len(faces), faces.size))
    wp.launch(mikktspace.measure, len(faces), [mesh[0], mesh[1], _warp(uvs, wp.vec2), along, side, free], **on)
    group = _groups(faces, free, side)
    wp.launch(mikktspace.add, 1, [*mesh, along, free, group, total], **on)
    wp.launch(mikktspace.lean, faces.size, [mesh[0], mesh[2], along, free, group, total, torn], **on)
    founders = group.numpy()
    tangents = np.ascontiguousarray(total.numpy()[founders])
    _part(founders, torn.numpy(), tangents, (*mesh, along, free))
    del mesh, along, total, free, torn  # with `keys` below 90 MB a million triangles, where a build's memory peaks
    found = np.empty((faces.size, 4), np.float32)
    found[:, :3] = tangents
    # v down instead of up: what turns with the UVs is left-handed.
    found[:, 3] = np.where(side.numpy()[founders // 3], np.float32(-1), np.float32(1))
    found[founders < 0] = NONE
    return found


def _groups(faces: Array, free: Any, side: Any) -> Any:
    """(3 f,) int32 Warp array, see `gather`."""
    ahead = np.roll(faces, -1, axis=1)
    keys = (np.minimum(faces, ahead).astype(np.int64) << 32) | np.maximum(faces, ahead)
    del ahead
    edges = _warp(np.argsort(keys.reshape(-1), kind="stable"), int)
    del keys
    triangles = _warp(faces, int)
    across = wp.full(faces.shape, -1, dtype=int, device="cpu")
    wp.launch(mikktspace.match, 1, [edges, triangles, across], device="cpu")
    group = wp.full(faces.shape, -1, dtype=int, device="cpu")
    # Each corner of a fan leaves two triangles waiting at most.
    waiting = wp.empty(2 * int(np.bincount(faces.reshape(-1)).max()) + 2, dtype=int, device="cpu")
    wp.launch(mikktspace.gather, 1, [triangles, across, free, side, group, waiting], device="cpu")
    return group.flatten()


def _part(founders: Array, torn: Array, tangents: Floats, mesh: tuple[Any, ...]) -> None:
    """Within groups whose members may be opposite, each corner's own tangent; written into `tangents`."""
    some = np.flatnonzero((founders >= 0) & (torn[founders] > 0))
    if not len(some):
        return
    corners = some[np.argsort(founders[some], kind="stable")].astype(np.int32)
    starts = np.searchsorted(founders[corners], founders[corners]).astype(np.int32)
    found = _warp(tangents, wp.vec3)
    wp.launch(mikktspace.part, len(corners), [_warp(corners, int), _warp(starts, int), *mesh, found], device="cpu")
    tangents[corners] = found.numpy()[corners]


def _lent(corners: Array, tangents: Floats, solid: Array) -> Floats:
    """Corners of triangles that are points or lines take the tangent of the first proper corner at their vertex."""
    owners = np.full(int(corners.max()) + 1, -1, np.int64)
    proper = np.flatnonzero(np.repeat(solid, 3))
    owners[corners.reshape(-1)[proper][::-1]] = proper[::-1]
    found = owners[corners[~solid]]
    lent: Floats = np.where(found[..., None] >= 0, tangents.reshape(-1, 4)[found], NONE)
    return lent


def _split(indices: Array, tangents: Floats, vertices: int) -> tuple[Array, Array, Array]:
    """(3 f,) new vertices of the corners; (m,) the old vertex of each, and a corner that has its tangent or -1."""
    most = vertices + len(indices)
    source = np.arange(most, dtype=np.int32)
    made = wp.empty(len(indices), dtype=int, device="cpu")
    founder, following = (wp.full(most, -1, dtype=int, device="cpu") for _ in range(2))
    sources, count = _warp(source, int), _warp(np.array([vertices], np.int32), int)
    inputs = [_warp(indices.astype(np.int32), int), _warp(tangents, wp.vec4), made, founder, following, sources, count]
    wp.launch(mikktspace.split, 1, inputs, device="cpu")
    total = int(count.numpy()[0])
    return made.numpy(), sources.numpy()[:total], founder.numpy()[:total]


def _square_to(normals: Floats, tangents: Floats) -> Floats:
    """The algorithm's own are square to their normals; what stands in for none, or is left of directions that cancel
    out, is not, and becomes what is square and nearest to x or y."""
    lean = np.abs((normals * tangents[:, :3]).sum(axis=1))
    length = np.linalg.norm(tangents[:, :3], axis=1)
    some = np.flatnonzero((lean > 1e-3) | (np.abs(length - 1) > 1e-3))
    if not len(some):
        return tangents
    n = normals[some].astype(np.float64)
    ways = [way - n * (n @ way)[:, None] for way in (np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))]
    along = np.where(np.abs(n[:, :1]) < 0.9, *ways)
    turned = tangents.copy()
    turned[some, :3] = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return turned


def _warp(values: Array, kind: object) -> Any:
    dtype = np.int32 if kind is int else np.float32
    return wp.array(np.ascontiguousarray(values, dtype), dtype=kind, device="cpu")


def _zeros(shape: Any, kind: Any) -> Any:
    return wp.zeros(shape, dtype=kind, device="cpu")
