"""Small assets for tests of the cache, and what was really computed."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from assetpipe import carve, pipeline, poster
from assetpipe.asset import Json
from assetpipe.carve import Job
from assetpipe.config import Config, load_config
from assetpipe.log import Event
from assetpipe.pipeline import build_asset
from assetpipe.stages.folder import FolderShelf
from assetpipe.stages.shelf import Shelf
from tests import gltf_files
from tests.shapes import sphere

COUNTED = (
    (carve, "read_scene", "read"),
    (carve, "decimate", "decimate"),
    (carve, "rebake", "rebake"),
    (carve, "occlude", "occlude"),
    (pipeline, "fit", "encode"),
    (pipeline, "make_poster", "poster"),
)
ALL = {"read": 1, "decimate": 1, "rebake": 1, "encode": 3, "poster": 1}
SMALL: Mapping[str, Json] = {
    "preview": {"screen_px": 32, "max_triangles": 150, "texture_px": 16, "max_bytes": 60_000},
    "standard": {"screen_px": 48, "max_triangles": 250, "texture_px": 32, "max_bytes": 60_000},
    "high": {"screen_px": 64, "max_triangles": 400, "texture_px": 64, "max_bytes": 60_000},
}


def config(**tables: Json) -> Config:
    """Small levels; `levels_high={"texture_px": 32}` and `textures={"format": "png"}` change single keys."""
    own: dict[str, Any] = {**load_config().model_dump(), "levels": {name: dict(SMALL[name]) for name in SMALL}}
    for name, keys in tables.items():
        table, _, level = name.partition("_")
        (own[table][level] if level else own[table]).update(keys)
    return Config.model_validate(own)


def asset(folder: Path, *, colour: int = 90, segments: int = 32, name: str = "ball", beside: bool = False) -> Path:
    """A ball with a picture, in a GLB or beside a glTF."""
    folder.mkdir(parents=True, exist_ok=True)
    document, data = gltf_files.document(sphere(segments))
    picture = _picture(colour)
    document["textures"] = [{"source": 0}]
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "name": "paint"}]
    document["meshes"][0]["primitives"][0]["material"] = 0
    if beside:
        (folder / "paint.png").write_bytes(picture)
        (folder / f"{name}.bin").write_bytes(data)
        document |= {"images": [{"uri": "paint.png"}], "buffers": [{"uri": f"{name}.bin", "byteLength": len(data)}]}
        path = folder / f"{name}.gltf"
        gltf_files.write_gltf(path, document)
        return path
    data += b"\0" * (-len(data) % 4)
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": len(picture)})
    document["images"] = [{"bufferView": len(document["bufferViews"]) - 1, "mimeType": "image/png"}]
    document["buffers"] = [{"byteLength": len(data) + len(picture)}]
    return gltf_files.write_glb(folder / f"{name}.glb", document, data + picture)


@dataclass
class Worked:
    """One build: what was computed, what was said, and the bytes that came out."""

    calls: Counter[str] = field(default_factory=Counter)
    said: list[Event] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.said if event.kind == "warning"]


def build(source: Path, out: Path, settings: Config, shelf: Shelf | None = None, **job: Any) -> Worked:
    """For real but for a smaller poster, with every call of an expensive step counted."""
    worked = Worked()
    folder = out / source.stem
    with counted(worked.calls):
        build_asset(Job(source, folder, settings, shelf=shelf, report=worked.said.append, **job))
    worked.files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    return worked


@contextmanager
def counted(calls: Counter[str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, word in COUNTED:
            patch.setattr(module, name, _counting(getattr(module, name), word, calls))
        patch.setattr(poster, "POSTER_PX", 64)
        yield


def shelf(folder: Path, most: int = 10**9) -> FolderShelf:
    return FolderShelf(folder, most)


def entries(folder: Path) -> dict[str, Path]:
    """Stage -> its file; of several the last by name."""
    return {path.name.partition("-")[0]: path for path in sorted(folder.glob("*/*/*-*"))}


def _counting(real: Any, word: str, calls: Counter[str]) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        calls[word] += 1
        return real(*arguments, **named)

    return call


def _picture(colour: int) -> bytes:
    rows, columns = np.mgrid[0:64, 0:64]
    pixels = np.stack([rows * 3 % 256, columns * 5 % 256, np.full_like(rows, colour)], axis=-1).astype(np.uint8)
    kept = io.BytesIO()
    PIL.Image.fromarray(pixels).save(kept, "PNG")
    return kept.getvalue()
