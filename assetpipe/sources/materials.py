"""Materials in, materials out: textureInfos dropped or renumbered wherever they stand, extensions included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from assetpipe.asset import Json


def drop_textures(material: Json, lost: Set[int]) -> Json:
    """The material without the textures in `lost`; its factors stay."""
    return _rewrite(material, lambda info: None if info["index"] in lost else info) if lost else material


def renumber_textures(material: Json, places: Mapping[int, int]) -> Json:
    """Every texture at its new place; textures that are not in `places` keep theirs."""
    if all(old == new for old, new in places.items()):
        return material
    return _rewrite(material, lambda info: {**info, "index": places.get(info["index"], info["index"])})


def _rewrite(json: Json, change: Callable[[Json], Json | None]) -> Json:
    changed = {key: _rewritten(key, value, change) for key, value in json.items()}
    return {key: value for key, value in changed.items() if value is not None or json[key] is None}


def _rewritten(key: str, value: Any, change: Callable[[Json], Json | None]) -> Any:
    if key == "extras" or not isinstance(value, dict):
        return value
    return change(value) if key.endswith("Texture") and "index" in value else _rewrite(value, change)
