"""The manifest: what a bundle holds and how it was made, as the web team reads it (contract assetpipe/manifest/1).

No clock, host name or absolute path is in it: the same source, config and version give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assetpipe.errors import SourceError

NAME = "manifest.json"
Sha256 = Field(pattern="^[0-9a-f]{64}$")


class Record(BaseModel):
    """Unknown keys are ignored when read: a newer version may have added some."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FileRecord(Record):
    """A file that the source is made of; `sha256` is null for one that it names and that was missing."""

    uri: str
    sha256: str | None
    bytes: int


class SourceRecord(Record):
    sha256: str = Sha256
    bytes: int
    format: str
    triangles: int
    files: tuple[FileRecord, ...] = ()


class ToolRecord(Record):
    version: str


class BoundsRecord(Record):
    """Metres, of what is drawn, skins at rest."""

    min: tuple[float, float, float]
    max: tuple[float, float, float]
    radius: float


class TextureRecord(Record):
    slot: str
    px: int
    """The longer side."""
    mime: str


class DeviationRecord(Record):
    max: float
    rms: float
    unit: Literal["metre"] = "metre"


class LevelRecord(Record):
    name: str
    uri: str
    sha256: str = Sha256
    bytes: int
    triangles: int
    """Drawn: a mesh that ten nodes show counts ten times."""
    vertices: int
    materials: int
    textures: tuple[TextureRecord, ...]
    screen_px: int
    deviation: DeviationRecord
    scores: dict[str, float] = {}
    notes: tuple[str, ...] = ()


class PosterRecord(Record):
    uri: str
    sha256: str = Sha256


class Manifest(Record):
    schema_: Literal["assetpipe/manifest/1"] = Field(default="assetpipe/manifest/1", alias="schema")
    asset: str
    category: str
    source: SourceRecord
    config_sha256: str = Sha256
    tool: ToolRecord
    bounds: BoundsRecord
    levels: tuple[LevelRecord, ...]
    poster: PosterRecord | None = None
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was decided for all levels: which materials were merged, and why others were not."""

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def to_bytes(self) -> bytes:
        return (json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n").encode()


def parse_manifest(data: bytes, place: str) -> Manifest:
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SourceError(
            "E_MANIFEST",
            f"{place}: not a manifest of assetpipe/manifest/1: {where}: {first['msg']}",
            hint="build the asset again",
        ) from None


def json_schema() -> dict[str, Any]:
    """Shipped as manifest.schema.json for readers in other languages."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Manifest.model_json_schema(by_alias=True)}


def shipped_schema() -> Path:
    return Path(__file__).with_name("manifest.schema.json")


if __name__ == "__main__":
    shipped_schema().write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")
