"""What `--to` or `--store` says -> the store: a folder, `file://`, `s3://`."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assetpipe.config import Publish
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.store import Store
from assetpipe.errors import UsageError

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
KINDS = "a folder (./store), file:///srv/store, or s3://bucket/prefix"


def open_store(url: str, settings: Publish) -> Store:
    """Nothing is written, and nothing asked of any server. No message repeats a URL that may hold a secret."""
    scheme = SCHEME.match(url)
    if not scheme:
        return _folder(url, Path(url))
    kind = scheme[1].lower()
    if kind == "file":
        return _folder(url, _path(url))
    if kind != "s3" or not url.lower().startswith("s3://"):
        raise UsageError(
            "E_STORE_URL", f"{kind}: is no kind of store", hint=f"use {KINDS}; a folder named so is ./{kind}:"
        )
    if "@" in url or "?" in url or "#" in url:
        raise UsageError(
            "E_STORE_URL",
            "s3://***: a store's URL holds a bucket and a prefix alone",
            hint="keys and profiles come from AWS's own chain (AWS_PROFILE, roles); the endpoint from [publish]",
        )
    from assetpipe.delivery.s3 import S3Store

    return S3Store.open(url, settings)


def _folder(url: str, path: Path) -> Store:
    if not url or "\0" in url:
        raise UsageError("E_STORE_URL", "no store is named", hint=f"use {KINDS}")
    if path.exists() and not path.is_dir():
        raise UsageError("E_STORE_URL", f"{path}: is a file", hint=f"use {KINDS}")
    return FolderStore(path.absolute(), named=str(path) if path.is_absolute() else url.rstrip("/"))


def _path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise UsageError("E_STORE_URL", "file: names a folder of this machine in full", hint="write file:///srv/store")
    return Path("/" + unquote(parts.path).lstrip("/"))
