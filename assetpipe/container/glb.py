"""Scene + EncodedGeometry -> the bytes of a GLB: one JSON chunk, one BIN chunk, images inside."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from assetpipe.asset import Json, Scene
from assetpipe.container.document import assemble
from assetpipe.container.encoded import EncodedGeometry
from assetpipe.container.layout import Layout
from assetpipe.errors import LimitExceeded, SourceError
from assetpipe.version import __version__

MOST_BYTES = 2**32 - 1
JSON_CHUNK, BIN_CHUNK = 0x4E4F534A, 0x004E4942


def write_glb(scene: Scene, geometry: EncodedGeometry) -> bytes:
    """The scene as one file. `geometry` must come from a scene with the same meshes; all else may differ."""
    layout = Layout()
    document = assemble(scene, geometry, layout)
    body = layout.parts
    text = _dump(_with_generator(document))
    chunks: list[bytes | memoryview] = [_chunk_head(len(text), JSON_CHUNK), text]
    if layout.length:
        chunks += [_chunk_head(layout.length, BIN_CHUNK), *body]
    length = 12 + 8 + len(text) + (8 + layout.length if layout.length else 0)
    if length > MOST_BYTES:
        raise LimitExceeded(
            "E_GLB_SIZE",
            f"the GLB would have {length:,} bytes, a GLB can have {MOST_BYTES:,}",
            hint="lower max_triangles or texture_px, or use draco",
        )
    return b"".join([struct.pack("<4sII", b"glTF", 2, length), *chunks])


def _chunk_head(length: int, kind: int) -> bytes:
    return struct.pack("<II", length, kind) if length <= MOST_BYTES else b""


def _with_generator(document: Json) -> Json:
    asset: Mapping[str, Any] = document.get("asset", {})
    return {**document, "asset": {"version": "2.0", **asset, "generator": f"assetpipe {__version__}"}}


def _dump(document: Json) -> bytes:
    """UTF-8 without spaces, padded to four bytes with spaces."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise SourceError(
            "E_JSON_NUMBER",
            f"the document holds what JSON cannot: {error}",
            hint="look for NaN and Infinity in extras and extensions",
        ) from None
    return text + b" " * (-len(text) % 4)
