"""Views and accessors -> their numbers in the document and their places in the BIN chunk."""

from __future__ import annotations

import json

from assetpipe.asset import Json
from assetpipe.container.encoded import Accessor, Sparse, View

MESHOPT = "EXT_meshopt_compression"


class Layout:
    """Numbers views and accessors in the order in which they are first named; equal ones are stored once."""

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []
        self.length = 0
        self.views: list[Json] = []
        self.accessors: list[Json] = []
        self._decoded_length = 0
        self._places: dict[object, int] = {}

    def accessor(self, accessor: Accessor) -> int:
        placed = self._placed(accessor)
        # An accessor without bytes stands for values that only its own Draco buffer has.
        key = json.dumps(placed) if accessor.view or accessor.sparse else id(accessor)
        if key not in self._places:
            self._places[key] = self.add(accessor)
        return self._places[key]

    def add(self, accessor: Accessor) -> int:
        """An accessor of its own, be there an equal one or not."""
        self.accessors.append(self._placed(accessor))
        return len(self.accessors) - 1

    def _placed(self, accessor: Accessor) -> Json:
        head = {"bufferView": self.view(accessor.view)} if accessor.view else {}
        return {**head, **accessor.json, **({"sparse": self._sparse(accessor.sparse)} if accessor.sparse else {})}

    def _sparse(self, sparse: Sparse) -> Json:
        indices = {"bufferView": self.view(sparse.indices), "componentType": sparse.component_type}
        return {"count": sparse.count, "indices": indices, "values": {"bufferView": self.view(sparse.values)}}

    def view(self, view: View) -> int:
        if view.digest not in self._places:
            self._places[view.digest] = len(self.views)
            place = {"buffer": 0, "byteOffset": self.length, "byteLength": len(view.data)}
            self.views.append(self._decoded(view, place) if view.meshopt else {**place, **view.json})
            self._append(view.data)
        return self._places[view.digest]

    def buffers(self) -> list[Json]:
        own = [{"byteLength": self.length}] if self.length else []
        fallback = {"byteLength": self._decoded_length, "extensions": {MESHOPT: {"fallback": True}}}
        return [*own, fallback] if self._decoded_length else own

    def _decoded(self, view: View, place: Json) -> Json:
        """A view of the second buffer, which does not exist until a viewer has decompressed into it."""
        settings: Json = view.meshopt or {}
        length = settings["count"] * settings["byteStride"]
        decoded = {"buffer": 1, "byteOffset": self._decoded_length, "byteLength": length, **view.json}
        self._decoded_length += length + -length % 4
        return {**decoded, "extensions": {MESHOPT: {**place, **settings}}}

    def _append(self, data: bytes | memoryview) -> None:
        self.parts.append(data)
        padding = -len(data) % 4
        if padding:
            self.parts.append(bytes(padding))
        self.length += len(data) + padding
