"""A list of sources (CSV or JSON Lines) -> its rows, each with its place, whichever program wrote the list.

Spreadsheets put a byte order mark in front, write UTF-16, part columns by semicolons where a comma is a decimal point,
and leave empty rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assetpipe.errors import MissingFile, UsageError

COLUMNS = ("source", "asset", "category", "config", "deadline")
PLANNED = ("bytes", "sha256", "seconds", "memory_mb")
"""Columns of a plan: it may be planned again, and these are found anew."""
DELIMITERS = ",;\t"

Row = Mapping[str, Any]


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each row says under the names in COLUMNS, `source` always. A deadline is a number of seconds, all others are
    names."""
    text = _text(path)
    rows = _csv(text, path) if path.suffix.lower() == ".csv" else _json_lines(text, path)
    for place, row in rows:
        unknown = sorted(key for key in row if key not in (*COLUMNS, *PLANNED))
        if unknown:
            raise _fault(place, f"unknown column {unknown[0]}")
        said = {key: row[key] for key in COLUMNS if row.get(key) not in (None, "")}
        if "source" not in said:
            raise _fault(place, "no source")
        for key, value in said.items():
            said[key] = _seconds(value, place) if key == "deadline" else _name(key, value, place)
        yield place, said


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        fault = f"{path}: {(error.strerror or str(error)).lower()}"
        raise MissingFile("E_LIST_MISSING", fault, hint="check the path") from None
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = f"{path}: line {line}: byte {data[error.start]:#04x} is not UTF-8"
        raise UsageError("E_LIST", fault, hint="save the list as UTF-8") from None


def _csv(text: str, path: Path) -> Iterator[tuple[str, Row]]:
    """Empty rows are passed over; a row may span lines."""
    head = text.lstrip().split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    names: list[str] = []
    try:
        for cells in reader:
            place = f"{path}: line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [cell.strip().lower() for cell in cells]
                _refuse_twice(names, place)
            elif any(cell.strip() for cell in cells[len(names) :]):
                raise _fault(place, f"{len(cells)} cells, the header has {len(names)}")
            else:
                yield place, {name: cell for name, cell in zip(names, cells, strict=False) if name}
    except csv.Error as error:
        raise _fault(f"{path}: line {reader.line_num}", str(error)) from None


def _refuse_twice(names: list[str], place: str) -> None:
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise _fault(place, f"column {twice} is there twice")


def _json_lines(text: str, path: Path) -> Iterator[tuple[str, Row]]:
    """Lines end in a line feed; what else Unicode takes for an end of line may stand in a name."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            place = f"{path}: line {number}"
            yield place, _parsed(line, place)


def _parsed(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("E_LIST", f"{place}: not JSON: {error}", hint="one JSON object a line") from None
    if not isinstance(row, dict):
        raise _fault(place, "not a JSON object")
    return row


def _name(key: str, value: Any, place: str) -> str:
    if not isinstance(value, str) or not _may_name(value):
        raise _fault(place, f"{key}: {value!r} is no name")
    return value


def _seconds(value: Any, place: str) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 1):
        raise _fault(place, f"deadline: {value!r} is no number of seconds, from 1")
    return seconds


def _may_name(value: str) -> bool:
    """A file can be called so."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _fault(place: str, fault: str) -> UsageError:
    return UsageError("E_LIST", f"{place}: {fault}", hint=f"columns are {', '.join(COLUMNS)}")
