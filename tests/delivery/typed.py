"""What commands wrote: their lines of JSON, and a folder store by the file system alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.commands import Transcript
from tests.delivery.worlds import objects

__all__ = ["digest", "lines", "objects", "stamps"]


def lines(done: Transcript) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def stamps(root: Path) -> dict[str, int]:
    """When each object was last written."""
    return {key: (root / key).stat().st_mtime_ns for key in objects(root)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
