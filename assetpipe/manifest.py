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

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class FileRecord(Record):
    uri: str
    """As the source names it, relative to its own folder."""
    sha256: str | None
    """Of its bytes; null where it was named and missing."""
    bytes: int
    """Of that file; 0 where it was missing."""


class SourceRecord(Record):
    sha256: str = Sha256
    """Of the file, or of the list of all files where it names others."""
    bytes: int
    """Of all its files together."""
    format: str
    """glb, gltf, obj, stl, or ply."""
    triangles: int
    """Drawn: a mesh that ten nodes show counts ten times."""
    files: tuple[FileRecord, ...] = ()
    """All that was read, the file itself first."""


class ToolRecord(Record):
    version: str
    """Of assetpipe."""


class BoundsRecord(Record):
    min: tuple[float, float, float]
    """Metres: one corner of the box about what is drawn, skins at rest; y is up."""
    max: tuple[float, float, float]
    """Metres: the opposite corner."""
    radius: float
    """Metres, of a sphere about the middle of the box that holds all that is drawn."""


class TextureRecord(Record):
    slot: str
    """What it paints: baseColor, normal, metallicRoughness, occlusion, emissive, or a slot of an extension."""
    px: int
    """The longer side."""
    mime: str
    """image/webp, image/png, image/jpeg, ..."""


class DeviationRecord(Record):
    """How far the level's surface is from the source's, measured both ways."""

    max: float
    """In the worst place."""
    rms: float
    """Root of the mean square over the surface."""
    unit: Literal["metre"] = "metre"
    """Of both."""


class LevelRecord(Record):
    name: str
    """As the config calls it: preview, standard, high."""
    uri: str
    """Of its GLB, relative to the manifest."""
    sha256: str = Sha256
    """Of the GLB."""
    bytes: int
    """Of the GLB."""
    triangles: int
    """Drawn: a mesh that ten nodes show counts ten times."""
    vertices: int
    """Stored."""
    materials: int
    """That primitives wear without any variant chosen."""
    textures: tuple[TextureRecord, ...]
    """One for each slot and picture, in the order of the materials."""
    screen_px: int
    """The height on screen at which it is to look like the source."""
    deviation: DeviationRecord
    scores: dict[str, float] = {}
    """silhouette_iou: the worst overlap of six silhouettes with the source's; 1 is the same."""
    notes: tuple[str, ...] = ()
    """What it had to give up to keep its budgets, and what was baked; sentences for people."""


class PosterRecord(Record):
    uri: str
    """Of the picture, relative to the manifest."""
    sha256: str = Sha256
    """Of the picture."""


class Manifest(Record):
    schema_: Literal["assetpipe/manifest/1"] = Field(default="assetpipe/manifest/1", alias="schema")
    """What a reader may rely on: fields are added under this name, and never change their meaning."""
    asset: str
    """Its name: a-z, 0-9, '-' and '_'."""
    category: str
    """The shop's."""
    source: SourceRecord
    config_sha256: str = Sha256
    """Of all settings that shape a bundle; the same source, config and version are the same bundle."""
    tool: ToolRecord
    bounds: BoundsRecord
    levels: tuple[LevelRecord, ...]
    """The coarsest first."""
    poster: PosterRecord | None = None
    repairs: tuple[str, ...] = ()
    """What was wrong with the source and was mended: a code, then what was done."""
    warnings: tuple[str, ...] = ()
    """What its author should look at."""
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
