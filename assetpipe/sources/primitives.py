"""A primitive of a mesh, accessors and all -> Primitive: lists of triangles, lines or points, float32 attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assetpipe.asset import TRIANGLES, Array, Indices, Json, Mesh, Primitive
from assetpipe.sources.accessors import Accessors
from assetpipe.sources.attributes import Part, read_attributes, read_positions
from assetpipe.sources.document import Document
from assetpipe.sources.draco import decode_draco
from assetpipe.sources.topology import CORNERS, LEAST, as_list, list_mode
from assetpipe.sources.vectors import first_nonfinite

MORPHED = ("POSITION", "NORMAL", "TANGENT", "TEXCOORD", "COLOR")
LIFTED = ("attributes", "indices", "mode", "targets")


def read_meshes(accessors: Accessors) -> list[Mesh | None]:
    """Every mesh, or None for one of which nothing is left."""
    document = accessors.document
    _check_size(document)
    return [_read_mesh(accessors, mesh, f"/meshes/{i}") for i, mesh in enumerate(document.items("meshes"))]


def _check_size(document: Document) -> None:
    """From the declared counts, before anything is decoded or allocated."""
    accessors = document.items("accessors")
    entries = [primitive for mesh in document.items("meshes") for primitive in mesh["primitives"]]
    vertices = {entry["attributes"].get("POSITION") for entry in entries} - {None}
    total = sum(accessors[index]["count"] for index in vertices)
    if total > document.limits.vertices:
        raise document.exceeds(
            "E_LIMIT_VERTICES", f"{total:,} vertices, limit {document.limits.vertices:,}", "vertices"
        )
    triangles = sum(_declared_triangles(accessors, entry) for entry in entries)
    if triangles > document.limits.triangles:
        fault = f"{triangles:,} triangles, limit {document.limits.triangles:,}"
        raise document.exceeds("E_LIMIT_TRIANGLES", fault, "triangles")


def _declared_triangles(accessors: list[Json], entry: Json) -> int:
    mode, corners = entry.get("mode", TRIANGLES), entry.get("indices", entry["attributes"].get("POSITION"))
    if corners is None or list_mode(mode) != TRIANGLES:
        return 0
    count: int = accessors[corners]["count"]
    return count // 3 if mode == TRIANGLES else max(count - 2, 0)


def _read_mesh(accessors: Accessors, mesh: Json, place: str) -> Mesh | None:
    read = [_read_primitive(accessors, entry, f"{place}/primitives/{i}") for i, entry in enumerate(mesh["primitives"])]
    kept = tuple(primitive for primitive in read if primitive is not None)
    if not kept:
        accessors.document.notes.repair("W_EMPTY_MESH", f"{place} holds nothing to draw and is dropped")
        return None
    rest = {key: value for key, value in mesh.items() if key != "primitives"}
    return Mesh(kept, _check_morphing(accessors.document, rest, kept, place))


def _check_morphing(document: Document, rest: Json, primitives: Sequence[Primitive], place: str) -> Json:
    """One weight per target, and equally many targets everywhere: glTF 2.0, 3.7.2.2."""
    counts = sorted({len(primitive.targets) for primitive in primitives})
    if len(counts) > 1:
        fault = f"its primitives have {' and '.join(map(str, counts))} morph targets"
        raise document.refuse("E_TARGETS", place, fault)
    if "weights" not in rest or len(rest["weights"]) == counts[0]:
        return rest
    document.notes.repair("W_TARGET", f"{place}/weights dropped: {len(rest['weights'])} for {counts[0]} targets")
    return {key: value for key, value in rest.items() if key != "weights"}


def _read_primitive(accessors: Accessors, entry: Json, place: str) -> Primitive | None:
    document = accessors.document
    if "POSITION" not in entry["attributes"]:
        document.notes.repair("W_NO_POSITION", f"{place} has no POSITION and is dropped")
        return None
    compressed = "KHR_draco_mesh_compression" in entry.get("extensions", {})
    part = Part(entry, place, decode_draco(accessors, entry, place) if compressed else None)
    positions = read_positions(accessors, part)
    mode, indices = _indices(accessors, part, len(positions))
    if not len(indices):
        document.notes.repair("W_EMPTY_PRIMITIVE", f"{place} has no {'triangles' if mode == TRIANGLES else 'lines'}")
        return None
    attributes = read_attributes(accessors, part, positions, indices if mode == TRIANGLES else None)
    targets = tuple(
        _target(accessors, target, f"{place}/targets/{i}", attributes)
        for i, target in enumerate(entry.get("targets", ()))
    )
    return Primitive(mode, indices, attributes, targets, _rest(entry))


def _rest(entry: Json) -> Json:
    extensions = {k: v for k, v in entry.get("extensions", {}).items() if k != "KHR_draco_mesh_compression"}
    rest = {key: value for key, value in entry.items() if key not in (*LIFTED, "extensions")}
    return {**rest, "extensions": extensions} if extensions else rest


def _indices(accessors: Accessors, part: Part, vertices: int) -> tuple[int, Indices]:
    """The mode of a list, and its indices."""
    document, mode = accessors.document, part.entry.get("mode", TRIANGLES)
    place = f"{part.place}/indices"
    if part.draco:
        mode, indices = TRIANGLES, part.draco.indices
    elif "indices" in part.entry:
        indices = _stored_indices(accessors, part.entry["indices"], place)
    else:
        indices = np.arange(vertices, dtype=np.uint32)
    _check_range(document, indices, vertices, place)
    if len(indices) < LEAST.get(mode, 0):
        return list_mode(mode), indices[:0]
    listed = as_list(mode, indices)
    corners = CORNERS[list_mode(mode)]
    if len(listed) % corners:
        fault = f"{len(listed):,} indices, not a multiple of {corners}"
        raise document.refuse("E_INDEX_COUNT", place, fault)
    return list_mode(mode), listed


def _stored_indices(accessors: Accessors, index: int, place: str) -> Indices:
    values, entry = accessors.array(index), accessors.entry(index)
    if entry["componentType"] not in (5121, 5123, 5125) or values.shape[1] != 1 or entry.get("normalized"):
        raise accessors.document.refuse("E_INDEX_TYPE", place, "indices must be plain unsigned integers")
    restart = int(np.iinfo(values.dtype).max)
    flat = values.reshape(-1)
    if int(flat.max(initial=0)) == restart:
        fault = f"[{int(np.argmax(flat == restart))}] = {restart}, the primitive restart value"
        raise accessors.document.refuse("E_INDEX_RESTART", place, fault, "export separate primitives instead")
    return flat if flat.dtype == np.uint32 else flat.astype(np.uint32)


def _check_range(document: Document, indices: Indices, vertices: int, place: str) -> None:
    if len(indices) and int(indices.max()) >= vertices:
        first = int(np.argmax(indices >= vertices))
        raise document.refuse(
            "E_INDEX_RANGE", place, f"[{first}] = {indices[first]}, but there are {vertices:,} vertices"
        )


def _target(accessors: Accessors, target: Json, place: str, attributes: dict[str, Array]) -> dict[str, Array]:
    """A morph target: differences, (n, 3) also for tangents."""
    document, vertices = accessors.document, len(attributes["POSITION"])
    differences: dict[str, Array] = {}
    for semantic, index in target.items():
        if not semantic.startswith(MORPHED) or semantic not in attributes:
            document.notes.repair("W_TARGET", f"{place}/{semantic} has no attribute to change and is dropped")
            continue
        values = accessors.floats(index)
        if len(values) != vertices:
            fault = f"{len(values):,} elements, but POSITION has {vertices:,}"
            raise document.refuse("E_ATTRIBUTE_COUNT", f"{place}/{semantic}", fault)
        width = 3 if semantic == "TANGENT" else attributes[semantic].shape[1]
        if values.shape[1] != width:
            fault = f"{values.shape[1]} components, not {width}"
            raise document.refuse("E_ATTRIBUTE_TYPE", f"{place}/{semantic}", fault)
        differences[semantic] = _finite_differences(document, values, f"{place}/{semantic}")
    # A target that lost all it changed keeps its place, for the weights and animations that count on it.
    return differences or {"POSITION": np.zeros((vertices, 3), np.float32)}


def _finite_differences(document: Document, values: Array, place: str) -> Array:
    bad, first = first_nonfinite(values)
    if bad:
        raise document.refuse("E_NONFINITE", place, f"{bad:,} differences are not finite; first [{first}]")
    return values
