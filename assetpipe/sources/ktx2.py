"""A KTX2 texture (Basis Universal or plain RGBA) -> PNG, through the Basis transcoder under node."""

from __future__ import annotations

from assetpipe.errors import ServiceUnavailable, SourceError
from assetpipe.node import run_node


def decode_ktx2(data: memoryview, name: str, place: str) -> bytes:
    try:
        return run_node("ktx2_decode", data, timeout=120)
    except ServiceUnavailable as error:
        hint = f"{error.hint or error.message}; or export the textures as PNG, JPEG or WebP"
        fault = f"{name}: {place}: a KTX2 texture is decoded by node, which is not ready ({error.message})"
        raise ServiceUnavailable("E_KTX2_NEEDS_NODE", fault, hint=hint) from None
    except SourceError as error:
        raise SourceError("E_KTX2", f"{name}: {place}: {error.message}", hint="export the texture again") from None
