"""The header of a PLY file: what it promises, held against the bytes that are there before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assetpipe.errors import SourceError

MAX_HEADER = 65_536
OLD = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
}
NEW = {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
TYPES = {**OLD, **NEW, "float32": "f4", "float64": "f8"}
FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CURE = "export it again, as binary PLY"


@dataclass(frozen=True)
class Property:
    name: str
    kind: str
    """numpy's type, byte order included."""
    count_kind: str = ""
    """Of a list: the type of its length."""


@dataclass(frozen=True)
class Element:
    name: str
    count: int
    properties: tuple[Property, ...]

    @property
    def lists(self) -> tuple[Property, ...]:
        return tuple(item for item in self.properties if item.count_kind)

    @property
    def names(self) -> set[str]:
        return {item.name for item in self.properties}

    @property
    def least_bytes(self) -> int:
        """Of one row in a binary file, all lists empty."""
        return sum(np.dtype(item.count_kind or item.kind).itemsize for item in self.properties)


@dataclass(frozen=True)
class Header:
    ascii: bool
    elements: tuple[Element, ...]
    texture: str
    size: int
    """Bytes until the data starts."""

    def element(self, name: str) -> Element:
        return next((item for item in self.elements if item.name == name), Element(name, 0, ()))


def read_header(data: memoryview, name: str) -> Header:
    head = bytes(data[:MAX_HEADER])
    end = head.find(b"end_header")
    stop = head.find(b"\n", end)
    if not head.startswith(b"ply") or end < 0 or stop < 0:
        raise _broken(name, "has no end_header" if head.startswith(b"ply") else "does not start with ply")
    lines = [line.strip() for line in head[:end].decode("utf-8", "replace").splitlines()]
    words = [line.split() for line in lines[1:] if line]
    form = next((row[1] for row in words if row[0] == "format" and len(row) > 1), "")
    if form not in FORMATS:
        raise _broken(name, f"format {form!r} is none of {', '.join(FORMATS)}")
    header = Header(form == "ascii", _elements(words, FORMATS[form], name), _texture(lines), stop + 1)
    _check_room(header, len(data) - header.size, name)
    return header


def _elements(words: list[list[str]], order: str, name: str) -> tuple[Element, ...]:
    found: list[Element] = []
    for row in words:
        if row[0] == "element":
            if len(row) != 3 or not row[2].isdecimal():
                raise _broken(name, f"{' '.join(row)!r} is not `element NAME COUNT`")
            found.append(Element(row[1], int(row[2]), ()))
        elif row[0] == "property":
            if not found:
                raise _broken(name, "a property comes before the first element")
            item = _property(row, order, name)
            found[-1] = Element(found[-1].name, found[-1].count, (*found[-1].properties, item))
    return tuple(found)


def _property(row: list[str], order: str, name: str) -> Property:
    is_list = len(row) == 5 and row[1] == "list"
    kinds = row[2:4] if is_list else row[1:2]
    unknown = [kind for kind in kinds if kind not in TYPES]
    if unknown or len(row) != (5 if is_list else 3):
        raise _broken(name, f"{' '.join(row)!r} is not a property that PLY knows")
    typed = [order + TYPES[kind] for kind in kinds]
    if is_list and "f" in typed[0]:
        raise _broken(name, f"{' '.join(row)!r}: the length of a list is an integer")
    return Property(row[-1], typed[-1], typed[0] if is_list else "")


def _texture(lines: list[str]) -> str:
    """`comment TextureFile NAME`, as MeshLab and most scanners write it."""
    for line in lines:
        words = line.split(None, 2)
        if len(words) == 3 and words[0] == "comment" and words[1].lower() == "texturefile":
            return words[2].strip()
    return ""


def _check_room(header: Header, room: int, name: str) -> None:
    """A row takes at least its fixed bytes, in ASCII a digit and a line end."""
    needed = sum(item.count * (2 if header.ascii else item.least_bytes) for item in header.elements)
    if needed > room + 1:
        promised = ", ".join(f"{item.count:,} {item.name}" for item in header.elements)
        raise SourceError(
            "E_PLY_SIZE",
            f"{name}: header says {promised}: at least {needed:,} bytes, {room:,} follow it",
            hint=f"the file is cut off: {CURE}",
        )


def _broken(name: str, fault: str) -> SourceError:
    return SourceError("E_PLY_HEADER", f"{name}: {fault}", hint=CURE)
