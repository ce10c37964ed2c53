"""What the shop is told (contract assetpipe/event/1): an asset is published, one has failed, a run has ended.

    Entry of the catalog ─▶ AssetPublished        a batch's failure ─▶ AssetFailed        a batch's end ─▶ RunEnded
    AWS Batch gives a job up ─▶ JobDied, which no code of ours tells: a rule of `batch template` does

Events are told at least once and in any order: `id` is the same whenever the same thing is told again, and `sequence`
says which of two publishes of an asset is the later. No clock is in them; who carries them adds the time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from assetpipe.delivery.catalog import Entry
from assetpipe.delivery.pointer import Status

NAMED = 100
"""Failed assets that the end of a run names; each had an event of its own."""
MOST = 4_000
"""Characters of an error's message and hint."""


class Said(BaseModel):
    """Unknown keys are ignored when read: a newer version may have added some."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        serialize_by_alias=True,
        validate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )


class Told(Said):
    """What all events have."""

    schema_: Literal["assetpipe/event/1"] = Field(default="assetpipe/event/1", alias="schema")
    id: str = Field(pattern="^[0-9a-f]{32}$")
    """The same when it is told again."""
    store: str
    """As publishers name it: s3://bucket/prefix. Keys are relative to it."""
    run: str
    """Of the batch that tells it; "" where a person published."""


class LevelSaid(Said):
    name: str
    key: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int
    triangles: int


class AssetPublished(Told):
    """The pointer of an asset has moved: a new revision, or back to an old one."""

    type: Literal["published"] = "published"
    category: str
    asset: str
    revision: str
    sequence: int
    """Counts the moves of the asset's pointer; of two events the one with more is the later."""
    status: Status
    manifest: str
    """Key of the pointer."""
    url: str
    """Of the pointer, in the store."""
    levels: tuple[LevelSaid, ...]
    poster: str | None


class Fault(Said):
    code: str
    """Stable: E_GLB_TRUNCATED."""
    message: str
    hint: str


class AssetFailed(Told):
    """Given up: no retry helps until somebody mends the source, or a limit."""

    type: Literal["failed"] = "failed"
    category: str
    asset: str
    source: str
    error: Fault


class FailedSaid(Said):
    asset: str
    code: str


class RunEnded(Told):
    """Every asset of a batch is published or given up."""

    type: Literal["ended"] = "ended"
    assets: int
    published: int
    """as the plan wanted them, by this run or before"""
    failed: int
    failures: tuple[FailedSaid, ...]
    """the first of them, by name"""


class JobDied(Told):
    """A job of a batch has ended for good and could not say so itself: its slice is not settled, its run not ended."""

    type: Literal["job_died"] = "job_died"
    id: str = Field(pattern="^[0-9a-f-]{36}(:[0-9]+)?$")
    """Of the job, as Batch names it; a child of an array has a number."""
    job: str
    """Its name: assetpipe-RUN-NUMBER, assetpipe-RUN of an upload."""
    queue: str
    reason: str
    """As Batch puts it."""


Event = Annotated[AssetPublished | AssetFailed | RunEnded | JobDied, Field(discriminator="type")]


def published(entry: Entry, store: str, run: str = "") -> AssetPublished:
    keys = entry.keys
    levels = [file for file in entry.files if file.level != "poster"]
    return AssetPublished(
        id=_id("published", store, f"{keys.category}/{keys.asset}", f"{entry.sequence}-{entry.revision}"),
        store=store,
        run=run,
        category=keys.category,
        asset=keys.asset,
        revision=entry.revision,
        sequence=entry.sequence,
        status=entry.status,
        manifest=keys.pointer,
        url=f"{store}/{keys.pointer}",
        levels=tuple(
            LevelSaid(name=one.level, key=one.key, sha256=one.sha256, bytes=one.bytes, triangles=one.triangles)
            for one in levels
        ),
        poster=next((file.key for file in entry.files if file.level == "poster"), None),
    )


def failed(asset: tuple[str, str], source: str, error: Mapping[str, str], where: tuple[str, str]) -> AssetFailed:
    """`asset`: category and name; `where`: store and run."""
    fault = Fault(code=error["code"], message=error["message"][:MOST], hint=error.get("hint", "")[:MOST])
    category, name = asset
    return AssetFailed(
        id=_id("failed", *where, category, name, source, fault.code),
        store=where[0],
        run=where[1],
        category=category,
        asset=name,
        source=source,
        error=fault,
    )


def ended(where: tuple[str, str], published: int, failures: Sequence[tuple[str, str]]) -> RunEnded:
    """`where`: store and run; `failures`: asset and code of each. A run that ends otherwise is another event."""
    said = sorted(failures)
    return RunEnded(
        id=_id("ended", *where, str(published), *(part for failure in said for part in failure)),
        store=where[0],
        run=where[1],
        assets=published + len(said),
        published=published,
        failed=len(said),
        failures=tuple(FailedSaid(asset=asset, code=code) for asset, code in said[:NAMED]),
    )


def parse_event(document: str | bytes) -> Event:
    """Raises pydantic's ValidationError for what is no event."""
    return _EVENTS.validate_json(document)


def to_json(event: Event) -> str:
    return json.dumps(event.model_dump(mode="json"), ensure_ascii=True, separators=(",", ":"))


def json_schema() -> dict[str, Any]:
    """Shipped as event.schema.json for readers in other languages."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_EVENTS.json_schema(mode="serialization")}


def shipped_schema() -> Path:
    return Path(__file__).parents[1] / "event.schema.json"


def _id(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


_EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


if __name__ == "__main__":
    shipped_schema().write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")
