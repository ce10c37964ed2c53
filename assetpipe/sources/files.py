"""Path -> Source: the bytes of a source file, memory-mapped, and of the files it names; what was read is recorded."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assetpipe.config import Limits
from assetpipe.errors import AssetpipeError, LimitExceeded, MissingFile, NotPermitted, SourceError
from assetpipe.sources.formats import sniff_format
from assetpipe.sources.notes import printable
from assetpipe.sources.resolver import (
    decode_data_uri,
    decode_name,
    find_file,
    nearest_name,
    refuse_irregular,
    split_name,
)

MAX_DATA_URI = 1 << 30
"""Characters: longer ones are not decoded, whatever JSON they stand in."""


@dataclass(frozen=True)
class SourceFile:
    """A file that a source consists of."""

    uri: str
    """As the source names it; of the main file its name."""
    sha256: str | None
    """None: the source named it, and it was missing."""
    bytes: int


class Recorded(Protocol):
    """A `SourceFile`, also as a manifest records it."""

    @property
    def uri(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def bytes(self) -> int: ...


class Source:
    """An open source file. It fills its record of files as a reader asks for them; all else about it is fixed."""

    def __init__(self, path: Path, data: memoryview, limit: int, stamp: tuple[int, ...]) -> None:
        self.path = path
        self.name = path.name
        self.data = data
        self.format = sniff_format(data, path.name)
        self._limit = limit
        self._stamps = {path: stamp}
        self._others: dict[str, SourceFile] = {}
        self._read: dict[str, memoryview] = {}
        self._repairs: list[str] = []
        self._main: SourceFile | None = None

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the other files; memory stays mapped for as long as an array views it."""
        self._read.clear()

    def resolve(self, uri: str, place: str = "") -> memoryview:
        """The bytes that a URI means: a data URI, or a relative, percent-encoded name. `place`: who asks."""
        place = self._place(place)
        if uri[:5].lower() == "data:":
            return memoryview(decode_data_uri(uri, place, MAX_DATA_URI))
        return self._open(uri, decode_name(uri, place), place)

    def resolve_name(self, name: str, place: str = "") -> memoryview:
        """As `resolve`, for formats (MTL, PLY) whose file names are not percent-encoded."""
        place = self._place(place)
        return self._open(name, split_name(name, place), place)

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Everything that was read, the main file first, the others in the order of first use."""
        if self._main is None:
            self._main = SourceFile(self.name, _sha256(self.data), len(self.data))
        return (self._main, *self._others.values())

    @property
    def sha256(self) -> str:
        """Of the main file alone, or of the list of all files when it names others."""
        main, *others = self.files
        if not others:
            return str(main.sha256)
        lines = [f"{main.sha256}\n", *(f"{file.sha256} {file.uri}\n" for file in others)]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def repairs(self) -> tuple[str, ...]:
        return tuple(self._repairs)

    def check_unchanged(self) -> None:
        """Raise when one of its files was written to since it was opened."""
        for path, stamp in self._stamps.items():
            try:
                now = _stamp(path.stat())
            except OSError:
                now = ()
            if now != stamp:
                fault = f"{self.name}: {path.name} changed while it was being read"
                raise SourceError("E_SOURCE_CHANGED", fault, hint="wait until its upload is done")

    def _place(self, place: str) -> str:
        return printable(f"{self.name}: {place}" if place else self.name)

    def _open(self, uri: str, parts: tuple[str, ...], place: str) -> memoryview:
        key = "/".join(parts)
        if key not in self._read:
            _refuse_unwritable(uri, place)
            try:
                found = find_file(self.path.parent, parts, place)
            except MissingFile:
                self._others.setdefault(uri, SourceFile(uri, None, 0))
                raise
            if found.spelling:
                self._repairs.append(f"W_URI_CASE {uri!r} was read from the file {found.spelling!r}")
            self._stamps[self.path.parent / (found.spelling or key)] = _stamp(os.fstat(found.descriptor))
            data = _map(found.descriptor, place, self._limit - self._size())
            self._others.setdefault(uri, SourceFile(uri, _sha256(data), len(data)))
            self._read[key] = data
        return self._read[key]

    def _size(self) -> int:
        return len(self.data) + sum(file.bytes for file in self._others.values())


def open_source(path: Path, limits: Limits) -> Source:
    """Map the file and tell its format by its content."""
    _refuse_unwritable(path.name, str(path))
    data, stamp = _map_main(path, limits.source_bytes)
    return Source(path, data, limits.source_bytes, stamp)


def unchanged(path: Path, files: Sequence[Recorded]) -> bool:
    """Whether the source at `path` still consists of exactly `files` (the main file first); nothing is parsed."""
    total = sum(file.bytes for file in files)
    try:
        data, stamp = _map_main(path, total)
        if not files or len(data) != files[0].bytes or _sha256(data) != files[0].sha256:
            return False
        source = Source(path, data, total, stamp)
        return all(_same(source, file) for file in files[1:])
    except AssetpipeError:
        return False


def recall(source: Source, files: Sequence[Recorded]) -> Source | None:
    """`source` as it is when `files` were read, if it still consists of exactly them; nothing is parsed."""
    found = Source(source.path, source.data, source._limit, source._stamps[source.path])
    found._main = source.files[0]
    try:
        same = all(_same(found, file) for file in files[1:])
    except AssetpipeError:
        return None
    now, then = ([(file.uri, file.sha256, file.bytes) for file in of] for of in (found.files, files))
    return found if same and now == then else None


def _refuse_unwritable(name: str, place: str) -> None:
    """Manifests name every file that was read, and are UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        fault = f"{place}: the file name {name!r} is not UTF-8"
        raise SourceError("E_NAME_ENCODING", fault, hint="rename the file") from None


def _map_main(path: Path, limit: int) -> tuple[memoryview, tuple[int, ...]]:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        hint = nearest_name(path.parent, path.name)
        fault = f"is a link to {path.readlink()}, which is not there" if path.is_symlink() else "no such file"
        raise MissingFile("E_SOURCE_MISSING", f"{path}: {fault}", hint=hint or "check the path") from None
    except PermissionError:
        raise NotPermitted("E_UNREADABLE", f"{path}: may not be read", hint="grant read access to it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError("E_NOT_REGULAR", f"{path}: cannot be opened: {why}", hint="name a regular file") from None
    refuse_irregular(descriptor, str(path))
    stamp = _stamp(os.fstat(descriptor))
    data = _map(descriptor, str(path), limit)
    if not data:
        raise SourceError("E_EMPTY_FILE", f"{path}: 0 bytes", hint="export or upload it again")
    return data, stamp


def _same(source: Source, file: Recorded) -> bool:
    resolve = source.resolve if source.format in ("glb", "gltf") else source.resolve_name
    try:
        data = resolve(file.uri)
    except MissingFile:
        return file.sha256 is None
    return len(data) == file.bytes and _sha256(data) == file.sha256


def _map(descriptor: int, place: str, limit: int) -> memoryview:
    """The file as read-only memory; the descriptor is closed."""
    try:
        size = os.fstat(descriptor).st_size
        if size > limit:
            raise LimitExceeded(
                "E_LIMIT_SOURCE",
                f"{place}: {size:,} bytes, limit {limit:,}",
                hint="raise limits.source_bytes in the config",
            )
        if size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)


def _sha256(data: memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
