"""The noun of a batch: Item, one asset to build. A plan is a JSON Lines file of them, in the order of their assets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assetpipe.bundle import disk_faults
from assetpipe.config import SLUG
from assetpipe.errors import MissingFile, UsageError


class Item(BaseModel):
    """One asset: its source, and what it is expected to take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """An absolute path, or an s3:// URL."""
    asset: Annotated[str, Field(pattern=f"^(?:{SLUG.pattern})$")]
    category: str | None = None
    config: str | None = None
    """A TOML file: an absolute path, or an s3:// URL."""
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Of the source's main file; None where it would have to be fetched to know."""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    """Expected, on one core."""
    memory_mb: Annotated[int, Field(ge=0)] = 0
    """Expected at its peak; 1 MB is 1,000,000 bytes, here as everywhere."""
    deadline: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    """Seconds that one stage of it may take; None: as long as the run gives to each."""


def plan_bytes(items: Iterable[Item]) -> bytes:
    """One line an asset, in the order of their names: the same items give the same bytes."""
    ordered = sorted(items, key=lambda item: item.asset)
    return "".join(f"{json.dumps(item.model_dump(), ensure_ascii=True)}\n" for item in ordered).encode()


def write_plan(path: Path, items: Iterable[Item]) -> None:
    """Whole or not at all: half a plan would be half a night, and nobody would know."""
    data, partial = plan_bytes(items), path.with_name(f".{path.name}.partial")
    with disk_faults(path):
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        if path.exists() and not path.is_file():  # a pipe, /dev/stdout
            path.write_bytes(data)
            return
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def read_plan(path: Path) -> list[Item]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        hint = "`assetpipe batch plan SOURCE... --out PLAN` makes one"
        raise MissingFile("E_PLAN_MISSING", f"{path}: no such plan", hint=hint) from None
    return parse_plan(data, str(path))


def is_plan(path: Path) -> bool:
    """Told from a list of sources by its first line, which says more; an empty one is a night without news."""
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    if not path.stat().st_size:
        return True
    with path.open("rb") as file:
        try:
            return bool(json.loads(file.readline())["bytes"] >= 0)
        except (ValueError, LookupError, TypeError):
            return False


def parse_plan(data: bytes, place: str) -> list[Item]:
    """`place`: the plan's name for error messages. Two lines of one asset are refused."""
    items = list(_parse_lines(data, place))
    seen: dict[str, Item] = {}
    for item in items:
        twin = seen.setdefault(item.asset, item)
        if twin is not item:
            fault = f"{place}: {twin.source} and {item.source} would both become the asset {item.asset}"
            raise UsageError("E_ASSET_TWICE", fault, hint="give one of them another name in its line's asset")
    return items


def shard(items: Sequence[Item], number: int, of: int) -> list[Item]:
    """Share `number` of `of`, counted from 1: every `of`-th item, so that neighbours (often alike) are spread."""
    return list(sorted(items, key=lambda item: item.asset)[number - 1 :: of])


def _parse_lines(data: bytes, place: str) -> Iterator[Item]:
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                yield Item.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(str(part) for part in first["loc"])
                fault = f"{place}: line {number}: {f'{where}: ' if where else ''}{first['msg']}"
                raise UsageError("E_PLAN", fault, hint="`assetpipe batch plan` writes plans") from None
