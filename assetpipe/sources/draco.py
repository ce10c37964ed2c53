"""A Draco-compressed primitive -> its indices and attributes, checked as if a stranger had written them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assetpipe.asset import Array, Indices, Json
from assetpipe.sources.accessors import Accessors, as_floats
from assetpipe.sources.document import Document

# Each triangle and each vertex takes some bits; a header that promises more than this per byte lies.
MOST_PER_BYTE = 1 << 14


@dataclass(frozen=True, eq=False)
class Decoded:
    indices: Indices
    attributes: dict[str, Array]
    """Semantic -> (vertices, k) in the component type that Draco holds."""


def decode_draco(accessors: Accessors, entry: Json, place: str) -> Decoded:
    """`entry`: the primitive. Its accessors say how many vertices and indices there must be."""
    document, extension = accessors.document, entry["extensions"]["KHR_draco_mesh_compression"]
    mesh = _decode(document, accessors.buffers.view(extension["bufferView"]).data, place)
    attributes = {
        semantic: _attribute(accessors, mesh, (semantic, unique_id), entry, place)
        for semantic, unique_id in extension["attributes"].items()
        if semantic in entry["attributes"]
    }
    indices = np.ascontiguousarray(mesh.faces, np.uint32).reshape(-1)
    if "indices" in entry and entry.get("mode", 4) == 4:
        declared = accessors.entry(entry["indices"])["count"]
        if declared != len(indices):
            raise document.refuse(
                "E_DRACO", place, f"decodes to {len(indices):,} indices, its accessor says {declared:,}"
            )
    return Decoded(indices, attributes)


def _decode(document: Document, data: memoryview, place: str) -> Any:
    import DracoPy

    try:
        mesh = DracoPy.decode(bytes(data))
    except Exception as error:  # DracoPy raises its own kinds, ValueError, MemoryError and plain Exception
        fault = f"Draco data cannot be decoded: {error or type(error).__name__}"
        raise document.refuse("E_DRACO", place, fault) from None
    if not isinstance(mesh, DracoPy.DracoMesh) or mesh.faces is None:
        raise document.refuse("E_DRACO", place, "Draco data holds a point cloud, not a mesh")
    return mesh


def _attribute(accessors: Accessors, mesh: Any, named: tuple[str, int], entry: Json, place: str) -> Array:
    """Its values; Draco data without the normalised flag of the accessor would lose their scale."""
    (semantic, unique_id), document = named, accessors.document
    found = next((item for item in mesh.attributes if item["unique_id"] == unique_id), None)
    spot = f"{place}/extensions/KHR_draco_mesh_compression/attributes/{semantic}"
    if found is None:
        known = ", ".join(str(item["unique_id"]) for item in mesh.attributes)
        raise document.refuse("E_DRACO", spot, f"no attribute {unique_id} in the Draco data, only {known}")
    values = np.asarray(found["data"])
    values = values.reshape(len(values), -1)
    declared = accessors.entry(entry["attributes"][semantic])
    if len(values) != declared["count"]:
        raise document.refuse("E_DRACO", spot, f"{len(values):,} vertices, its accessor says {declared['count']:,}")
    return values


def draco_floats(values: Array, *, normalised: bool) -> Array:
    return as_floats(np.ascontiguousarray(values), normalised=normalised)
