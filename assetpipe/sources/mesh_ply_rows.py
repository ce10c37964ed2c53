"""The rows of a PLY file -> arrays: scalars as columns, lists as their lengths and all their values in one.

trimesh 5.2 refuses binary files whose polygons differ in their number of corners (what most modellers write) and
splits ASCII into a Python list per row; so rows are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from assetpipe.asset import Array
from assetpipe.errors import SourceError
from assetpipe.sources.mesh_ply_header import CURE, Element, Header


@dataclass(frozen=True, eq=False)
class Lists:
    counts: Array
    """(rows,)"""
    values: Array
    """(sum of counts,)"""


@dataclass(frozen=True, eq=False)
class Rows:
    columns: Mapping[str, Array]
    lists: Mapping[str, Lists]


def read_rows(data: memoryview, header: Header, name: str) -> dict[str, Rows]:
    """Element name -> its rows."""
    found: dict[str, Rows] = {}
    numbers = _numbers(data, header, name) if header.ascii else None
    at = 0 if header.ascii else header.size
    for element in header.elements:
        found[element.name], at = (
            _ascii(numbers, at, element, name) if numbers is not None else _binary(data, at, element, name)
        )
    return found


def _numbers(data: memoryview, header: Header, name: str) -> Array:
    try:
        return np.fromstring(bytes(data[header.size :]), np.float64, sep=" ")
    except ValueError:
        raise SourceError(
            "E_PLY", f"{name}: holds something that is not a number after its header", hint=CURE
        ) from None


def _ascii(numbers: Array, at: int, element: Element, name: str) -> tuple[Rows, int]:
    """As binary, all of one type; where rows have one length they are a table."""
    table = _table(numbers, at, element)
    if table is None:
        return _walk_ascii(numbers, at, element, name)
    gathered, counts, column = [], [], 0
    for item in element.properties:
        width = 1
        if item.count_kind:
            width = int(table[0, column]) if len(table) else 0
            column += 1
        gathered.append(_cast(table[:, column : column + width].reshape(-1), item.kind))
        counts.append(np.full(len(table), width))
        column += width
    return _rows(element, gathered, counts), at + table.size


def _cast(values: Array, kind: str) -> Array:
    """Text may hold more digits than the header's `float` says; only integers become what it says."""
    return values if "f" in kind else values.astype(kind)


def _table(numbers: Array, at: int, element: Element) -> Array | None:
    """(rows, width), or None when the lists differ in length from those of the first row."""
    if not element.count:
        return np.empty((0, len(element.properties)))
    width, lengths = 0, []
    for item in element.properties:
        if item.count_kind and at + width < len(numbers):
            lengths.append((width, numbers[at + width]))
            width += max(int(min(numbers[at + width], 2**32)), 0) if numbers[at + width] == numbers[at + width] else 0
        width += 1
    if at + width * element.count > len(numbers):
        return None
    table = numbers[at : at + width * element.count].reshape(element.count, width)
    return table if all((table[:, column] == length).all() for column, length in lengths) else None


def _walk_ascii(numbers: Array, at: int, element: Element, name: str) -> tuple[Rows, int]:
    starts: list[list[int]] = [[] for _ in element.properties]
    counts: list[list[int]] = [[] for _ in element.properties]
    flat, end = numbers.tolist(), len(numbers)
    for row in range(element.count):
        for column, item in enumerate(element.properties):
            count = 1
            if item.count_kind:
                count = _length(flat[at] if at < end else -1, row, element, name)
                at += 1
            if at + count > end:
                raise _cut_off(row, element, name)
            starts[column].append(at)
            counts[column].append(count)
            at += count
    gathered = [
        _cast(_gather(numbers, s, c), p.kind) for s, c, p in zip(starts, counts, element.properties, strict=True)
    ]
    return _rows(element, gathered, counts), at


