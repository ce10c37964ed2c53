"""Small rules that a glTF schema is made of: each takes a value and its place, and gives back the value, or refuses it.

A rule may give back a mended value (2.0 as the integer 2, a factor of 1.2 as 1); objects it must change are copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from assetpipe.asset import Json
from assetpipe.errors import SourceError
from assetpipe.sources.notes import Notes, printable


@dataclass(frozen=True)
class Context:
    """What a rule may need to know about the document around it."""

    name: str
    counts: Mapping[str, int]
    """Length of each collection that an index can point into."""
    notes: Notes

    def refuse(self, code: str, place: str, fault: str) -> SourceError:
        return SourceError(
            code, printable(f"{self.name}: {place}: {fault}"), hint="export the source again, or mend it there"
        )


Rule = Callable[[Context, Any, str], Any]


def anything(_context: Context, value: Any, _place: str) -> Any:
    return value


def text(context: Context, value: Any, place: str) -> Any:
    if not isinstance(value, str):
        raise context.refuse("E_SCHEMA", place, f"{_show(value)} is no text")
    return value


def flag(context: Context, value: Any, place: str) -> Any:
    if not isinstance(value, bool):
        raise context.refuse("E_SCHEMA", place, f"{_show(value)} is neither true nor false")
    return value


def integer(least: int = 0, most: int = 2**53) -> Rule:
    def rule(context: Context, value: Any, place: str) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise context.refuse("E_SCHEMA", place, f"{_show(value)} is no integer")
        if not least <= value <= most:
            raise context.refuse("E_SCHEMA", place, f"{value} is not in {least}..{most}")
        return value

    return rule


def number(least: float = float("-inf"), most: float = float("inf")) -> Rule:
    """A finite number; one outside of least..most is clamped, and that is recorded."""

    def rule(context: Context, value: Any, place: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300:
            raise context.refuse("E_SCHEMA", place, f"{_show(value)} is no number")
        if least <= value <= most:
            return value
        context.notes.repair("W_RANGE", f"{place} was {value}, outside of {least:g}..{most:g}, and is clamped")
        return min(max(value, least), most)

    return rule


def above(least: float) -> Rule:
    def rule(context: Context, value: Any, place: str) -> Any:
        if number()(context, value, place) <= least:
            raise context.refuse("E_SCHEMA", place, f"{value} is not more than {least:g}")
        return value

    return rule


def choice(*allowed: Any) -> Rule:
    def rule(context: Context, value: Any, place: str) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise context.refuse("E_SCHEMA", place, f"{_show(value)} is none of {', '.join(map(str, allowed))}")
        return int(value) if isinstance(value, float) else value

    return rule


def index(collection: str) -> Rule:
    """A reference into `collection`, which must be long enough."""

    def rule(context: Context, value: Any, place: str) -> Any:
        value = integer()(context, value, place)
        count = context.counts.get(collection, 0)
        if value >= count:
            raise context.refuse("E_REFERENCE", place, f"{value}, but there are {count} {collection}")
        return value

    return rule


def array(item: Rule, *, least: int = 1, length: int | None = None, distinct: bool = False) -> Rule:
    def rule(context: Context, value: Any, place: str) -> Any:
        if not isinstance(value, list):
            raise context.refuse("E_SCHEMA", place, f"{_show(value)} is no array")
        if len(value) < least or (length is not None and len(value) != length):
            raise context.refuse("E_SCHEMA", place, f"has {len(value)} items, not {length or f'at least {least}'}")
        mended = [item(context, entry, f"{place}/{number}") for number, entry in enumerate(value)]
        if distinct and len(set(mended)) != len(mended):
            raise context.refuse("E_SCHEMA", place, "names something twice")
        return mended

    return rule


def record(required: Mapping[str, Rule] | None = None, **optional: Rule) -> Rule:
    """An object; properties that no rule knows pass as they are."""
    needs = required or {}
    rules = {**needs, **optional, "extensions": _objects, "name": text}

    def rule(context: Context, value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise context.refuse("E_SCHEMA", place, f"{_show(value)} is no object")
        for key in needs:
            if key not in value:
                raise context.refuse("E_SCHEMA", place, f"has no {key!r}")
        return {
            key: rules[key](context, entry, f"{place}/{key}") if key in rules else entry for key, entry in value.items()
        }

    return rule


def extended(rule: Rule, **extensions: Rule) -> Rule:
    """`rule`, and the content of the extensions that are known."""

    def both(context: Context, value: Any, place: str) -> Any:
        checked = rule(context, value, place)
        inside = checked.get("extensions", {})
        known = {
            key: extensions[key](context, entry, f"{place}/extensions/{key}") if key in extensions else entry
            for key, entry in inside.items()
        }
        return {**checked, "extensions": known} if inside else checked

    return both


def table(entry: Rule) -> Rule:
    """An object whose keys are free."""

    def rule(context: Context, value: Any, place: str) -> Any:
        _is_object(context, value, place)
        return {key: entry(context, item, f"{place}/{key}") for key, item in value.items()}

    return rule


def _is_object(context: Context, value: Any, place: str) -> Json:
    if not isinstance(value, dict):
        raise context.refuse("E_SCHEMA", place, f"{_show(value)} is no object")
    return value


_objects = table(_is_object)


def _show(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < 60 else shown[:57] + "..."
