"""Folders that somebody wants to publish -> bundles, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assetpipe.bundle import Bundle, read_bundle
from assetpipe.errors import MissingFile, UsageError


def read_given(folder: Path) -> Bundle:
    if not folder.exists():
        raise MissingFile(
            "E_NO_BUNDLE", f"{folder}: no such folder", hint="`assetpipe build SOURCE --out DIR` makes one"
        )
    return read_bundle(folder)


def refuse_twins(bundles: Sequence[Bundle]) -> None:
    """Of two bundles of one asset either could come last."""
    folders: dict[tuple[str, str], Path] = {}
    for bundle in bundles:
        name = (bundle.manifest.category, bundle.manifest.asset)
        other = folders.setdefault(name, bundle.folder)
        if other != bundle.folder:
            raise UsageError(
                "E_ASSET_TWICE",
                f"{other} and {bundle.folder} are both {'/'.join(name)}",
                hint="publish the one that is to be current",
            )
