"""The bytes of a .glb or .gltf -> Document: checked JSON, what it may refer to, and where to note repairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assetpipe.asset import Json
from assetpipe.config import Limits
from assetpipe.errors import LimitExceeded, SourceError
from assetpipe.sources.files import Source
from assetpipe.sources.glb import split_glb
from assetpipe.sources.jsontext import parse_json
from assetpipe.sources.notes import Notes, printable
from assetpipe.sources.placement import drop_misplaced
from assetpipe.sources.schema import COLLECTIONS, conform

# What the reader turns into plain glTF; gone from the scene.
RESOLVED = (
    *("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression", "KHR_mesh_quantization"),
    *("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds"),
    "KHR_materials_pbrSpecularGlossiness",
)
# What passes through because its indices, if any, are kept right.
KNOWN = (
    *("KHR_animation_pointer", "KHR_lights_punctual", "KHR_materials_variants", "KHR_node_visibility"),
    *("KHR_texture_transform", "KHR_xmp_json_ld", "KHR_xmp", "EXT_mesh_gpu_instancing", "KHR_node_selectability"),
    *("KHR_node_hoverability", "KHR_materials_anisotropy", "KHR_materials_clearcoat", "KHR_materials_dispersion"),
    *("KHR_materials_diffuse_transmission", "KHR_materials_emissive_strength", "KHR_materials_ior"),
    *("KHR_materials_iridescence", "KHR_materials_sheen", "KHR_materials_specular", "KHR_materials_transmission"),
    *("KHR_materials_unlit", "KHR_materials_volume", "KHR_materials_volume_scatter"),
)


@dataclass(frozen=True, eq=False)
class Document:
    json: Json
    source: Source
    limits: Limits
    notes: Notes
    bin: memoryview | None
    """The BIN chunk of a GLB."""

    def items(self, collection: str) -> list[Json]:
        found: list[Json] = self.json.get(collection, [])
        return found

    def refuse(self, code: str, place: str, fault: str, hint: str = "export the source again") -> SourceError:
        return SourceError(code, printable(f"{self.source.name}: {place}: {fault}"), hint=hint)

    def exceeds(self, code: str, fault: str, setting: str) -> LimitExceeded:
        hint = f"simplify the source, or raise limits.{setting} in the config"
        return LimitExceeded(code, f"{self.source.name}: {fault}", hint=hint)


def read_document(source: Source, limits: Limits) -> Document:
    notes = Notes()
    text, binary = source.data, None
    if source.format == "glb":
        chunks = split_glb(source.data, source.name, notes)
        text, binary = chunks.json, chunks.bin
    raw = parse_json(text, source.name, limits.json_bytes, notes)
    _check_version(raw, source.name)
    _check_limits(raw, limits, source.name)
    checked = drop_misplaced(conform(_drop_empty(raw, notes), source.name, notes), notes)
    document = Document(checked, source, limits, notes, binary)
    _check_extensions(document)
    return document


def _check_version(raw: Json, name: str) -> None:
    asset = raw.get("asset")
    version = asset.get("version") if isinstance(asset, dict) else None
    if not isinstance(version, str):
        fault = "has no asset.version" + (" (glTF 1.0?)" if "techniques" in raw else "")
        raise SourceError("E_VERSION", f"{name}: /asset: {fault}", hint="export it as glTF 2.0")
    least = asset.get("minVersion", "2.0") if isinstance(asset, dict) else ""
    for key, value in (("version", version), ("minVersion", least)):
        if not isinstance(value, str) or not re.fullmatch(r"\d+\.\d+", value):
            raise SourceError(
                "E_VERSION", f"{name}: /asset/{key}: {value!r} is no version", hint="export it as glTF 2.0"
            )
    if not version.startswith("2."):
        hint = "convert it to glTF 2.0 with an older gltf-pipeline or with Blender"
        raise SourceError("E_VERSION", f"{name}: /asset/version: glTF {version} is not supported", hint=hint)
    if _numbers(least) > (2, 0):
        raise SourceError(
            "E_VERSION", f"{name}: /asset/minVersion: needs a reader of glTF {least}, this is 2.0", hint="export as 2.0"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in version.split("."))


def _check_limits(raw: Json, limits: Limits, name: str) -> None:
    for key in ("nodes", "materials", "textures"):
        count, limit = len(raw[key]) if isinstance(raw.get(key), list) else 0, getattr(limits, key)
        if count > limit:
            raise LimitExceeded(
                f"E_LIMIT_{key.upper()}",
                f"{name}: {count:,} {key}, limit {limit:,}",
                hint=f"merge {key}, or raise limits.{key}",
            )


def _drop_empty(raw: Json, notes: Notes) -> Json:
    """Exporters write `"textures": []`; glTF forbids empty arrays, and they mean nothing."""
    lists = {*COLLECTIONS, "extensionsUsed", "extensionsRequired"}
    empty = [key for key in raw if key in lists and raw[key] == []]
    if empty:
        notes.repair("W_EMPTY_ARRAY", f"dropped empty arrays: {', '.join(empty)}")
    kept = {key: value for key, value in raw.items() if key not in empty}
    for owners, key in (("nodes", "children"), ("scenes", "nodes")):
        if isinstance(kept.get(owners), list):
            kept[owners] = [_without_empty(owner, key) for owner in kept[owners]]
    return kept


def _without_empty(owner: Json, key: str) -> Json:
    if isinstance(owner, dict) and owner.get(key) == []:
        return {name: value for name, value in owner.items() if name != key}
    return owner


def _check_extensions(document: Document) -> None:
    used: Sequence[str] = document.json.get("extensionsUsed", ())
    required: Sequence[str] = document.json.get("extensionsRequired", ())
    unknown = sorted({*required} - {*RESOLVED, *KNOWN})
    if unknown:
        fault = f"{', '.join(unknown)} is required and not supported"
        raise document.refuse("E_EXT_REQUIRED", "/extensionsRequired", fault, "export without that extension")
    foreign = sorted({*used} - {*RESOLVED, *KNOWN})
    if foreign:
        document.notes.warn(
            "W_EXT_UNKNOWN",
            f"{', '.join(foreign)} is not known here and passes as it is; indices to meshes, textures or accessors "
            "inside it may no longer be right",
        )
