"""Bytes -> JSON, as strict as the text deserves: no NaN, no key twice, no depth that breaks a reader downstream."""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any, NoReturn

from assetpipe.asset import Json
from assetpipe.errors import LimitExceeded, SourceError
from assetpipe.sources.notes import Notes

MAX_DEPTH = 128
AGAIN = "export it again, or mend the JSON at that place"
SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(data: memoryview, name: str, limit: int, notes: Notes) -> Json:
    """The JSON object in `data`; byte order marks and broken UTF-8 in names are mended."""
    if len(data) > limit:
        raise LimitExceeded("E_LIMIT_JSON", f"{name}: {len(data):,} bytes of JSON, limit {limit:,}", hint="simplify it")
    value = _parse(_decode(bytes(data), notes), name)
    if not isinstance(value, dict):
        raise SourceError("E_JSON", f"{name}: the JSON is no object but {type(value).__name__}", hint=AGAIN)
    _check_depth(value, name)
    return value


def _decode(raw: bytes, notes: Notes) -> str:
    if raw.startswith(codecs.BOM_UTF8):
        notes.repair("W_BOM", "ignored a byte order mark before the JSON")
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        notes.repair("W_NAME", f"replaced invalid UTF-8 from byte {error.start} of the JSON on")
        return raw.decode(errors="replace")


def _parse(text: str, name: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> Json:
        found = dict(items)
        if len(found) != len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise SourceError("E_JSON", f"{name}: the key {twice!r} appears twice in one object", hint=AGAIN)
        return found

    def number(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else constant(digits)

    def constant(word: str) -> NoReturn:
        raise SourceError("E_JSON", f"{name}: {word[:40]} is no number in JSON", hint=AGAIN)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_constant=constant)
    except json.JSONDecodeError as error:
        message = f"{name}: line {error.lineno}, column {error.colno}: {error.msg}"
        raise SourceError("E_JSON", message, hint=AGAIN) from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise SourceError("E_JSON", f"{name}: {error}", hint=AGAIN) from None
    except RecursionError:
        raise _too_deep(name) from None
    return _mend_surrogates(value) if re.search(r"\\u[dD][89a-fA-F]", text) else value


def _mend_surrogates(value: Any) -> Any:
    """`\\ud83d` without its partner cannot be written as UTF-8 again; it becomes U+FFFD."""
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mend_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_mend_surrogates(key): _mend_surrogates(item) for key, item in value.items()}
    return value


def _check_depth(value: Any, name: str) -> None:
    """Level by level, so that the check itself cannot run out of stack."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep(name)
        items = [item for parent in level for item in (parent.values() if isinstance(parent, dict) else parent)]
        level = [item for item in items if isinstance(item, (dict, list))]


def _too_deep(name: str) -> LimitExceeded:
    return LimitExceeded("E_LIMIT_DEPTH", f"{name}: JSON nested deeper than {MAX_DEPTH}", hint="flatten `extras`")
