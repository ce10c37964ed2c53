"""The nouns of the container: mesh data as bytes, not yet placed in a file.

A view names no buffer and an accessor no view index: they hold each other, so geometry encoded once can be assembled
into any number of GLBs, and two primitives that share an array share the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from assetpipe.asset import Array, Json

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
COMPONENT_TYPES = {
    np.dtype(np.int8): 5120,
    np.dtype(np.uint8): 5121,
    np.dtype(np.int16): 5122,
    np.dtype(np.uint16): 5123,
    np.dtype(np.uint32): 5125,
    np.dtype(np.float32): 5126,
}
ELEMENT_TYPES = {
    (): "SCALAR",
    (1,): "SCALAR",
    (2,): "VEC2",
    (3,): "VEC3",
    (4,): "VEC4",
    (9,): "MAT3",
    (16,): "MAT4",
    (4, 4): "MAT4",
}


@dataclass(frozen=True, eq=False)
class View:
    """A run of bytes in the BIN chunk."""

    data: bytes | memoryview
    json: Json = field(default_factory=dict)
    """`target` and `byteStride`, where they are needed."""
    meshopt: Json | None = None
    """EXT_meshopt_compression: `mode`, `filter`, `count`, `byteStride`; `data` is then the compressed form."""

    @cached_property
    def digest(self) -> bytes:
        """Equal for views that may be stored once."""
        settings = repr((self.json, self.meshopt)).encode()
        return hashlib.blake2b(self.data, digest_size=16, key=hashlib.blake2b(settings).digest()).digest()


@dataclass(frozen=True, eq=False)
class Sparse:
    """The rows of an accessor that are not zero."""

    count: int
    component_type: int
    indices: View
    values: View


@dataclass(frozen=True, eq=False)
class Accessor:
    json: Json
    """All of the accessor but `bufferView` and `sparse`."""
    view: View | None = None
    """None: the values are in a Draco buffer, or zero but for those that `sparse` has."""
    sparse: Sparse | None = None


@dataclass(frozen=True, eq=False)
class EncodedPrimitive:
    attributes: Mapping[str, Accessor]
    indices: Accessor | None
    """None: the vertices are drawn in their own order."""
    targets: tuple[Mapping[str, Accessor], ...] = ()
    draco: View | None = None
    draco_ids: Mapping[str, int] = field(default_factory=dict)
    """semantic -> unique id in the Draco buffer."""

    @property
    def accessors(self) -> Iterator[Accessor]:
        yield from self.attributes.values()
        for target in self.targets:
            yield from target.values()
        if self.indices:
            yield self.indices

    @property
    def views(self) -> Iterator[View]:
        for accessor in self.accessors:
            parts = (accessor.sparse.indices, accessor.sparse.values) if accessor.sparse else (accessor.view,)
            yield from (view for view in parts if view)
        if self.draco:
            yield self.draco


@dataclass(frozen=True, eq=False)
class EncodedGeometry:
    """All meshes of a scene: `meshes[i][j]` is `scene.meshes[i].primitives[j]`."""

    meshes: tuple[tuple[EncodedPrimitive, ...], ...]
    extensions: tuple[str, ...] = ()
    """What a viewer must support to read it."""

    @property
    def bytes(self) -> int:
        """What the geometry adds to a GLB, but for its JSON."""
        views = {view.digest: view for mesh in self.meshes for primitive in mesh for view in primitive.views}
        return sum(len(view.data) for view in views.values())


def element_type(array: Array) -> str:
    """glTF's word for one element of `array`: SCALAR, VEC3, MAT4, ..."""
    return ELEMENT_TYPES[array.shape[1:]]


def describe(array: Array, *, normalized: bool = False) -> Json:
    """The accessor of `array`, without bounds."""
    json: Json = {"componentType": COMPONENT_TYPES[array.dtype]}
    if normalized:
        json["normalized"] = True
    return {**json, "count": len(array), "type": element_type(array)}


def bounds(array: Array) -> Json:
    """`min` and `max` exactly as stored: float32 widened, which JSON's shortest form keeps."""
    rows = array.reshape(len(array), -1)
    return {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
