"""Small bundles to publish: real folders with real manifests, whose levels are a few bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from assetpipe.bundle import Bundle, write_bundle
from assetpipe.config import load_config
from assetpipe.manifest import Manifest

SETTINGS = load_config().publish.model_copy(update={"threads": 2, "index_entries": 3})
LEVELS = ("preview", "standard", "high")


def bundle(folder: Path, asset: str = "chair", *, category: str = "furniture", content: str = "one") -> Bundle:
    """Levels and poster of a content of their own; `preview` is the same for all contents of an asset."""
    files = {f"{name}.glb": f"{asset} {name} {content}".encode() * 50 for name in LEVELS}
    files["preview.glb"] = f"{asset} preview".encode() * 50
    files["poster.webp"] = f"{asset} poster {content}".encode()
    return write_bundle(folder / f"{category}-{asset}-{content}", files, manifest(asset, category, files))


def manifest(asset: str, category: str, files: dict[str, bytes]) -> Manifest:
    levels = [
        {"name": name, "uri": f"{name}.glb", "sha256": digest(files[f"{name}.glb"]), "bytes": len(files[f"{name}.glb"]),
         "triangles": 1, "vertices": 3, "materials": 1, "textures": [], "screen_px": 256,
         "deviation": {"max": 0.0, "rms": 0.0}}
        for name in LEVELS
    ]  # fmt: skip
    return Manifest.model_validate(
        {"asset": asset, "category": category, "levels": levels, "config_sha256": "0" * 64,
         "source": {"sha256": "1" * 64, "bytes": 9, "format": "glb", "triangles": 1}, "tool": {"version": "0"},
         "bounds": {"min": [0, 0, 0], "max": [1, 1, 1.5], "radius": 1},
         "poster": {"uri": "poster.webp", "sha256": digest(files["poster.webp"])}}
    )  # fmt: skip


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
