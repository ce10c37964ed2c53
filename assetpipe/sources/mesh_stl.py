"""STL -> MeshFile, read by trimesh from memory. Binary or ASCII is told by the size, never by the word `solid`."""

from __future__ import annotations

import io
import logging

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Floats, Primitive
from assetpipe.errors import SourceError
from assetpipe.sources.mesh_parts import MeshFile, Part, check_positions, settle, unify

HEADER, FACET = 84, 50
CURE = "export it again as binary STL"


def read_stl(data: memoryview, name: str) -> MeshFile:
    """STL knows no connections: equal positions become one vertex. Its facet normals follow from the triangles."""
    _check_size(data, name)
    solids = _load(data, name)
    soup = np.concatenate([points for _, points in solids]) if solids else np.empty((0, 3), np.float32)
    everything = np.arange(len(soup))
    check_positions(soup, everything, name)
    settled, origin = settle(soup, everything)
    ends = np.cumsum([len(points) for _, points in solids])
    parts = tuple(
        Part(label, None, _weld(settled[end - len(points) : end]))
        for (label, points), end in zip(solids, ends, strict=True)
    )
    return MeshFile(parts, origin)


def _check_size(data: memoryview, name: str) -> None:
    head = bytes(data[:1024])
    facets = int.from_bytes(head[80:84], "little")
    if len(data) >= HEADER and len(data) == HEADER + FACET * facets:
        return
    if head.lstrip()[:5].lower() == b"solid" and b"\0" not in head:
        return
    fault = (
        f"header says {facets:,} facets, which are {HEADER + FACET * facets:,} bytes"
        if len(head) >= HEADER
        else "no header"
    )
    raise SourceError("E_STL_SIZE", f"{name}: {fault}, file has {len(data):,}", hint=f"the file is cut off: {CURE}")


def _load(data: memoryview, name: str) -> list[tuple[str, Array]]:
    """(name, (3 * triangles, 3) float32 or float64) of each solid.

    The loader of the one format is called, not `trimesh.load`: that copies 2 M triangles to float64 and merges them,
    1,380 MB at the peak instead of 640 MB.
    """
    from trimesh.exchange.stl import load_stl  # half a second that only these files pay

    logging.getLogger("trimesh").addHandler(logging.NullHandler())  # or it prints tracebacks for normals, unused here
    try:
        loaded = load_stl(io.BytesIO(data))
    except Exception as fault:  # ValueError, IndexError, UnicodeError, ...: trimesh promises none
        raise SourceError("E_STL", f"{name}: not readable as ASCII STL: {fault}", hint=CURE) from None
    solids = loaded.get("geometry", {"": loaded})
    if not solids and len(data) > HEADER:
        raise SourceError("E_STL", f"{name}: no `endsolid`, the file is cut off or holds no facets", hint=CURE)
    return [(_label(key, solid), np.asarray(solid["vertices"])) for key, solid in solids.items()]


def _label(key: str, solid: dict[str, object]) -> str:
    """A binary file's 80 bytes of header are a program's greeting, not a name."""
    return key if key or "vertices" not in solid else str(_metadata(solid).get("name") or "")


def _metadata(solid: dict[str, object]) -> dict[str, object]:
    found = solid.get("metadata")
    return found if isinstance(found, dict) else {}


def _weld(points: Floats) -> Primitive:
    first, indices = unify(points + np.float32(0.0))  # -0.0 equals 0.0
    return Primitive(TRIANGLES, indices, {"POSITION": points[first]})
