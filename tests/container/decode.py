"""A GLB reader for tests: container by pygltflib, Draco by DracoPy, meshopt by its wheel, nothing by assetpipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import DracoPy
import meshoptimizer
import numpy as np
import pygltflib
from numpy.typing import NDArray

Array = NDArray[Any]
DTYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True, eq=False)
class Decoded:
    indices: Array
    stored: dict[str, Array]
    """As stored: integers where the file has integers."""
    attributes: dict[str, Array]
    """float32, normalised integers resolved."""
    targets: list[dict[str, Array]]
    draco: bool


class File:
    def __init__(self, data: bytes) -> None:
        self.gltf = pygltflib.GLTF2.load_from_bytes(data)
        self.blob = self.gltf.binary_blob() or b""
        self.json = self.gltf.to_dict()

    def primitive(self, mesh: int = 0, primitive: int = 0) -> Decoded:
        own = self.gltf.meshes[mesh].primitives[primitive]
        names = {name: index for name, index in vars(own.attributes).items() if index is not None}
        draco = (own.extensions or {}).get("KHR_draco_mesh_compression")
        if draco:
            indices, stored = self._draco(draco, names)
        else:
            stored = {name: self.array(index) for name, index in names.items()}
            count = len(stored["POSITION"])
            indices = np.arange(count) if own.indices is None else self.array(own.indices).reshape(-1)
        floats = {name: self._floats(values, names[name]) for name, values in stored.items()}
        targets = [{name: self.array(index) for name, index in _named(target)} for target in own.targets or []]
        return Decoded(indices, stored, floats, targets, bool(draco))

    def array(self, index: int) -> Array:
        accessor = self.gltf.accessors[index]
        dtype, width = np.dtype(DTYPES[accessor.componentType]), WIDTHS[accessor.type]
        values = np.zeros((accessor.count, width), dtype)
        if accessor.bufferView is not None:
            values = self._rows(accessor, dtype, width)
        if accessor.sparse:
            values = values.copy()
            values[self._sparse(accessor.sparse.indices, accessor.sparse.count, 1).reshape(-1)] = self._sparse(
                accessor.sparse.values, accessor.sparse.count, width, dtype
            )
        return values

    def _sparse(self, part: Any, count: int, width: int, dtype: Any = None) -> Array:
        kind = np.dtype(dtype or DTYPES[part.componentType])
        data = self.view(part.bufferView)[part.byteOffset or 0 :]
        return np.frombuffer(data, kind, count * width).reshape(count, width)

    def _rows(self, accessor: Any, dtype: Any, width: int) -> Array:
        data = self.view(accessor.bufferView)
        stride = self.gltf.bufferViews[accessor.bufferView].byteStride or dtype.itemsize * width
        assert stride % 4 == 0 or self.gltf.bufferViews[accessor.bufferView].target != 34962
        shape, strides = (accessor.count, width), (stride, dtype.itemsize)
        return np.ndarray(shape, dtype, data, accessor.byteOffset or 0, strides).copy()

    def view(self, index: int) -> bytes:
        view = self.gltf.bufferViews[index]
        meshopt = (view.extensions or {}).get("EXT_meshopt_compression")
        if meshopt:
            return _meshopt(self.blob, meshopt)
        assert view.byteOffset % 4 == 0
        return self.blob[view.byteOffset : view.byteOffset + view.byteLength]

    def image(self, index: int) -> bytes:
        return self.view(self.gltf.images[index].bufferView)

    def _draco(self, extension: Any, names: dict[str, int]) -> tuple[Array, dict[str, Array]]:
        mesh = DracoPy.decode(self.view(extension["bufferView"]))
        found = {attribute["unique_id"]: attribute for attribute in mesh.attributes}
        stored = {}
        for name, index in names.items():
            accessor, attribute = self.gltf.accessors[index], found[extension["attributes"][name]]
            dtype = np.dtype(DTYPES[accessor.componentType])
            assert attribute["data_type"] == {5120: 1, 5121: 2, 5122: 3, 5123: 4, 5126: 9}[accessor.componentType]
            assert attribute["data"].shape == (accessor.count, WIDTHS[accessor.type])
            stored[name] = attribute["data"].astype(dtype)
        return mesh.faces.reshape(-1), stored

    def _floats(self, values: Array, index: int) -> Array:
        if not self.gltf.accessors[index].normalized:
            return values
        return np.maximum(values.astype(np.float64) / np.iinfo(values.dtype).max, -1)


def _named(target: Any) -> list[tuple[str, int]]:
    entries = target if isinstance(target, dict) else vars(target)
    return [(name, index) for name, index in entries.items() if index is not None]


def _meshopt(blob: bytes, own: Any) -> bytes:
    data = np.frombuffer(blob, np.uint8, own["byteLength"], own.get("byteOffset", 0))
    count, stride = own["count"], own["byteStride"]
    if own["mode"] != "ATTRIBUTES":
        triangles = own["mode"] == "TRIANGLES"
        decode = meshoptimizer.decode_index_buffer if triangles else meshoptimizer.decode_index_sequence
        return decode(count, 4, data).astype(f"<u{stride}").tobytes()
    values = meshoptimizer.decode_vertex_buffer(count, stride, data, dtype=np.dtype((np.void, stride)))
    filters = {
        "EXPONENTIAL": meshoptimizer.decode_filter_exp,
        "OCTAHEDRAL": meshoptimizer.decode_filter_oct,
        "NONE": lambda plain, *_: plain,
    }
    return filters[own["filter"]](values, count, stride).tobytes()
