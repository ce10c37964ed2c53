"""What people name -> Found: folders, globs, lists (CSV, JSON Lines), s3:// prefixes and single files, one by one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from assetpipe.batch.lists import read_rows
from assetpipe.errors import AssetpipeError, MissingFile, SourceError

LISTS = (".csv", ".jsonl")


@dataclass(frozen=True)
class Found:
    """A source, and what its line of a list says of it."""

    source: str
    """An absolute path, or an s3:// URL."""
    bytes: int
    asset: str | None = None
    category: str | None = None
    config: str | None = None
    deadline: float | None = None


def find_sources(names: Iterable[str]) -> Iterator[Found]:
    """In no particular order."""
    for name in names:
        if name.startswith("s3://"):
            yield from _bucket(name)
        elif name.lower().endswith(LISTS) and Path(name).is_file():
            yield from _listed(Path(name))
        else:
            yield from _local(name)


@cache
def suffixes() -> tuple[str, ...]:
    """Of what can be read. The readers are not imported by who only runs children."""
    from assetpipe.sources.formats import FORMATS

    return tuple(f".{name}" for name in FORMATS)


def is_remote(place: str) -> bool:
    return place.startswith("s3://")


def _local(name: str) -> Iterator[Found]:
    if Path(name).is_dir():
        yield from (_file(path) for path in _walk(Path(name)))
    elif glob.has_magic(name) and not os.path.lexists(name):
        matches = [Path(match) for match in glob.glob(name, recursive=True)]  # noqa: PTH207  # absolute patterns
        files = [file for match in matches for file in (_walk(match) if match.is_dir() else [match])]
        found = [_file(path) for path in files if path.name.lower().endswith(suffixes())]
        if not found:
            raise MissingFile("E_SOURCE_MISSING", f"{name}: no model matches", hint="check the pattern")
        yield from found
    else:
        yield _file(Path(name))


def _walk(folder: Path) -> Iterator[Path]:
    """Files of known extensions; what is hidden, and bundles, are passed over. Links to folders are not followed."""
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_bundle(Path(where, name))]
        for name in files:
            if name.lower().endswith(suffixes()) and not name.startswith("."):
                yield Path(where, name)


def _is_bundle(folder: Path) -> bool:
    from assetpipe.bundle import read_bundle

    try:
        return bool(read_bundle(folder))
    except AssetpipeError:
        return False


def _file(path: Path, said: Mapping[str, Any] | None = None) -> Found:
    try:
        size = path.stat().st_size
    except OSError as error:
        fault = f"{path}: {(error.strerror or str(error)).lower()}"
        raise MissingFile("E_SOURCE_MISSING", fault, hint="check the path") from None
    return Found(_said(_absolute(path)), size, **(said or {}))


def _said(path: str) -> str:
    """Plans, orders and journals are UTF-8; old archives leave names that are not."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise SourceError("E_NAME_ENCODING", f"{path}: the name is not UTF-8", hint="rename it") from None
    return path


def _absolute(path: Path) -> str:
    """Without `..`; links stay, for a source's other files lie beside the link."""
    return os.path.abspath(path)  # noqa: PTH100


def _listed(path: Path) -> Iterator[Found]:
    """Names in a list are relative to its folder."""
    for _, said in read_rows(path):
        config = said.get("config")
        if config and not is_remote(config):
            said["config"] = _absolute(path.parent / config)
        yield from _entry(path.parent, said)


def _entry(folder: Path, said: dict[str, Any]) -> Iterator[Found]:
    source = said.pop("source")
    if is_remote(source):
        found = list(_bucket(source))
        if len(found) != 1:
            fault = f"{source}: {len(found)} objects, a line of a list names one"
            raise MissingFile("E_SOURCE_MISSING", fault, hint="name the object with its extension")
        yield Found(source, found[0].bytes, **said)
    else:
        yield _file(folder / source, said)


def _bucket(url: str) -> Iterator[Found]:
    """One object, or everything of known extensions below a prefix."""
    from assetpipe.batch.remote import list_objects, split_url

    bucket, key = split_url(url)
    exact = key.lower().endswith(suffixes())
    for name, size in list_objects(bucket, key):
        if (name == key) if exact else name.lower().endswith(suffixes()):
            yield Found(f"s3://{bucket}/{name}", size)
