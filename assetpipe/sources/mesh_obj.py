"""OBJ -> MeshFile: objects and groups are named parts, split by material and by what their corners have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.asset import LINES, POINTS, TRIANGLES, Array, Primitive
from assetpipe.errors import SourceError
from assetpipe.sources.mesh_obj_text import KEYWORDS, Corners, Text, read_corners, read_rows, split_lines
from assetpipe.sources.mesh_parts import (
    MeshFile,
    Part,
    check_positions,
    finite_only,
    linear_from_srgb,
    mark,
    settle,
    unify,
)
from assetpipe.sources.mesh_polygons import triangulate

CURVES = {"cstype", "curv", "curv2", "surf", "deg"}
LEFT_OUT = "curves and surfaces (cstype, curv, surf) are left out: only polygons are read"


@dataclass(frozen=True, eq=False)
class Pool:
    """The numbered lists that faces point into."""

    positions: Array
    """(n, 3) float64"""
    uvs: Array
    """(n, 2) float64, (0, 0) at the bottom left"""
    normals: Array
    """(n, 3) float64"""
    colours: Array | None
    """(n, 3) float64, sRGB in 0..1"""
    lines: tuple[Array, Array, Array]
    """Of v, vt, vn: on which line of the file each stands."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Points, lines or triangles."""

    mode: int
    corners: Array
    """(m, 1..3, 3): of each piece its corners, of each corner v, vt, vn from 0; -1 where it has none."""
    lines: Array
    """(m,) the line that each came from."""


@dataclass(frozen=True)
class Key:
    """What the pieces of one primitive have in common."""

    name: str
    material: str | None


def read_obj(data: memoryview, name: str) -> MeshFile:
    text = split_lines(data, name)
    pool, colour_notes = _read_pool(text)
    if not len(pool.positions):
        raise SourceError("E_EMPTY", f"{name}: has no vertices (no line starts with v)", hint="export it again")
    faces, broken = _read_faces(text, pool)
    pieces = [faces, _read_edges(text, pool), _read_points(text, pool)]
    used = mark(np.concatenate([piece.corners[:, :, 0].reshape(-1) for piece in pieces]), len(pool.positions))
    check_positions(pool.positions, used, name)
    settled, origin = settle(pool.positions, used)
    keys, changes, libraries, notes = _read_states(text)
    local = Pool(settled, pool.uvs, pool.normals, pool.colours, pool.lines)
    made = [_build(local, piece, keys, changes) for piece in pieces if len(piece.corners)]
    parts = tuple(part for parts, _ in made for part in parts)
    repairs = tuple(repair for _, repairs in made for repair in repairs)
    dropped = (f"{broken:,} faces of fewer than 3 corners left out",) if broken else ()
    return MeshFile(parts, origin, libraries, repairs=(*dropped, *repairs), warnings=(*colour_notes, *notes))


def _read_pool(text: Text) -> tuple[Pool, tuple[str, ...]]:
    v, vt, vn = (read_rows(text, keyword, least) for keyword, least in ((b"v", 3), (b"vt", 1), (b"vn", 3)))
    coloured = v.counts >= 6
    colours: Array | None = None
    notes: tuple[str, ...] = ()
    if coloured.any():
        colours = np.where((v.counts >= 7)[:, None], v.columns(4, 7), v.columns(3, 6))
        colours = colours / 255 if colours[coloured].max() > 1 else colours
        colours[~coloured] = 1.0
        if not coloured.all():
            notes = (f"{int((~coloured).sum()):,} of {len(coloured):,} vertices have no colour: white is used",)
    pool = Pool(v.columns(0, 3), vt.columns(0, 2), vn.columns(0, 3), colours, (v.lines, vt.lines, vn.lines))
    return pool, notes


def _resolve(text: Text, corners: Corners, pool: Pool) -> Array:
    """(corners, 3) from 0, -1 for none. A negative index counts back from the line that it stands on."""
    lines = np.repeat(corners.lines, corners.counts)
    resolved = corners.indices - 1
    for column, defined in enumerate(pool.lines):
        given = corners.indices[:, column]
        if (given < 0).any():
            before = np.searchsorted(defined, lines)
            resolved[:, column] = np.where(given < 0, before + given, resolved[:, column])
        absent = (given == 0) & (column > 0)
        bad = ~absent & ((resolved[:, column] < 0) | (resolved[:, column] >= len(defined)))
        if bad.any():
            at = int(bad.argmax())
            kind = ("vertices", "texture coordinates", "normals")[column]
            line = int(lines[at]) + 1
            raise SourceError(
                "E_INDEX_RANGE",
                f"{text.name}: line {line:,}: index {int(given[at])}, the file has {len(defined):,} {kind}",
                hint="the file is cut off or was edited by hand: export it again",
            )
    return resolved


