"""Entry <-> the JSON that catalogs keep beside the columns that they ask by."""

from __future__ import annotations

import json
from dataclasses import asdict

from assetpipe.delivery.catalog import Entry, File


def files_to_json(entry: Entry) -> str:
    return json.dumps([asdict(file) for file in entry.files], ensure_ascii=False, separators=(",", ":"))


def files_from_json(text: str) -> tuple[File, ...]:
    """Nothing where the text is damaged: `verify` then finds the entry stale, and makes it again."""
    try:
        return tuple(File(**file) for file in json.loads(text))
    except (ValueError, TypeError):
        return ()
