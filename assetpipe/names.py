"""Names of sources -> names of assets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from assetpipe.config import INDEX, INDEX_RULE, SLUG, SLUG_RULE
from assetpipe.errors import UsageError


def asset_names(sources: Sequence[Path], asset: str | None = None) -> dict[Path, str]:
    """Source -> name of its asset; two sources of one name are refused before any work."""
    if asset is not None and len(sources) > 1:
        raise UsageError("E_USAGE", f"--asset {asset} names one asset, {len(sources)} sources were given")
    if asset is not None and not SLUG.fullmatch(asset):
        raise UsageError("E_ASSET_NAME", f"{asset!r} cannot name an asset", hint=f"use {SLUG_RULE}")
    names: dict[Path, str] = {}
    for source in sources:
        name = asset or slug(source.stem, str(source))
        if INDEX.fullmatch(name):
            raise UsageError("E_ASSET_NAME", f"{source}: {name!r} {INDEX_RULE}", hint="give another with --asset")
        twin = next((other for other, taken in names.items() if taken == name and other != source), None)
        if twin:
            raise UsageError(
                "E_ASSET_TWICE", f"{twin} and {source} would both become the asset {name}", hint="name one with --asset"
            )
        names[source] = name
    return names


def slug(stem: str, source: str = "", hint: str = "give one with --asset") -> str:
    """`Oak Chair (v2)` -> `oak-chair-v2`. `source` and `hint`: for whoever has named it otherwise."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:80].rstrip("-_")
    if not name:
        raise UsageError("E_ASSET_NAME", f"{source or 'a source'}: no name can be made from {stem!r}", hint=hint)
    return name
