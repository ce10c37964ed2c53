"""PLY -> MeshFile: one part with the normals, texture coordinates and colours that scanners write."""

from __future__ import annotations

import numpy as np

from assetpipe.asset import POINTS, TRIANGLES, Array, Primitive
from assetpipe.errors import SourceError
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
from assetpipe.sources.mesh_ply_header import CURE, Header, read_header
from assetpipe.sources.mesh_ply_rows import Lists, Rows, read_rows
from assetpipe.sources.mesh_polygons import triangulate

FACE_NAMES = ("vertex_indices", "vertex_index")
UV_NAMES = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"), ("texu", "texv"))
NO_ROWS = Rows({}, {})
NO_LISTS = Lists(np.empty(0, np.int64), np.empty(0, np.int64))
MATERIAL = "textured"


def read_ply(data: memoryview, name: str) -> MeshFile:
    header = read_header(data, name)
    rows = read_rows(data, header, name)
    vertices, faces = rows.get("vertex", NO_ROWS), rows.get("face", NO_ROWS)
    positions = _stack(vertices, ("x", "y", "z"))
    if positions is None or not len(positions):
        raise SourceError("E_EMPTY", f"{name}: has no vertices with x, y and z", hint=CURE)
    corners, triangles = _triangles(faces, positions, name)
    used = mark(corners[triangles], len(positions)) if triangles.size else np.arange(len(positions))
    check_positions(positions, used, name)
    settled, origin = settle(positions, used)
    attributes = {"POSITION": settled, **_attributes(vertices)}
    wedges = _wedges(faces, len(corners))
    picked, indices = _index(corners[triangles].reshape(-1), wedges, triangles, used)
    chosen = {semantic: values[picked[0]] for semantic, values in attributes.items()}
    if wedges is not None and triangles.size:
        chosen["TEXCOORD_0"] = wedges[picked[1]]
    kept, repairs = finite_only({k: v for k, v in chosen.items() if k != "POSITION"}, name)
    mode = TRIANGLES if triangles.size else POINTS
    textured = header.texture and "TEXCOORD_0" in kept
    part = Part("", MATERIAL if textured else None, Primitive(mode, indices, {"POSITION": chosen["POSITION"], **kept}))
    return MeshFile(
        (part,), origin, texture=header.texture if textured else "", repairs=repairs, warnings=_notes(header, faces)
    )


def _stack(rows: Rows, names: tuple[str, ...]) -> Array | None:
    if any(name not in rows.columns for name in names):
        return None
    return np.stack([rows.columns[name].astype(np.float64) for name in names], axis=-1)


def _triangles(faces: Rows, positions: Array, name: str) -> tuple[Array, Array]:
    """(corners,) vertex of each corner, and (t, 3) triangles as numbers of corners."""
    named = next((faces.lists[key] for key in FACE_NAMES if key in faces.lists), NO_LISTS)
    corners = named.values.astype(np.int64)
    outside = (corners < 0) | (corners >= len(positions))
    if outside.any():
        first = int(outside.argmax())
        face = int(np.searchsorted(np.cumsum(named.counts), first, "right"))
        raise SourceError(
            "E_INDEX_RANGE",
            f"{name}: face {face} names vertex {corners[first]}, the file has {len(positions):,}",
            hint=CURE,
        )
    return corners, triangulate(named.counts, corners, positions)[0]


def _attributes(vertices: Rows) -> dict[str, Array]:
    found: dict[str, Array] = {}
    normals = _stack(vertices, ("nx", "ny", "nz"))
    if normals is not None and normals.any():
        found["NORMAL"] = normals
    uvs = next((uv for uv in (_stack(vertices, names) for names in UV_NAMES) if uv is not None), None)
    if uvs is not None:
        found["TEXCOORD_0"] = _flip(uvs)
    colours = _colours(vertices)
    if colours is not None:
        found["COLOR_0"] = colours
    return found


def _flip(uvs: Array) -> Array:
    """glTF puts UV (0, 0) at the top left of the image; PLY's writers put it at the bottom left."""
    return uvs * (1, -1) + (0, 1)


def _colours(vertices: Rows) -> Array | None:
    """Integers are sRGB over their type's range. An alpha that is the same everywhere is a program's filler."""
    names = ("red", "green", "blue", "alpha")
    if any(name not in vertices.columns for name in names[:3]):
        return None
    channels = [_unit(vertices.columns[name]) for name in names if name in vertices.columns]
    if len(channels) == 4 and (channels[3] == channels[3][:1]).all():
        channels = channels[:3]
    return linear_from_srgb(np.stack(channels, axis=-1))


def _unit(values: Array) -> Array:
    """Integers -> 0..1 of their type; floats as they are."""
    return np.asarray(values / (np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0))


def _wedges(faces: Rows, corners: int) -> Array | None:
    """(corners, 2) where faces carry the UVs of their corners (`property list uchar float texcoord`)."""
    found = faces.lists.get("texcoord")
    if found is None or len(found.values) != 2 * corners:
        return None
    return _flip(found.values.astype(np.float64).reshape(-1, 2))


def _index(corners: Array, wedges: Array | None, triangles: Array, used: Array) -> tuple[tuple[Array, Array], Array]:
    """Vertices as (vertex of the file, wedge), each distinct pair once, and (n,) uint32 indices into them."""
    if not triangles.size:
        return (used, used), np.arange(len(used), dtype=np.uint32)
    if wedges is None:
        ranks = np.zeros(int(used[-1]) + 1, np.uint32)
        ranks[used] = np.arange(len(used), dtype=np.uint32)
        return (used, used), ranks[corners]
    numbers = triangles.reshape(-1)
    rows = np.column_stack([corners.astype(np.int32), wedges[numbers].astype(np.float32).view(np.int32)])
    first, indices = unify(rows)
    return (corners[first], numbers[first]), indices


def _notes(header: Header, faces: Rows) -> tuple[str, ...]:
    notes = []
    if "red" in header.element("face").names:
        notes.append("colours of faces are left out: only those of vertices are read")
    if header.element("tristrips").count:
        notes.append("triangle strips (tristrips) are left out: only faces are read")
    if "texnumber" in faces.columns and faces.columns["texnumber"].any():
        notes.append("several textures are named: only the first is used")
    return tuple(notes)
