"""Document -> the bytes of its buffers and buffer views, each opened when first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from assetpipe.asset import Json
from assetpipe.errors import MissingFile
from assetpipe.sources.document import Document
from assetpipe.sources.meshopt import EXTENSIONS, decode_meshopt

READ_TWICE = "the source has to be exported again, or its .bin replaced by the one that belongs to it"


@dataclass(frozen=True)
class View:
    data: memoryview
    stride: int | None


@dataclass(frozen=True, eq=False)
class Buffers:
    document: Document
    _opened: dict[int, memoryview] = field(default_factory=dict)
    _decoded: dict[int, View] = field(default_factory=dict)

    def view(self, index: int) -> View:
        """The bytes of a buffer view, decompressed when it is a meshopt one."""
        place, entry = f"/bufferViews/{index}", self.document.items("bufferViews")[index]
        extensions = entry.get("extensions", {})
        for name in EXTENSIONS:
            if name in extensions:
                if index not in self._decoded:
                    self._decoded[index] = self._decode(place, entry, extensions[name])
                return self._decoded[index]
        return View(self._slice(entry, place), entry.get("byteStride"))

    def _decode(self, place: str, entry: Json, compressed: Json) -> View:
        stride = int(compressed["byteStride"])
        if entry["byteLength"] != compressed["count"] * stride:
            fault = f"{entry['byteLength']:,} bytes, not count * byteStride = {compressed['count'] * stride:,}"
            raise self.document.refuse("E_MESHOPT", place, fault)
        data = decode_meshopt(self.document, place, compressed, self._slice(compressed, place))
        return View(data.data, stride if compressed.get("mode") == "ATTRIBUTES" else None)

    def _slice(self, entry: Json, place: str) -> memoryview:
        start, length = entry.get("byteOffset", 0), entry["byteLength"]
        data = self._buffer(entry["buffer"])
        if start + length > len(data):
            fault = f"bytes {start:,}..{start + length:,} of buffer {entry['buffer']}, which has {len(data):,}"
            raise self.document.refuse("E_ACCESSOR_BOUNDS", place, fault, READ_TWICE)
        return data[start : start + length]

    def _buffer(self, index: int) -> memoryview:
        if index not in self._opened:
            self._opened[index] = self._open(index, f"/buffers/{index}")
        return self._opened[index]

    def _open(self, index: int, place: str) -> memoryview:
        document, entry = self.document, self.document.items("buffers")[index]
        data = document.bin if index == 0 else None
        if "uri" in entry:
            try:
                data = document.source.resolve(entry["uri"], place)
            except MissingFile as error:
                raise MissingFile("E_MISSING_BUFFER", error.message, hint=error.hint) from None
        if data is None:
            raise document.refuse("E_MISSING_BUFFER", place, "has no uri, and there is no BIN chunk for it")
        if len(data) < entry["byteLength"]:
            fault = f"byteLength is {entry['byteLength']:,}, the data has {len(data):,} bytes"
            raise document.refuse("E_BUFFER_SHORT", place, fault, READ_TWICE)
        return data[: entry["byteLength"]]
