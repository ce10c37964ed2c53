"""Bundle -> Release: what a publish writes once, and the revision that all of it has.

The published manifest is the bundle's, with each `uri` as a viewer finds it from the asset's pointer. Its revision is
the hash of its bytes: a retry is the same revision, and a history document vouches for itself. That is also why neither
a clock nor the revision before is in it: the same bundle would get another document each time. What comes after what
is the pointer's to know (pointer.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from assetpipe.bundle import Bundle
from assetpipe.config import INDEX, RESERVED, SLUG, SLUG_RULE
from assetpipe.delivery.keys import IMMUTABLE, SHORT, Keys, keys_of
from assetpipe.delivery.store import Item
from assetpipe.errors import SourceError
from assetpipe.manifest import Manifest, parse_manifest

GLB, WEBP, JSON = "model/gltf-binary", "image/webp", "application/json"


@dataclass(frozen=True)
class Release:
    keys: Keys
    revision: str
    payloads: tuple[Item, ...]
    history: Item

    @property
    def needs(self) -> frozenset[str]:
        """Every key that must be there before a pointer may name this revision."""
        return frozenset([*(item.key for item in self.payloads), self.history.key])

    def as_fresh(self) -> Release:
        """Of an asset that was never published: nothing of it is there, unless a publish was killed."""
        payloads = tuple(replace(item, fresh=True) for item in self.payloads)
        return replace(self, payloads=payloads, history=replace(self.history, fresh=True))


def release_of(bundle: Bundle) -> Release:
    check_names(bundle)
    manifest, keys = bundle.manifest, keys_of(bundle.manifest)
    document = published(manifest).to_bytes()
    revision = revision_of(document)
    about = {"asset": keys.asset, "revision": revision}
    payloads = [
        _payload(keys.level(level), bundle, level.uri, GLB, about | {"level": level.name}) for level in manifest.levels
    ]
    if manifest.poster:
        poster = manifest.poster
        payloads.append(_payload(keys.poster(poster.sha256), bundle, poster.uri, WEBP, about | {"level": "poster"}))
    history = json_item(keys.history(revision), document, IMMUTABLE, about)
    return Release(keys, revision, tuple({item.key: item for item in payloads}.values()), history)


def published(manifest: Manifest) -> Manifest:
    """`uri` becomes relative to the pointer, `../preview/oak-chair.0123456789abcdef.glb`: whatever prefix, bucket or
    domain the store is seen through."""
    keys = keys_of(manifest)
    levels = tuple(
        level.model_copy(update={"uri": _from_pointer(keys, keys.level(level))}) for level in manifest.levels
    )
    poster = manifest.poster
    if poster:
        poster = poster.model_copy(update={"uri": _from_pointer(keys, keys.poster(poster.sha256))})
    return manifest.model_copy(update={"levels": levels, "poster": poster})


def revision_of(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()[:SHORT]


def payloads_of(document: bytes, place: str) -> dict[str, tuple[str, int | None]]:
    """Key -> sha256 and bytes (None where the manifest has no size) of what a published manifest names."""
    manifest = parse_manifest(document, place)
    keys = keys_of(manifest)
    found: dict[str, tuple[str, int | None]] = {
        keys.level(level): (level.sha256, level.bytes) for level in manifest.levels
    }
    if manifest.poster:
        found[keys.poster(manifest.poster.sha256)] = (manifest.poster.sha256, None)
    return found


def json_item(key: str, body: bytes, cache_control: str, metadata: Mapping[str, str]) -> Item:
    return Item(key, body, hashlib.sha256(body).hexdigest(), JSON, cache_control, metadata, tags_of(key))


def json_bytes(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def check_names(bundle: Bundle) -> None:
    """Names come from a file that anybody may have written, and become keys and paths."""
    manifest, place = bundle.manifest, bundle.folder
    for kind, name in (("asset", manifest.asset), ("category", manifest.category)):
        if not SLUG.fullmatch(name):
            raise _unfit(place, f"{name!r} cannot name {'an' if kind == 'asset' else 'a'} {kind}", f"use {SLUG_RULE}")
    if INDEX.fullmatch(manifest.asset):
        raise _unfit(place, f"{manifest.asset!r} is the name of its category's index", "name the asset with --asset")
    names = [level.name for level in manifest.levels]
    for name in names:
        if not SLUG.fullmatch(name) or name in RESERVED or names.count(name) > 1:
            raise _unfit(place, f"{name!r} cannot name a level", f"use {SLUG_RULE}, each once; build the asset again")
    for uri in bundle.recorded:
        if PurePosixPath(uri).name != uri or uri in (".", ".."):
            raise _unfit(place, f"{uri!r} lies outside of the bundle", "build the asset again")


def _payload(key: str, bundle: Bundle, uri: str, content_type: str, about: Mapping[str, str]) -> Item:
    sha256 = bundle.recorded[uri]
    tag = f"asset:{about['asset']},level:{about['level']}"
    metadata = {"asset": about["asset"], "revision": about["revision"], "cache-tag": tag}
    return Item(key, bundle.folder / uri, sha256, content_type, IMMUTABLE, metadata, tags_of(key))


def tags_of(key: str) -> dict[str, str]:
    category, folder, _ = key.split("/", 2)
    return {"category": category, "level": folder}


def _from_pointer(keys: Keys, key: str) -> str:
    return "../" + key.removeprefix(f"{keys.category}/")


def _unfit(place: object, fault: str, cure: str) -> SourceError:
    return SourceError("E_PUBLISH_NAME", f"{place}: {fault}", hint=cure)
