"""Document -> the document with `extensionsUsed` and `extensionsRequired` exactly as its content needs them."""

from __future__ import annotations

from collections.abc import Sequence
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


def extensions_in(document: Json) -> list[str]:
    """Every name under an `extensions` key, in the order of the document; `extras` are the author's own business."""
    found: dict[str, None] = {}
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            named = value.get("extensions")
            found |= dict.fromkeys(named) if isinstance(named, dict) else {}
            inside = [own for key, own in value.items() if key != "extras"]
        else:
            inside = value
        waiting.extend(own for own in reversed(inside) if isinstance(own, dict | list))
    return list(found)


def _ordered(found: Sequence[str], first: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(first) if name in found] + [name for name in found if name not in first]
