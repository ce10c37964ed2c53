"""An independent reader of what is published: from the layout in the design alone, it shares no code with the writer.

`findings(objects)` takes every object of a store (key -> bytes) and says in one sentence each what a viewer, the web
team or whoever rolls back would find missing, partial or different. Nothing found: whatever happened, nobody saw it.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

Objects = Mapping[str, bytes]
INDEX = re.compile(r"index(-\d+)?\.json")


def findings(objects: Objects, catalog: Mapping[str, str] | None = None) -> list[str]:
    """`catalog` is what a catalog says: "category/asset" -> revision."""
    found = [*_names(objects)]
    current: dict[str, str] = {}
    for key, body in objects.items():
        parts = key.split("/")
        if len(parts) == 3 and parts[1] == "manifest" and not INDEX.fullmatch(parts[2]):
            revision, faults = _pointer(objects, key, body)
            current[f"{parts[0]}/{parts[2].removesuffix('.json')}"] = revision
            found += faults
        elif len(parts) == 4 and parts[1] == "history":
            found += _history(objects, key, body)
        elif len(parts) == 3 and parts[1] == "manifest":
            found += _index(objects, key, body)
    for asset, revision in (catalog or {}).items():
        place = f"{asset.partition('/')[0]}/history/{asset.partition('/')[2]}/{revision}.json"
        if asset not in current or place not in objects:
            found.append(f"the catalog names {asset} at {revision}, which is not there")
    return found


def disagreements(objects: Objects, catalog: Mapping[str, str]) -> list[str]:
    """Once a publish has come to its end: catalog, indexes and pointers say the same."""
    pointers, listed = {}, {}
    for key, body in objects.items():
        parts = key.split("/")
        if len(parts) != 3 or parts[1] != "manifest":
            continue
        whole = json.loads(body)
        if INDEX.fullmatch(parts[2]):
            listed |= {f"{parts[0]}/{asset['asset']}": asset["revision"] for asset in whole["assets"]}
        else:
            pointers[f"{parts[0]}/{whole['asset']}"] = whole["publication"]["revision"]
    found = [] if pointers == dict(catalog) else [f"the catalog says {dict(catalog)}, the pointers {pointers}"]
    return found if pointers == listed else [*found, f"the indexes say {listed}, the pointers {pointers}"]


def _names(objects: Objects) -> Iterator[str]:
    for key, body in objects.items():
        if key.endswith((".glb", ".webp")) and hashlib.sha256(body).hexdigest()[:16] != key.split(".")[-2]:
            yield f"{key}: its bytes are not those that its name says"


def _pointer(objects: Objects, key: str, body: bytes) -> tuple[str, list[str]]:
    whole = _parsed(body)
    if whole is None:
        return "", [f"{key}: is no JSON"]
    revision = whole.pop("publication", {}).get("revision", "")
    category, _, name = key.split("/")
    past = objects.get(f"{category}/history/{name.removesuffix('.json')}/{revision}.json")
    if past is None:
        return revision, [f"{key}: revision {revision} has no history"]
    found = [] if _parsed(past) == whole else [f"{key}: differs from the history of {revision}"]
    return revision, [*found, *_payloads(objects, key, whole)]


def _history(objects: Objects, key: str, body: bytes) -> list[str]:
    if hashlib.sha256(body).hexdigest()[:16] != key.split("/")[-1].removesuffix(".json"):
        return [f"{key}: its bytes are not those that its name says"]
    return _payloads(objects, key, _parsed(body) or {})


def _payloads(objects: Objects, key: str, manifest: dict[str, Any]) -> list[str]:
    """Addresses are relative to the pointer."""
    found = []
    for record in [*manifest.get("levels", []), *filter(None, [manifest.get("poster")])]:
        target = posixpath.normpath(posixpath.join(key.split("/")[0], "manifest", record["uri"]))
        body = objects.get(target)
        if body is None:
            found.append(f"{key}: names {target}, which is not there")
        elif hashlib.sha256(body).hexdigest() != record["sha256"] or len(body) != record.get("bytes", len(body)):
            found.append(f"{key}: names {target}, whose bytes are others")
    return found


def _index(objects: Objects, key: str, body: bytes) -> list[str]:
    page = _parsed(body)
    if page is None:
        return [f"{key}: is no JSON"]
    found = []
    folder = posixpath.dirname(key)
    for asset in page["assets"]:
        names = [asset["manifest"], asset["poster"], *(level["uri"] for level in asset["levels"])]
        targets = [posixpath.normpath(posixpath.join(folder, name)) for name in names if name]
        found += [f"{key}: names {target}, which is not there" for target in targets if target not in objects]
    if page["next"] and f"{folder}/{page['next']}" not in objects:
        found.append(f"{key}: the page after it is not there")
    return found


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        whole = json.loads(body)
    except ValueError:
        return None
    return whole if isinstance(whole, dict) else None
