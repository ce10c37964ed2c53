"""The bytes of a GLB -> its two chunks. No declared length is believed before it is compared with the bytes present."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from assetpipe.errors import SourceError
from assetpipe.sources.notes import Notes

HEADER, CHUNK_HEADER = 12, 8
JSON_CHUNK, BIN_CHUNK = 0x4E4F534A, 0x004E4942
AGAIN = "export or upload the file again"


@dataclass(frozen=True)
class Chunks:
    json: memoryview
    bin: memoryview | None


def split_glb(data: memoryview, name: str, notes: Notes) -> Chunks:
    """Khronos glTF 2.0, chapter 4: a header, a JSON chunk, perhaps a BIN chunk, then chunks to be ignored."""
    length = _declared_length(data, name, notes)
    chunks: list[tuple[int, memoryview]] = []
    offset = HEADER
    while offset < length:
        kind, chunk = _chunk_at(data[:length], offset, name, index=len(chunks))
        if len(chunk) % 4:
            notes.repair("W_GLB_ALIGN", f"chunk {len(chunks)} has {len(chunk)} bytes, not a multiple of 4")
        chunks.append((kind, chunk))
        offset += CHUNK_HEADER + len(chunk)
    return _in_order(chunks, name)


def _declared_length(data: memoryview, name: str, notes: Notes) -> int:
    if len(data) < HEADER:
        raise SourceError("E_GLB_TRUNCATED", f"{name}: {len(data)} bytes, a GLB header alone has {HEADER}", hint=AGAIN)
    _, version, length = struct.unpack_from("<4sII", data)
    if version != 2:
        hint = "convert it to glTF 2.0 (gltf-transform, Blender)" if version == 1 else "export it as glTF 2.0"
        raise SourceError("E_VERSION", f"{name}: GLB container version {version} is not supported", hint=hint)
    if len(data) > 0xFFFFFFFF:
        raise SourceError(
            "E_GLB_LENGTH",
            f"{name}: {len(data):,} bytes, more than a GLB can hold (4 GiB)",
            hint="export .gltf with .bin",
        )
    if length > len(data):
        message = f"{name}: its header says {length:,} bytes, the file has {len(data):,}"
        raise SourceError("E_GLB_TRUNCATED", message, hint=AGAIN)
    if length < len(data):
        notes.repair("W_GLB_TRAILING", f"ignored {len(data) - length:,} bytes after the end of the GLB")
    return int(length)


def _chunk_at(data: memoryview, offset: int, name: str, *, index: int) -> tuple[int, memoryview]:
    left = len(data) - offset - CHUNK_HEADER
    if left < 0:
        message = f"{name}: chunk {index} at offset {offset} is cut off in its header"
        raise SourceError("E_GLB_CHUNK", message, hint=AGAIN)
    length, kind = struct.unpack_from("<II", data, offset)
    if length > left:
        message = f"{name}: chunk {index} at offset {offset} needs {length:,} bytes, {left:,} are left"
        raise SourceError("E_GLB_CHUNK", message, hint=AGAIN)
    start = offset + CHUNK_HEADER
    return kind, data[start : start + length]


def _in_order(chunks: list[tuple[int, memoryview]], name: str) -> Chunks:
    kinds = [kind for kind, _ in chunks]
    if not kinds or kinds[0] != JSON_CHUNK:
        found = f"of type 0x{kinds[0]:08x}" if kinds else "missing"
        raise SourceError("E_GLB_CHUNK_ORDER", f"{name}: the first chunk is {found}, not JSON", hint=AGAIN)
    if kinds.count(JSON_CHUNK) > 1 or BIN_CHUNK in kinds[2:]:
        second = "a second JSON chunk" if kinds.count(JSON_CHUNK) > 1 else "a BIN chunk that is not the second chunk"
        raise SourceError("E_GLB_CHUNK_ORDER", f"{name}: has {second}", hint=AGAIN)
    return Chunks(chunks[0][1], chunks[1][1] if len(kinds) > 1 and kinds[1] == BIN_CHUNK else None)
