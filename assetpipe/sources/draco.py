"""A Draco-compressed primitive -> its indices and attributes, checked as if a stranger had written them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assetpipe.asset import Array, Indices, Json
from assetpipe.sources.accessors import Accessors
from assetpipe.sources.document import Document


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
    """(n, k) in the component type of its accessor, whose normalised flag applies to it."""
    (semantic, unique_id), document = named, accessors.document
    found = next((item for item in mesh.attributes if item["unique_id"] == unique_id), None)
    spot = f"{place}/extensions/KHR_draco_mesh_compression/attributes/{semantic}"
    if found is None:
        known = ", ".join(str(item["unique_id"]) for item in mesh.attributes)
        raise document.refuse("E_DRACO", spot, f"no attribute {unique_id} in the Draco data, only {known}")
    declared = accessors.entry(entry["attributes"][semantic])
    layout = accessors.layout(declared, f"/accessors/{entry['attributes'][semantic]}")
    stored = np.asarray(found["data"]).reshape(-1, int(found["num_components"]))
    if stored.shape != (declared["count"], layout.columns * layout.rows):
        says = f"{declared['count']:,} {declared['type']}"
        fault = f"{stored.shape[0]:,} x {stored.shape[1]} values, its accessor says {says}"
        raise document.refuse("E_DRACO", spot, fault)
    # DracoPy gives 16 bit integers as 32 bits.
    with np.errstate(invalid="ignore"):
        values = np.ascontiguousarray(stored.astype(layout.dtype))
    if stored.dtype != layout.dtype and (values.astype(stored.dtype) != stored).any():
        raise document.refuse("E_DRACO", spot, f"holds {stored.dtype} values that are no {layout.dtype}")
    return values
