"""Where this user's caches are. Nothing here imports anything heavy: a child asks before it gives up its rights."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def user_cache() -> Path:
    """XDG: a relative path in the variable is to be ignored."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path(os.environ.get("HOME") or tempfile.gettempdir()) / ".cache"


def kernel_folder() -> Path:
    """Of compiled kernels; whether it can be written to is another question."""
    named = os.environ.get("WARP_CACHE_PATH")
    return Path(named).absolute() if named else user_cache() / "assetpipe" / "kernels"