def _binary(data: memoryview, at: int, element: Element, name: str) -> tuple[Rows, int]:
    """One numpy type for all rows where lists have one length, else row by row."""
    kind = _row_type(data, at, element)
    end = at + kind.itemsize * element.count
    if end > len(data):
        return _walk_binary(data, at, element, name)
    table = np.frombuffer(data[at:end], kind) if end > at else np.empty(element.count, kind)
    for number, item in enumerate(element.properties):
        if item.count_kind and (table[f"count{number}"] != table[f"value{number}"].shape[1]).any():
            return _walk_binary(data, at, element, name)
    columns = [table[f"value{number}"] for number in range(len(element.properties))]
    counts = [np.full(len(table), column.shape[1] if column.ndim > 1 else 1) for column in columns]
    return _rows(element, [column.reshape(-1) for column in columns], counts), end


def _row_type(data: memoryview, at: int, element: Element) -> np.dtype[np.void]:
    """Of the first row; `value0`, `value1`, ... are its properties, `count1` the length of the list `value1`."""
    fields: list[Any] = []
    for number, item in enumerate(element.properties):
        if not item.count_kind:
            fields.append((f"value{number}", item.kind))
            continue
        count, _ = _read_length(data, at + np.dtype(fields).itemsize, item.count_kind)
        # numpy's types end at 2 GB. A list that is cut here differs from its own length, so its rows are walked.
        fields.append((f"count{number}", item.count_kind))
        fields.append((f"value{number}", item.kind, (min(max(count, 0), 1 << 20) if element.count else 0,)))
    return np.dtype(fields)


def _walk_binary(data: memoryview, at: int, element: Element, name: str) -> tuple[Rows, int]:
    """Where a row starts is known only when the one before it is read. No length is trusted before it fits the file."""
    starts: list[list[int]] = [[] for _ in element.properties]
    counts: list[list[int]] = [[] for _ in element.properties]
    kinds = [(np.dtype(item.kind).itemsize, item.count_kind) for item in element.properties]
    for row in range(element.count):
        for column, (size, count_kind) in enumerate(kinds):
            count = 1
            if count_kind:
                count, at = _read_length(data, at, count_kind)
                count = _length(count, row, element, name)
            if at + count * size > len(data):
                raise _cut_off(row, element, name)
            starts[column].append(at)
            counts[column].append(count)
            at += count * size
    raw = np.frombuffer(data, np.uint8)
    gathered = [
        _gather(raw, begin, [count * size for count in many]).view(item.kind)
        for (size, _), item, begin, many in zip(kinds, element.properties, starts, counts, strict=True)
    ]
    return _rows(element, gathered, counts), at


def _read_length(data: memoryview, at: int, kind: str) -> tuple[int, int]:
    """A list's length, -1 when the file ends before it, and where its values start."""
    end = at + int(kind[2])
    order: Literal["big", "little"] = "big" if kind[0] == ">" else "little"
    return (int.from_bytes(data[at:end], order, signed=kind[1] == "i") if end <= len(data) else -1), end


def _gather(values: Array, starts: list[int], counts: list[int]) -> Array:
    """Concatenate values[start : start + count] of all rows, one numpy step per distinct count."""
    begins, lengths = np.array(starts, np.int64), np.array(counts, np.int64)
    out = np.empty(int(lengths.sum()), values.dtype)
    to = np.cumsum(lengths) - lengths
    for length in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths == length)
        span = np.arange(length)
        out[to[rows][:, None] + span] = values[begins[rows][:, None] + span]
    return out


def _rows(element: Element, gathered: list[Array], counts: list[list[int]] | list[Array]) -> Rows:
    columns, lists = {}, {}
    for item, values, lengths in zip(element.properties, gathered, counts, strict=True):
        if item.count_kind:
            lists[item.name] = Lists(np.asarray(lengths, np.int64), values)
        else:
            columns[item.name] = values
    return Rows(columns, lists)


def _length(value: float, row: int, element: Element, name: str) -> int:
    if not 0 <= value < 2**32 or value != int(value):
        raise SourceError(
            "E_PLY_LIST",
            f"{name}: {element.name} {row}: {value} is not the length of a list",
            hint=f"the file is broken: {CURE}",
        )
    return int(value)


def _cut_off(row: int, element: Element, name: str) -> SourceError:
    return SourceError(
        "E_PLY_SIZE",
        f"{name}: ends within {element.name} {row} of {element.count:,}",
        hint=f"the file is cut off: {CURE}",
    )
