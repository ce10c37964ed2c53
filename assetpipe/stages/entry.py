"""Entry -> one file, and back: a line that says what it is, the hash of the rest, a JSON header, arrays.

Whoever can write to a shared cache could write anything, so there is nothing in it that could be executed, and nothing
is used before the hash, the name, the sizes and the types were looked at.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assetpipe.stages.blobs import Blob, kind, raw

MAGIC = b"assetpipe stage 1\n"
HEAD = struct.Struct("<18s32sQ")
"""Magic, sha256 of all that follows it, bytes of the header."""
ALIGNED = 64
DTYPES = frozenset(np.dtype(name).str for name in ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"))


class DamagedEntry(Exception):
    """Cut short, changed, of another name, or written by nobody of us."""


@dataclass(frozen=True, eq=False)
class Entry:
    value: Any
    """JSON that refers to blobs by number."""
    blobs: tuple[Blob, ...]
    sha256: str
    """Of the file but for its magic and this."""


def write_entry(name: str, value: object, blobs: Sequence[Blob]) -> tuple[str, list[bytes | memoryview]]:
    """Its sha256, and the pieces of the file: arrays are not copied."""
    kinds = [(*kind(blob), raw(blob).nbytes) for blob in blobs]
    header = _padded(json.dumps({"name": name, "value": value, "blobs": kinds}, separators=(",", ":")).encode())
    body: list[bytes | memoryview] = [struct.pack("<Q", len(header)), header]
    for blob in blobs:
        data = raw(blob)
        body += [data, b"\0" * (-data.nbytes % ALIGNED)]
    digest = hashlib.sha256()
    for piece in body:
        digest.update(piece)
    return digest.hexdigest(), [MAGIC + digest.digest(), *body]


def read_entry(name: str, data: bytes) -> Entry:
    try:
        magic, digest, length = HEAD.unpack_from(data)
    except struct.error:
        raise DamagedEntry("is cut short") from None
    rest = memoryview(data)[HEAD.size - 8 :]
    if magic != MAGIC:
        raise DamagedEntry("is no entry")
    if hashlib.sha256(rest).digest() != digest:
        raise DamagedEntry("is cut short, or was changed")
    try:
        header = json.loads(bytes(rest[8 : 8 + length]))
        if header["name"] != name:
            raise DamagedEntry("is one of another name")
        return Entry(header["value"], _blobs(rest[8 + length :], header["blobs"]), digest.hex())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedEntry(f"cannot be read: {error}") from None


def _blobs(body: memoryview, kinds: Sequence[tuple[str, list[int], int]]) -> tuple[Blob, ...]:
    found: list[Blob] = []
    at = 0
    for dtype, shape, size in kinds:
        data = body[at : at + size]
        if size < 0 or len(data) != size or (dtype and dtype not in DTYPES):
            raise DamagedEntry("is not what its header says")
        found.append(np.frombuffer(data, dtype).reshape(shape) if dtype else data)
        at += size + -size % ALIGNED
    return tuple(found)


def _padded(header: bytes) -> bytes:
    """So that arrays lie aligned in a file that is read as a whole."""
    return header + b" " * (-(HEAD.size + len(header)) % ALIGNED)
