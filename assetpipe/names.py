"""Names of sources -> names of assets."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from assetpipe.config import INDEX, INDEX_RULE, SLUG, SLUG_RULE
from assetpipe.errors import UsageError

SPELT = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
"""Latin letters that are no accented ones."""


def asset_names(sources: Sequence[Path], asset: str | None = None) -> dict[Path, str]:
    """Source -> name of its asset; two sources of one name are refused before any work."""
    if asset is not None and len(sources) > 1:
        raise UsageError("E_USAGE", f"--asset {asset} names one asset, {len(sources)} sources were given")
    if asset is not None and not SLUG.fullmatch(asset):
        raise UsageError("E_ASSET_NAME", f"{asset!r} cannot name an asset", hint=f"use {SLUG_RULE}")
    names: dict[Path, str] = {}
    for source in sources:
        name = asset or slug(source.stem)
        if INDEX.fullmatch(name):
            raise UsageError("E_ASSET_NAME", f"{source}: {name!r} {INDEX_RULE}", hint="give another with --asset")
        twin = next((other for other, taken in names.items() if taken == name and other != source), None)
        if twin:
            raise UsageError(
                "E_ASSET_TWICE", f"{twin} and {source} would both become the asset {name}", hint="name one with --asset"
            )
        names[source] = name
    return names


def slug(stem: str) -> str:
    """`Oak Chair (v2)` -> `oak-chair-v2`. What has other letters gets a mark that is made of all of them: 椅子 and 桌子
    are two assets, each the same one every time. `椅子 v2` -> `v2-b4fe7d9e`."""
    plain = _plain(stem)
    name = re.sub(r"[^a-z0-9_]+", "-", plain.encode("ascii", "ignore").decode()).strip("-_")
    if name and not _foreign(plain):
        return name[:80].rstrip("-_")
    mark = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[:71].rstrip('-_') or 'asset'}-{mark}"


def is_marked(stem: str, name: str) -> bool:
    """Was `name` made of `stem`, and nobody can tell by reading it?"""
    plain = _plain(stem)
    return name == slug(stem) and (_foreign(plain) or not re.search("[a-z0-9]", plain))


def _plain(stem: str) -> str:
    """In small letters, accents apart from what they are on."""
    return unicodedata.normalize("NFKD", stem).lower().translate(SPELT)


def _foreign(plain: str) -> bool:
    return any(letter.isalnum() and not letter.isascii() for letter in plain)
