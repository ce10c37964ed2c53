"""A folder store with its catalog, and everything that is in them as an independent reader sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.sqlite import SqliteCatalog
from tests.delivery.fsck import disagreements, findings

Count = TypeVar("Count")
LONG = bool(os.environ.get("ASSETPIPE_LONG"))
"""The counts of reliability.md 3.2, which take an hour; without it the same tests with fewer rounds."""


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that the kernel has, and a sync costs more than all the rest of a test's publish."""
    monkeypatch.setattr("os.fsync", lambda _handle: None)
    monkeypatch.setattr("assetpipe.delivery.sqlite.SYNCHRONOUS", "OFF")


def rounds(short: Count, long: Count) -> Count:
    return long if LONG else short


def world(folder: Path) -> tuple[FolderStore, SqliteCatalog]:
    store = FolderStore(folder / "store")
    return store, SqliteCatalog(folder / "store" / ".assetpipe" / "catalog.sqlite", store)


def objects(root: Path) -> dict[str, bytes]:
    """By the file system alone."""
    files = [path for path in root.rglob("*") if path.is_file() and ".assetpipe" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def catalogued(catalog: Catalog) -> dict[str, str]:
    return {
        f"{entry.category}/{entry.asset}": entry.revision
        for category in catalog.categories()
        for entry in catalog.listing(category)
    }


def faults(root: Path, catalog: Catalog) -> list[str]:
    """What must never be, at any moment."""
    return findings(objects(root), catalogued(catalog))


def settled(root: Path, catalog: Catalog) -> list[str]:
    """What must not be either once a publish has come to its end."""
    return faults(root, catalog) + disagreements(objects(root), catalogued(catalog))


def in_child(work: Callable[[], object]) -> int:
    """Run it in a forked process; returns its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
