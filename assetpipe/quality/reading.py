"""GLB -> what an independent reader finds in it: pygltflib for the document, DracoPy for Draco, libvips for pictures.

Our own reader and writer share ideas of the format, so they would agree on a common mistake. pygltflib never gets to
follow a URI: only the bytes at hand are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import DracoPy
import numpy as np
import pygltflib

from assetpipe.asset import Array, Json

COMPONENTS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
TRIANGLE_MODES = {4: (3, 0), 5: (1, 2), 6: (1, 2)}
"""mode -> (indices per triangle, indices before the first one is complete)"""
DRACO = "KHR_draco_mesh_compression"
INSTANCING = "EXT_mesh_gpu_instancing"


class ReadingError(Exception):
    """A part of the file that this reader cannot follow; the message says which and why."""


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive as one node draws it."""

    primitive: Any
    world: Array
    """(4, 4) float64 of the node."""
    copies: int
    """Instances that EXT_mesh_gpu_instancing makes of it in one draw call."""


@dataclass(frozen=True, eq=False)
class Reading:
    data: bytes
    document: Any
    """pygltflib.GLTF2"""

    @cached_property
    def binary(self) -> bytes:
        return self.document.binary_blob() or b""

    @cached_property
    def primitives(self) -> list[Any]:
        return [primitive for mesh in self.document.meshes for primitive in mesh.primitives]

    @cached_property
    def roots(self) -> list[int]:
        scenes = self.document.scenes
        return list(scenes[self.document.scene or 0].nodes or ()) if scenes else []

    @cached_property
    def parts(self) -> list[Part]:
        return list(self._walk())

    def triangles(self, primitive: Any) -> int:
        """By the accessors' counts, which are all that a loader sees before it decodes."""
        if primitive.mode not in TRIANGLE_MODES:
            return 0
        step, skip = TRIANGLE_MODES[primitive.mode]
        index = primitive.indices if primitive.indices is not None else primitive.attributes.POSITION
        return 0 if index is None else max((int(self.document.accessors[index].count) - skip) // step, 0)

    def corners(self, primitive: Any) -> Array:
        """(n, 3) vertex of each corner of each triangle; of a triangle list only."""
        if primitive.mode != pygltflib.TRIANGLES:
            raise ReadingError("strips and fans are not followed")
        draco = self._draco(primitive)
        if draco is not None:
            return np.asarray(draco.faces, np.int64).reshape(-1, 3)
        if primitive.indices is None:
            return np.arange(self.document.accessors[primitive.attributes.POSITION].count).reshape(-1, 3)
        return self._accessor(primitive.indices).astype(np.int64).reshape(-1, 3)

    def attribute(self, primitive: Any, name: str) -> Array | None:
        """(n, k) float64, normalised integers already as fractions."""
        index = getattr(primitive.attributes, name, None)
        if index is None:
            return None
        accessor = self.document.accessors[index]
        draco = self._draco(primitive)
        ids = _extensions(primitive).get(DRACO, {}).get("attributes", {})
        if draco is not None and name in ids:
            found = [item["data"] for item in draco.attributes if item["unique_id"] == ids[name]]
            if not found:
                raise ReadingError(f"{name}: Draco has no attribute {ids[name]}")
            return _as_fractions(np.asarray(found[0]), accessor)
        return _as_fractions(self._accessor(index), accessor)

    def draco_counts(self, primitive: Any) -> tuple[int, int] | None:
        """Vertices and indices that the Draco data really holds."""
        draco = self._draco(primitive)
        return None if draco is None else (len(draco.points), draco.faces.size)

    def view(self, index: int) -> bytes:
        view = self.document.bufferViews[index]
        start = view.byteOffset or 0
        if view.buffer != 0 or self.document.buffers[0].uri or start + view.byteLength > len(self.binary):
            raise ReadingError(f"bufferView {index} lies outside the file")
        return self.binary[start : start + view.byteLength]

    def _draco(self, primitive: Any) -> Any:
        extension = _extensions(primitive).get(DRACO)
        if extension is None:
            return None
        decoded = self._decoded
        key = extension["bufferView"]
        if key not in decoded:
            try:
                decoded[key] = DracoPy.decode(self.view(key))
            except ReadingError:
                raise
            except Exception as error:  # DracoPy raises ValueError, plain Exception and kinds of its own
                raise ReadingError(f"Draco in bufferView {key}: {error}") from None
        return decoded[key]

    @cached_property
    def _decoded(self) -> dict[int, Any]:
        return {}

    def _accessor(self, index: int) -> Array:
        accessor = self.document.accessors[index]
        view = accessor.bufferView
        if view is None or accessor.sparse is not None:
            raise ReadingError(f"accessor {index} is sparse or empty")
        if {"EXT_meshopt_compression", "KHR_meshopt_compression"} & _extensions(self.document.bufferViews[view]).keys():
            raise ReadingError(f"accessor {index} is packed by meshopt")
        kind, width = np.dtype(COMPONENTS[accessor.componentType]), WIDTH[accessor.type]
        stride = self.document.bufferViews[view].byteStride or kind.itemsize * width
        start = accessor.byteOffset or 0
        if start + stride * (accessor.count - 1) + kind.itemsize * width > len(self.view(view)):
            raise ReadingError(f"accessor {index} lies outside its bufferView")
        shape, strides = (accessor.count, width), (stride, kind.itemsize)
        return np.ndarray(shape, kind.newbyteorder("<"), self.view(view), start, strides)

    def _walk(self) -> Iterator[Part]:
        """Every primitive of every node of the scene; a node that is its own ancestor ends the walk."""
        nodes = self.document.nodes
        left = [(root, np.eye(4)) for root in reversed(self.roots)]
        seen: set[int] = set()
        while left:
            index, parent = left.pop()
            if index in seen:
                raise ReadingError(f"node {index} is reached twice")
            seen.add(index)
            node = nodes[index]
            world = parent @ local_matrix(node)
            if node.mesh is not None:
                copies = self._instances(node)
                yield from (Part(primitive, world, copies) for primitive in self.document.meshes[node.mesh].primitives)
            left.extend((child, world) for child in reversed(node.children or ()))

    def _instances(self, node: Any) -> int:
        attributes = _extensions(node).get(INSTANCING, {}).get("attributes", {})
        return min((int(self.document.accessors[index].count) for index in attributes.values()), default=1)


def read_glb(data: bytes) -> Reading:
    try:
        document = pygltflib.GLTF2.load_from_bytes(data)
    except Exception as error:  # struct.error, AttributeError, OSError, JSONDecodeError, ...: it checks nothing first
        raise ReadingError(f"not a GLB that pygltflib can read: {error or type(error).__name__}") from None
    if document is None:
        raise ReadingError("not a GLB that pygltflib can read: it has no JSON")
    return Reading(data, document)


def local_matrix(node: Any) -> Array:
    """(4, 4) float64 from the node's matrix or its translation, rotation and scale."""
    if node.matrix:
        return np.asarray(node.matrix, float).reshape(4, 4).T
    x, y, z, w = node.rotation or (0, 0, 0, 1)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.asarray(node.scale or (1, 1, 1), float)
    matrix[:3, 3] = node.translation or (0, 0, 0)
    return matrix


def normalised(values: Any, accessor: Any) -> Array:
    """Values of the accessor's component type, `min` and `max` included, as the fractions that they stand for."""
    kind: Any = COMPONENTS[accessor.componentType]
    numbers: Array = np.asarray(values, float)
    if not accessor.normalized or kind is np.float32:
        return numbers
    return np.asarray(np.maximum(numbers / np.iinfo(kind).max, -1.0))


def _as_fractions(values: Array, accessor: Any) -> Array:
    return normalised(values.reshape(len(values), -1), accessor)


def _extensions(thing: Any) -> Json:
    return dict(thing.extensions or {})
