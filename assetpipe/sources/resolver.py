"""A name in a source -> the file that it means, inside the folder of the source and nowhere else.

Published files are public: a reader that follows `../../etc/passwd` leaks what it reads. So a name is percent-decoded
once, then judged, then walked folder by folder without following links.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from assetpipe.errors import LimitExceeded, MissingFile, NotPermitted, SourceError

SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
CURE = "put the file beside the source and name it relatively"


@dataclass(frozen=True)
class Found:
    """A regular file that is open for reading, and how it was spelt on disk when not as named."""

    descriptor: int
    spelling: str | None


def decode_name(uri: str, place: str) -> tuple[str, ...]:
    """A relative URI -> its path components; percent-encoding is undone exactly once, before any check."""
    _refuse_schemes(uri, place)
    return split_name(unquote(uri, errors="surrogateescape"), place)


def split_name(name: str, place: str) -> tuple[str, ...]:
    """A relative file name (`\\` separates too, as Windows tools write it) -> its components, none of them `..`."""
    _refuse_schemes(name, place)
    if "\0" in name or not name.strip():
        raise SourceError("E_URI_INVALID", f"{place}: {name!r} is not a file name", hint=CURE)
    parts: list[str] = []
    for part in re.split(r"[/\\]", name):
        if part == ".." and not parts:
            raise SourceError("E_URI_ESCAPE", f"{place}: {name!r} points outside the source's folder", hint=CURE)
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        raise SourceError("E_URI_INVALID", f"{place}: {name!r} is a folder, not a file", hint=CURE)
    return tuple(parts)


def _refuse_schemes(name: str, place: str) -> None:
    shown = name if len(name) < 80 else name[:77] + "..."
    if name.startswith("//"):
        raise SourceError("E_URI_REMOTE", f"{place}: {shown!r}: remote resources are not fetched", hint=CURE)
    absolute = name.startswith(("/", "\\")) or re.match(r"[a-zA-Z]:|file:", name, re.IGNORECASE)
    if absolute:
        raise SourceError("E_URI_ABSOLUTE", f"{place}: {shown!r} is an absolute path", hint=CURE)
    if SCHEME.match(name):
        raise SourceError("E_URI_REMOTE", f"{place}: {shown!r}: remote resources are not fetched", hint=CURE)


def find_file(folder: Path, parts: tuple[str, ...], place: str) -> Found:
    """Open the file; when only its case differs from one file on disk, that one."""
    spelling = _spell(folder, parts)
    if spelling is None:
        raise MissingFile(
            "E_MISSING_FILE", f"{place}: {'/'.join(parts)!r} does not exist", hint=_nearest(folder, parts)
        )
    descriptor = _open_beneath(folder, spelling, place)
    return Found(descriptor, None if spelling == parts else "/".join(spelling))


def _spell(folder: Path, parts: tuple[str, ...]) -> tuple[str, ...] | None:
    if os.path.lexists(folder.joinpath(*parts)):
        return parts
    spelt: list[str] = []
    for part in parts:
        here = folder.joinpath(*spelt)
        if os.path.lexists(here / part):
            spelt.append(part)
            continue
        matches = [name for name in _names(here) if name.casefold() == part.casefold()]
        if len(matches) != 1:
            return None
        spelt.append(matches[0])
    return tuple(spelt)


def _open_beneath(folder: Path, parts: tuple[str, ...], place: str) -> int:
    """Links may stay inside the folder; the walk itself follows none, so that no race can swap one in."""
    root = Path(os.path.realpath(folder))
    target = Path(os.path.realpath(root.joinpath(*parts)))
    named = "/".join(parts)
    if not target.is_relative_to(root):
        raise SourceError("E_URI_ESCAPE", f"{place}: {named!r} is a link to outside the source's folder", hint=CURE)
    steps = target.relative_to(root).parts
    try:
        return open_regular(root, steps, f"{place}: {named!r}")
    except FileNotFoundError:
        raise MissingFile("E_MISSING_FILE", f"{place}: {named!r} does not exist (a dangling link)", hint=CURE) from None
    except PermissionError:
        raise NotPermitted(
            "E_UNREADABLE", f"{place}: {named!r} may not be read", hint="grant read access to it"
        ) from None
    except OSError as error:
        raise SourceError(
            "E_NOT_REGULAR", f"{place}: {named!r} cannot be opened: {error.strerror}", hint=CURE
        ) from None


def open_regular(root: Path, steps: tuple[str, ...], place: str) -> int:
    """Open `root/steps…`, each step without following a link; anything but a regular file is refused."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps[:-1]:
            there = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = there
        last = steps[-1] if steps else "."
        # O_NONBLOCK: opening a FIFO must not wait for a writer
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)
    return refuse_irregular(descriptor, place)


def refuse_irregular(descriptor: int, place: str) -> int:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
    hint = "name a file in it; `assetpipe batch run` takes folders" if kind == "a folder" else "name a file"
    raise SourceError("E_NOT_REGULAR", f"{place}: is {kind}, not a regular file", hint=hint)


def decode_data_uri(uri: str, place: str, limit: int) -> bytes:
    """`data:[type][;base64],…` -> its bytes; the encoded length is checked before anything is decoded."""
    if len(uri) > limit:
        raise LimitExceeded(
            "E_LIMIT_DATA_URI",
            f"{place}: data URI of {len(uri):,} characters, limit {limit:,}",
            hint="use a file or a GLB",
        )
    header, comma, body = uri.partition(",")
    if not comma:
        raise SourceError("E_DATA_URI", f"{place}: data URI without a comma", hint="export the source again")
    if not header.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote_to_bytes(body) if "%" in body else body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SourceError("E_DATA_URI", f"{place}: broken base64: {error}", hint="export the source again") from None


def nearest_name(folder: Path, name: str) -> str:
    """A hint: the file that was probably meant, or ""."""
    near = difflib.get_close_matches(name, _names(folder), n=9, cutoff=0.7)
    return next((f"did you mean {each}?" for each in near if (folder / each).is_file()), "")


def _nearest(folder: Path, parts: tuple[str, ...]) -> str:
    near = nearest_name(folder.joinpath(*parts[:-1]), parts[-1])
    return near or "put the file beside the source, or export as one .glb"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []
