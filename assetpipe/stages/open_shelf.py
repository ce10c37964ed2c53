"""What `--cache` says -> the shelf: a folder of this machine, or a store that many machines share."""

from __future__ import annotations

from pathlib import Path

from assetpipe.config import Publish
from assetpipe.errors import UsageError
from assetpipe.node import cache_folder
from assetpipe.stages.folder import FolderShelf
from assetpipe.stages.shelf import Shelf

OFF = "off"
GB = 1_000_000_000


def open_shelf(place: str, settings: Publish, gb: float) -> Shelf | None:
    """ "" is the user's own cache folder, `off` none at all. `gb`: what a folder may hold."""
    if place == OFF:
        return None
    if "://" in place or place.lower().startswith(("s3:", "file:")):
        return _remote(place, settings)
    folder = Path(place) if place else default_place()
    if folder.exists() and not folder.is_dir():
        raise UsageError("E_CACHE", f"--cache {place}: is a file", hint="name a folder, or s3://bucket/prefix")
    return FolderShelf(folder.absolute(), int(gb * GB))


def default_place() -> Path:
    """$ASSETPIPE_CACHE/stages, else $XDG_CACHE_HOME/assetpipe/stages, else ~/.cache/assetpipe/stages."""
    return cache_folder() / "stages"


def _remote(place: str, settings: Publish) -> Shelf:
    from assetpipe.delivery.open_store import open_store
    from assetpipe.stages.remote import StoreShelf

    return StoreShelf(open_store(place, settings))
