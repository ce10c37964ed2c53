"""What `--cache` says -> the shelf: a folder of this machine, or a store that many machines share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from assetpipe.config import Publish
from assetpipe.errors import UsageError
from assetpipe.node import cache_folder
from assetpipe.stages.folder import FolderShelf
from assetpipe.stages.shelf import Shelf

if TYPE_CHECKING:
    from assetpipe.stages.remote import StoreShelf

OFF = "off"
VARIABLE = "ASSETPIPE_STAGES"
GB = 1_000_000_000
MOST_GB = 20.0
"""That a folder may hold: what is kept of some 200 scans of a million triangles with three maps of 4096²."""


def open_shelf(place: Path | str | Shelf | None, settings: Publish, gb: float = MOST_GB) -> Shelf | None:
    """None: where $ASSETPIPE_STAGES says, else the user's own cache folder; `off`: nowhere. `gb`: what a folder may
    hold."""
    if not (place is None or isinstance(place, Path | str)):
        return place
    named = str(os.environ.get(VARIABLE, "") if place is None else place)
    if named == OFF:
        return None
    if named.partition(":")[0].lower() in ("s3", "file") or "://" in named:
        return _remote(named, settings)
    folder = Path(named) if named else default_place()
    if folder.exists() and not folder.is_dir():
        raise UsageError("E_CACHE", f"{named}: is a file, no place for a cache", hint="a folder, or s3://bucket/prefix")
    return FolderShelf(folder.absolute(), int(gb * GB))


def default_place() -> Path:
    """$ASSETPIPE_CACHE/stages, else $XDG_CACHE_HOME/assetpipe/stages, else ~/.cache/assetpipe/stages."""
    return cache_folder() / "stages"


def _remote(place: str, settings: Publish) -> StoreShelf:
    from assetpipe.delivery.open_store import open_store
    from assetpipe.stages.remote import StoreShelf

    return StoreShelf(open_store(place, settings))