def _read_faces(text: Text, pool: Pool) -> tuple[Pieces, int]:
    """Triangles, and how many faces have one or two corners: those exist in the wild, and have no surface."""
    faces = read_corners(text, b"f")
    corners = _resolve(text, faces, pool)
    triangles, owner = triangulate(faces.counts, corners[:, 0], pool.positions)
    return Pieces(TRIANGLES, corners[triangles], faces.lines[owner]), int((faces.counts < 3).sum())


def _read_edges(text: Text, pool: Pool) -> Pieces:
    """A polyline becomes pairs."""
    polylines = read_corners(text, b"l")
    corners = _resolve(text, polylines, pool)
    owner = np.repeat(np.arange(len(polylines.counts)), polylines.counts)
    first = np.flatnonzero(owner[:-1] == owner[1:]) if len(owner) else owner
    return Pieces(LINES, corners[np.stack([first, first + 1], axis=-1)], polylines.lines[owner[first]])


def _read_points(text: Text, pool: Pool) -> Pieces:
    points = read_corners(text, b"p")
    return Pieces(POINTS, _resolve(text, points, pool)[:, None, :], np.repeat(points.lines, points.counts))


def _read_states(text: Text) -> tuple[list[Key], Array, tuple[str, ...], tuple[str, ...]]:
    """What `o`, `g` and `usemtl` say, the lines from which each holds, and the material libraries."""
    known = {keyword.decode() for keyword in KEYWORDS} | {"vp", "s"}
    keys, lines, libraries, unknown = [Key("", None)], [0], [], set()
    scope, group, material = "", "", None
    for line, keyword, rest in text.statements():
        if keyword == "o":
            scope, group = rest, ""
        elif keyword == "g":
            group = "" if rest == "default" else rest
        elif keyword == "usemtl":
            material = rest or None
        elif keyword == "mtllib":
            libraries.append(rest)
            continue
        else:
            unknown |= {keyword} - known
            continue
        keys.append(Key(" ".join(part for part in (scope, group) if part), material))
        lines.append(line)
    notes = (LEFT_OUT,) if unknown & CURVES else ()
    return keys, np.array(lines), tuple(dict.fromkeys(libraries)), notes


def _build(pool: Pool, pieces: Pieces, keys: list[Key], changes: Array) -> tuple[list[Part], list[str]]:
    """One part per key and per set of attributes, in the order in which the file first uses them."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    ranks = np.array([numbers[key] for key in keys])
    state = ranks[np.searchsorted(changes, pieces.lines, "right") - 1]
    has: Array = np.all(pieces.corners[:, :, 1:] >= 0, axis=1)
    group = state * 4 + has[:, 0] * 2 + has[:, 1]
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order], prepend=-1))
    named = list(numbers)
    parts: list[Part] = []
    repairs: list[str] = []
    for rows in sorted(np.split(order, bounds[1:]), key=lambda rows: int(rows[0])):
        key, flags = named[int(group[rows[0]]) // 4], int(group[rows[0]]) % 4
        label = key.name or "the model"
        part, found = _primitive(pool, pieces.mode, pieces.corners[rows].reshape(-1, 3), flags, label)
        parts.append(Part(key.name, key.material, part))
        repairs += found
    return parts, repairs


def _primitive(pool: Pool, mode: int, corners: Array, flags: int, label: str) -> tuple[Primitive, tuple[str, ...]]:
    """Corners that are equal in all that they have become one vertex. `flags`: 2 with UVs, 1 with normals."""
    v, vt, vn, indices = _unify(corners, flags)
    attributes: dict[str, Array] = {}
    if flags & 1:
        attributes["NORMAL"] = pool.normals[vn]
    if flags & 2:
        # glTF puts UV (0, 0) at the top left of the image; OBJ puts it at the bottom left.
        attributes["TEXCOORD_0"] = pool.uvs[vt] * (1, -1) + (0, 1)
    if pool.colours is not None:
        attributes["COLOR_0"] = linear_from_srgb(pool.colours[v])
    kept, repairs = finite_only(attributes, label)
    positions = np.ascontiguousarray(pool.positions[v], np.float32)
    return Primitive(mode, indices, {"POSITION": positions, **kept}), repairs


def _unify(corners: Array, flags: int) -> tuple[Array, Array, Array, Array]:
    """(n, 3) v, vt, vn -> those of each distinct corner in the order of first use, and (n,) uint32 into them."""
    kept = np.array([1, flags >> 1, flags & 1], corners.dtype)
    first, indices = unify(corners * kept)
    v, vt, vn = corners[first].T
    return v, vt, vn, indices
