"""Document -> the document with `extensionsUsed` and `extensionsRequired` exactly as its content needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from assetpipe.asset import Json

# Without these a viewer cannot show the asset at all: no fallback is written.
NEEDED = ("EXT_texture_webp", "KHR_texture_basisu")


def declare(document: Json, source: Json, required: Sequence[str]) -> Json:
    """`required`: what the geometry's encoding needs. Extensions of the source come first, in its order."""
    found = list(dict.fromkeys([*extensions_in(document), *required]))
    used = _ordered(found, source.get("extensionsUsed", ()))
    asked = {*source.get("extensionsRequired", ()), *NEEDED, *required}
    lists = {"extensionsUsed": used, "extensionsRequired": [name for name in used if name in asked]}
    rest = {key: value for key, value in document.items() if key not in lists}
    return {**rest, **{key: names for key, names in lists.items() if names}}


def extensions_in(value: Any) -> Iterator[str]:
    """Every name under an `extensions` key, in the order of the document; `extras` are the author's own business."""
    if isinstance(value, list):
        for item in value:
            yield from extensions_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "extensions" and isinstance(item, dict):
                yield from item
            if key != "extras":
                yield from extensions_in(item)


def _ordered(found: Sequence[str], first: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(first) if name in found] + [name for name in found if name not in first]
